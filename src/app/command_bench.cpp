#include "app/command_bench.hpp"

#include <fmt/format.h>

#include <array>
#include <cstdio>
#include <map>
#include <optional>
#include <stdexcept>
#include <utility>

#include "app/histogram.hpp"
#include "app/load.hpp"
#include "app/load_idle.hpp"
#include "wire/frame.hpp"
#include "wire/json_text.hpp"
#include "wire/request.hpp"

namespace understudy::app {

namespace {

constexpr std::array percentiles{50.0, 90.0, 99.0, 99.9};

/// The same body in either protocol.
std::string request_bytes(const bench_options& options) {
  std::string body;
  wire::append_request(body, options.method, options.params);
  if (options.http) {
    return fmt::format(
        "POST /rpc HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\n"
        "Content-Length: {}\r\n\r\n{}",
        options.at, body.size(), body);
  }
  std::string frame;
  wire::append_frame(frame, wire::frame_type::message, body);
  return frame;
}

/// Sends one request over and over; keeps sums, no single calls.
class bench_script : public load_script {
 public:
  explicit bench_script(std::string request) : request_(std::move(request)) {}

  void append_call(std::uint64_t, std::string& out) override { out += request_; }

  void ended(const load_call& call) override {
    if (call.good()) {
      latency.record(call.end - call.start);
    } else {
      ++failures[name_of(call)];
    }
  }

  histogram latency;
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

  std::string request_;
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
  return std::nullopt;
}

void print_text(const bench_script& script, double seconds) {
  const double rate = static_cast<double>(script.latency.count()) / seconds;
  fmt::print("{} calls answered in {:.2f} s: {:.0f} calls/s\n", script.latency.count(), seconds,
             rate);
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
      script.latency.count(), seconds, static_cast<double>(script.latency.count()) / seconds,
      us(50), us(90), us(99), us(99.9), in_us(script.latency.max()), failures);
}

int measure_calls(const bench_options& options) {
  load_options load;
  load.address = options.at;
  load.protocol = options.http ? load_protocol::http : load_protocol::frames;
  load.connections = options.connections;
  load.depth = options.depth;
  load.calls_per_second = options.calls_per_second;
  load.timeout = options.timeout;
  load.warmup = options.warmup;
  load.duration = options.duration;
  load.calls_max = options.calls;
  bench_script script(request_bytes(options));
  const load_report report = run_load(load, script);
  const double seconds = std::chrono::duration<double>(report.end - report.begin).count();
  options.json ? print_json(script, seconds) : print_text(script, seconds);
  return script.failures.empty() ? 0 : 1;
}

int measure_idle(const bench_options& options) {
  raise_open_files_limit();
  const auto resident = [&] { return options.pid != 0 ? resident_bytes(options.pid) : 0; };
  const std::uint64_t before = resident();
  const auto connections =
      open_idle(options.at, options.idle, request_bytes(options), options.timeout);
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
