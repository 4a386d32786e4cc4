#include "app/command_drill.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <functional>
#include <set>
#include <stdexcept>

#include "app/drill_scenarios.hpp"
#include "app/drill_site.hpp"
#include "app/json_out.hpp"

namespace understudy::app {

namespace {

constexpr std::string_view saturated_suffix = "-saturated";
constexpr int exit_interrupted = 130;

struct planned {
  std::string scenario;
  bool saturated = false;
};

/// The scenarios in the order given, `all` spelled out; std::invalid_argument for one that is none.
std::vector<planned> plan(const std::vector<std::string>& names) {
  const auto known = scenario_names();
  std::vector<planned> plans;
  for (const auto& name : names) {
    if (name == "all") {
      for (const auto& each : known) plans.push_back({each, false});
      continue;
    }
    const bool saturated = name.ends_with(saturated_suffix);
    const std::string base =
        saturated ? name.substr(0, name.size() - saturated_suffix.size()) : name;
    if (std::find(known.begin(), known.end(), base) == known.end()) {
      throw std::invalid_argument(
          fmt::format("There is no scenario \"{}\". Scenarios: {}, all; each also with {}.", name,
                      fmt::join(known, ", "), saturated_suffix));
    }
    plans.push_back({base, saturated});
  }
  if (plans.empty()) {
    throw std::invalid_argument(
        fmt::format("Say which scenario to run: {} or all.", fmt::join(known, ", ")));
  }
  return plans;
}

std::string find_orders(const std::string& given) {
  const std::string program =
      !given.empty() ? given
                     : (std::filesystem::path(own_program()).parent_path() / "orders").string();
  if (::access(program.c_str(), X_OK) != 0) {
    throw std::runtime_error("The example server " + program +
                             " is not there. Build the target `orders`, or name it with --orders.");
  }
  return program;
}

/// Lines on standard error; on a terminal each replaces the one before.
class progress_line {
 public:
  ~progress_line() {
    if (terminal_) fmt::print(stderr, "\r\033[K");
  }
  void operator()(std::string_view text) const {
    if (terminal_) {
      fmt::print(stderr, "\r\033[K{}", text);
    } else {
      fmt::print(stderr, "{}\n", text);
    }
    std::fflush(stderr);
  }

 private:
  bool terminal_ = ::isatty(STDERR_FILENO) == 1;
};

std::string milliseconds_or_dash(const std::optional<std::int64_t>& value) {
  return value ? std::to_string(*value) : "-";
}

void print_row(std::string_view name, const drill_counts& c, const drill_result* whole) {
  fmt::print("{:<26}{:>8}{:>8}{:>8}{:>8}{:>6}{:>6}{:>6}{:>10.1f}", name, c.calls, c.acknowledged,
             c.failed, c.unknown, c.lost, c.duplicated, c.hurt, c.slowest_ms);
  if (whole != nullptr) {
    fmt::print("{:>10.1f}{:>8}{:>9}", whole->silence_ms, milliseconds_or_dash(whole->detect_ms),
               milliseconds_or_dash(whole->recover_ms));
  }
  fmt::print("\n");
}

void print_table(const std::vector<drill_result>& results) {
  fmt::print("{:<26}{:>8}{:>8}{:>8}{:>8}{:>6}{:>6}{:>6}{:>10}{:>10}{:>8}{:>9}\n", "scenario",
             "calls", "acked", "failed", "unknown", "lost", "dup", "hurt", "slowest", "silence",
             "detect", "recover");
  for (const auto& r : results) {
    print_row(r.scenario, r, &r);
    print_row("  idempotent", r.idempotent, nullptr);
    print_row("  not idempotent", r.writes, nullptr);
  }
  fmt::print(
      "Times are milliseconds. Unknown: calls that are not idempotent and were in flight when "
      "their "
      "server died; they may have run and were not repeated.\n");
  for (const auto& r : results) {
    for (const auto& promise : r.broken) {
      fmt::print("{}: {} is broken: {}.\n", r.scenario, promise.id, promise.why);
    }
  }
}

std::set<std::string> broken_ids(const drill_result& result) {
  std::set<std::string> ids;
  for (const auto& promise : result.broken) ids.insert(promise.id);
  return ids;
}

void add_optional(json_object& object, std::string_view name,
                  const std::optional<std::int64_t>& value) {
  if (value) {
    object.number(name, *value);
  } else {
    object.raw(name, "null");
  }
}

void append_result(std::string& out, const drill_result& r) {
  json_object object(out);
  object.text("scenario", r.scenario);
  object.number("calls", r.calls);
  object.number("acknowledged", r.acknowledged);
  object.number("failed", r.failed);
  object.number("lost", r.lost);
  object.number("duplicated", r.duplicated);
  object.number("hurt", r.hurt);
  object.raw("slowest_ms", fmt::format("{:.1f}", r.slowest_ms));
  object.raw("silence_ms", fmt::format("{:.1f}", r.silence_ms));
  add_optional(object, "detect_ms", r.detect_ms);
  add_optional(object, "recover_ms", r.recover_ms);
  json_array broken(object.key("promises_broken"));
  for (const auto& id : broken_ids(r)) broken.text(id);
}

std::string to_json(const std::vector<drill_result>& results) {
  std::string out;
  {
    json_array array(out);
    for (const auto& result : results) append_result(array.element(), result);
  }
  return out += '\n';
}

void print_results(const drill_options& options, const std::vector<drill_result>& results) {
  if (options.json == "-") {
    fmt::print("{}", to_json(results));
    return;
  }
  print_table(results);
  if (options.json.empty()) return;
  std::ofstream file(options.json);
  file << to_json(results) << std::flush;
  if (!file) throw std::runtime_error("Cannot write " + options.json + ".");
}

int run_plans(const std::vector<planned>& plans, const drill_options& options) {
  drill_settings settings;
  settings.calls_per_second = options.calls_per_second;
  settings.duration = options.duration;
  settings.keep = options.keep;
  settings.orders_program = find_orders(options.orders);
  std::vector<drill_result> results;
  {
    const progress_line progress;
    settings.progress = std::cref(progress);
    const interrupt_guard guard;
    for (const auto& one : plans) {
      settings.saturated = one.saturated;
      results.push_back(judge(run_scenario(one.scenario, settings)));
    }
  }
  print_results(options, results);
  const bool kept = std::all_of(results.begin(), results.end(),
                                [](const drill_result& r) { return r.broken.empty(); });
  return kept ? 0 : 1;
}

}  // namespace

std::vector<std::string> drill_scenario_names() {
  std::vector<std::string> names;
  for (const auto& name : scenario_names()) {
    names.push_back(name);
    names.push_back(name + std::string(saturated_suffix));
  }
  names.emplace_back("all");
  return names;
}

int run_drill(const drill_options& options) {
  try {
    if (options.calls_per_second <= 0 || options.duration < std::chrono::milliseconds{500}) {
      throw std::invalid_argument(
          "--calls-per-second must be positive and --duration at least 0.5 s.");
    }
    return run_plans(plan(options.scenarios), options);
  } catch (const std::invalid_argument& error) {
    fmt::print(stderr, "understudy drill: {}\n", error.what());
    return 2;
  } catch (const drill_interrupted& error) {
    fmt::print(stderr, "understudy drill: {}\n", error.what());
    return exit_interrupted;
  } catch (const std::exception& error) {
    fmt::print(stderr, "understudy drill: {}\n", error.what());
    return 3;
  }
}

}  // namespace understudy::app
