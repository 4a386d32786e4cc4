#include "app/commands/command_drill.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <functional>
#include <optional>
#include <set>
#include <stdexcept>

#include "app/common/json_out.hpp"
#include "app/drill/drill_ground.hpp"
#include "app/drill/drill_scenarios.hpp"

namespace understudy::app {

namespace {

constexpr int exit_interrupted = 130;
constexpr std::uint64_t calls_max = 100'000'000;  // each is remembered, and counted afterwards
constexpr std::array paces{drill_pace::normal, drill_pace::trickle, drill_pace::saturated};

struct planned {
  std::string scenario;
  drill_pace pace = drill_pace::normal;
};

std::optional<planned> find_scenario(const std::string& name) {
  for (const auto& known : known_scenarios()) {
    for (const auto pace : paces) {
      if (known.own_pace && pace != drill_pace::normal) continue;
      if (name == known.name + std::string(suffix_of(pace))) return planned{known.name, pace};
    }
  }
  return std::nullopt;
}

/// The scenarios in the order given, `all` spelled out; std::invalid_argument for one that is none.
std::vector<planned> plan(const std::vector<std::string>& names) {
  std::vector<std::string> known;
  for (const auto& each : known_scenarios()) known.push_back(each.name);
  std::vector<planned> plans;
  for (const auto& name : names) {
    if (name == "all") {
      for (const auto& each : known_scenarios()) {
        if (each.in_all) plans.push_back({each.name, drill_pace::normal});
      }
      continue;
    }
    const auto one = find_scenario(name);
    if (!one) {
      throw std::invalid_argument(
          fmt::format("There is no scenario \"{}\". Scenarios: {}, all; most also with {} and {}.",
                      name, fmt::join(known, ", "), suffix_of(drill_pace::trickle),
                      suffix_of(drill_pace::saturated)));
    }
    plans.push_back(*one);
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

std::string number_or_dash(const std::optional<std::int64_t>& value) {
  return value ? std::to_string(*value) : "-";
}

void print_row(std::string_view name, const drill_counts& c, const drill_result* whole) {
  fmt::print("{:<26}{:>8}{:>8}{:>8}{:>8}{:>6}{:>6}{:>6}{:>10.1f}", name, c.calls, c.acknowledged,
             c.failed, c.unknown, c.lost, c.duplicated, c.hurt, c.slowest_ms);
  if (whole != nullptr) {
    fmt::print("{:>10.1f}{:>8}{:>9}{:>8}", whole->silence_ms, number_or_dash(whole->detect_ms),
               number_or_dash(whole->recover_ms), number_or_dash(whole->left_ms));
  }
  fmt::print("\n");
}

void print_table(const std::vector<drill_result>& results) {
  fmt::print("{:<26}{:>8}{:>8}{:>8}{:>8}{:>6}{:>6}{:>6}{:>10}{:>10}{:>8}{:>9}{:>8}\n", "scenario",
             "calls", "acked", "failed", "unknown", "lost", "dup", "hurt", "slowest", "silence",
             "detect", "recover", "left");
  for (const auto& r : results) {
    if (!r.skipped.empty()) {
      fmt::print("{:<26}skipped: {}\n", r.scenario, r.skipped);
      continue;
    }
    print_row(r.scenario, r, &r);
    print_row("  idempotent", r.idempotent, nullptr);
    print_row("  not idempotent", r.writes, nullptr);
  }
  fmt::print(
      "Times are milliseconds. Unknown: calls that are not idempotent and were in flight when "
      "their "
      "server died; they may have run and were not repeated.\n");
  for (const auto& r : results) {
    std::vector<std::string> figures;
    for (const auto& [name, value] : r.figures) {
      figures.push_back(fmt::format("{} {:.1f}", name, value));
    }
    if (!figures.empty()) fmt::print("{}: {}\n", r.scenario, fmt::join(figures, ", "));
  }
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
  add_optional(object, "left_ms", r.left_ms);
  if (r.met) object.number("met", *r.met);
  if (r.stayed) object.number("stayed_share", *r.stayed);
  if (r.killed) object.number("killed", *r.killed);
  if (r.goodput_share) object.number("goodput_share", *r.goodput_share);
  for (const auto& [name, value] : r.figures) object.raw(name, fmt::format("{:.1f}", value));
  if (!r.skipped.empty()) object.text("skipped", r.skipped);
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
  settings.kills = options.kills;
  settings.calls = options.calls;
  settings.seed = options.seed;
  settings.keep = options.keep;
  settings.orders_program = find_orders(options.orders);
  std::vector<drill_result> results;
  {
    const progress_line progress;
    settings.progress = std::cref(progress);
    const interrupt_guard guard;
    for (const auto& one : plans) {
      settings.pace = one.pace;
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
  std::vector<std::string> names{"all"};
  for (const auto& known : known_scenarios()) names.push_back(known.name);
  return names;
}

std::string drill_scenario_help() {
  std::string text;
  for (const auto& known : known_scenarios()) {
    text += fmt::format("  {:<21}{}\n", known.name, known.about);
  }
  return text;
}

int run_drill(const drill_options& options) {
  try {
    if (options.calls_per_second <= 0 || options.duration < std::chrono::milliseconds{500}) {
      throw std::invalid_argument(
          "--calls-per-second must be positive and --duration at least 0.5 s.");
    }
    if (options.calls == 0 || options.calls > calls_max) {
      throw std::invalid_argument(fmt::format("--calls is from 1 to {}.", calls_max));
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
