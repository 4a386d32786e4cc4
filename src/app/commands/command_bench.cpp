#include "app/commands/command_bench.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <map>
#include <optional>
#include <random>
#include <stdexcept>

#include "app/bench/bench_requests.hpp"
#include "app/bench/histogram.hpp"
#include "app/bench/load.hpp"
#include "app/bench/load_idle.hpp"
#include "understudy/error.hpp"
#include "wire/json_text.hpp"

namespace understudy::app {

namespace {

constexpr std::array percentiles{50.0, 90.0, 99.0, 99.9};
constexpr unsigned batch_max = 1000;  // what a gateway takes

/// Of one request.
std::uint64_t calls_each(const bench_options& options) {
  return std::max(1U, options.batch);
}

/// Keeps sums, no single calls.
class bench_script : public load_script {
 public:
  explicit bench_script(const bench_options& options)
      : requests_(options, random_number()),
        calls_each_(calls_each(options)),
        ticket_is_good_(options.mode == "queued") {}

  void append_call(std::uint64_t, std::string& out) override { requests_.append(out); }

  void ended(const load_call& call) override {
    const bool ticket = call.how == load_end::answered && call.code == code::accepted;
    if (call.good() || (ticket && ticket_is_good_)) {
      latency.record(call.end - call.start);
    } else {
      ++failures[name_of(call)];
    }
  }

  [[nodiscard]] std::uint64_t answered() const { return latency.count() * calls_each_; }

  histogram latency;                              ///< of requests
  std::map<std::string, std::uint64_t> failures;  ///< by error code, or by what went wrong

 private:
  static std::string name_of(const load_call& call) {
    switch (call.how) {
      case load_end::answered:
        return std::to_string(call.code);
      case load_end::not_sent:
        return "not_sent";
      case load_end::lost:
        return "connection_lost";
      case load_end::unreadable:
        return "unreadable";
      case load_end::timed_out:
        break;
    }
    return "timed_out";
  }

  static std::uint64_t random_number() {
    std::random_device device;
    return std::uint64_t{device()} << 32U | device();
  }

  bench_requests requests_;
  std::uint64_t calls_each_;
  bool ticket_is_good_;
};

double in_us(histogram::duration d) {
  return std::chrono::duration<double, std::micro>(d).count();
}

std::optional<std::string> problem_with(const bench_options& options) {
  const auto kind = wire::kind_of(options.params);
  const bool is_list = kind == wire::json_kind::array || kind == wire::json_kind::object;
  if (options.method.find('@') == std::string::npos) {
    return "METHOD must be Interface@method, not \"" + options.method + "\".";
  }
  if (!wire::json_valid(options.params) || !is_list) {
    return "PARAMS must be a JSON array or object, such as '[\"world\"]'.";
  }
  if (options.connections == 0 || options.depth == 0) {
    return "--connections and --depth must be at least 1.";
  }
  if (options.calls_per_second < 0) return "--rate must not be negative.";
  if (options.pid != 0 && options.idle == 0) return "--pid is of use only with --idle.";
  if (options.http && options.idle != 0) return "--idle speaks frames only, not --http.";
  const bool stored = !options.mode.empty() || options.keyed || options.batch > 0;
  if (stored && options.idle != 0) return "--idle does not go with --mode, --keyed and --batch.";
  if (!options.mode.empty() && options.mode != "durable" && options.mode != "queued") {
    return "--mode is durable or queued.";
  }
  if (options.batch > batch_max) return "--batch: at most 1000 calls.";
  if (options.batch > 0 && options.mode == "durable") {
    return "--batch stores calls without waiting for their ends: it does not go with --mode "
           "durable.";
  }
  return std::nullopt;
}

void print_text(const bench_script& script, double seconds) {
  const double rate = static_cast<double>(script.answered()) / seconds;
  fmt::print("{} calls answered in {:.2f} s: {:.0f} calls/s\n", script.answered(), seconds, rate);
  for (const double percent : percentiles) {
    fmt::print("  p{:<5} {:>10.1f} us\n", percent, in_us(script.latency.percentile(percent)));
  }
  fmt::print("  max    {:>10.1f} us\n", in_us(script.latency.max()));
  for (const auto& [name, count] : script.failures) fmt::print("  failed: {} x {}\n", count, name);
}

void print_json(const bench_script& script, double seconds) {
  std::string failures;
  for (const auto& [name, count] : script.failures) {
    failures += fmt::format("{}\"{}\":{}", failures.empty() ? "" : ",", name, count);
  }
  const auto us = [&](double percent) { return in_us(script.latency.percentile(percent)); };
  fmt::print(
      "{{\"answered\":{},\"seconds\":{:.3f},\"calls_per_second\":{:.1f},\"p50_us\":{:.1f},"
      "\"p90_us\":{:.1f},\"p99_us\":{:.1f},\"p999_us\":{:.1f},\"max_us\":{:.1f},"
      "\"failed\":{{{}}}}}\n",
      script.answered(), seconds, static_cast<double>(script.answered()) / seconds, us(50), us(90),
      us(99), us(99.9), in_us(script.latency.max()), failures);
}

int measure_calls(const bench_options& options) {
  load_options load;
  load.address = options.at;
  load.protocol = options.http ? load_protocol::http : load_protocol::frames;
  load.connections = options.connections;
  load.depth = options.depth;
  const std::uint64_t each = calls_each(options);
  load.calls_per_second = options.calls_per_second / static_cast<double>(each);
  load.timeout = options.timeout;
  load.warmup = options.warmup;
  load.duration = options.duration;
  load.calls_max = (options.calls + each - 1) / each;
  bench_script script(options);
  const load_report report = run_load(load, script);
  const double seconds = std::chrono::duration<double>(report.end - report.begin).count();
  options.json ? print_json(script, seconds) : print_text(script, seconds);
  return script.failures.empty() ? 0 : 1;
}

int measure_idle(const bench_options& options) {
  raise_open_files_limit();
  const auto resident = [&] { return options.pid != 0 ? resident_bytes(options.pid) : 0; };
  const std::uint64_t before = resident();
  std::string request;
  bench_requests(options, 0).append(request);
  const auto connections = open_idle(options.at, options.idle, request, options.timeout);
  const std::uint64_t after = resident();
  const double each = static_cast<double>(static_cast<std::int64_t>(after - before)) / options.idle;
  if (options.json) {
    fmt::print(
        "{{\"connections\":{},\"rss_before_bytes\":{},\"rss_after_bytes\":{},"
        "\"bytes_per_connection\":{:.0f}}}\n",
        options.idle, before, after, each);
  } else if (options.pid != 0) {
    fmt::print("{} idle connections: {:.1f} KiB each (resident {:.1f} MiB before, {:.1f} after)\n",
               options.idle, each / 1024, static_cast<double>(before) / (1 << 20),
               static_cast<double>(after) / (1 << 20));
  } else {
    fmt::print("{} idle connections are open and answered; --pid tells their memory.\n",
               options.idle);
  }
  return 0;
}

}  // namespace

int run_bench(const bench_options& options) {
  if (const auto problem = problem_with(options)) {
    fmt::print(stderr, "understudy bench: {}\n", *problem);
    return 2;
  }
  try {
    return options.idle > 0 ? measure_idle(options) : measure_calls(options);
  } catch (const std::runtime_error& error) {
    fmt::print(stderr, "understudy bench: {}\n", error.what());
    return 3;
  }
}

}  // namespace understudy::app
