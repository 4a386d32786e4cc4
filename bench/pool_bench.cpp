// What one call costs a pool's decisions, with 2 servers and with 10,000: an attempt is picked,
// begun and answered, and after each step the pool is asked what is to be done and when to look
// again, as net/dispatcher.cpp does. 32 attempts are out.
#include <benchmark/benchmark.h>

#include <array>
#include <string>

#include "core/pool.hpp"

namespace {

using namespace std::chrono_literals;
using namespace understudy::core;

constexpr auto service_time = 320us;

/// Every probe is answered at once.
void settle(pool& p, time_point now) {
  const pool_actions actions = p.take_actions(now);
  for (const server_id id : actions.probe) p.probe_ended(now, id, outcome::answered, 200us);
  benchmark::DoNotOptimize(p.next_deadline());
}

/// Probes at their usual pace would be one for each call with 10,000 servers: they are so rare
/// here that only the calls count.
pool_options quiet() {
  pool_options options;
  options.name = "orders";
  options.probe_interval = 24h;
  return options;
}

void add_servers(pool& p, time_point& now, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) {
    p.add(now, {.address = "10.0." + std::to_string(i / 250) + "." + std::to_string(i % 250)});
  }
  // Until each has been probed once: the first probes do not count.
  for (int i = 0; i < 100; ++i) settle(p, now += 10ms);
}

void call(benchmark::State& state) {
  time_point now{};
  pool p(quiet(), 1);
  add_servers(p, now, state.range(0));
  const method_id m = p.know("OrderInterface@get");
  std::array<attempt_id, 32> out{};  // a ring: the oldest is answered
  for (auto& each : out) each = p.begin(now, *p.pick(now, {}, m).server, m, true);
  std::size_t at = 0;
  for (auto _ : state) {
    now += service_time / out.size();
    p.end(now, out[at], outcome::answered);
    settle(p, now);
    out[at] = p.begin(now, *p.pick(now, {}, m).server, m, true);
    settle(p, now);
    if (++at == out.size()) at = 0;
  }
  for (const auto each : out) p.end(now, each, outcome::abandoned);
}
/// The choice alone.
void choice(benchmark::State& state) {
  time_point now{};
  pool p(quiet(), 1);
  add_servers(p, now, state.range(0));
  const method_id m = p.know("OrderInterface@get");
  for (auto _ : state) {
    now += 1us;
    benchmark::DoNotOptimize(p.pick(now, {}, m));
  }
}
BENCHMARK(choice)->Arg(2)->Arg(100)->Arg(10'000);

BENCHMARK(call)->Arg(2)->Arg(100)->Arg(10'000);

}  // namespace
