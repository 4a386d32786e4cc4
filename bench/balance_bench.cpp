// What choosing costs: one attempt is picked, begun and ended, among 2 and among 10,000 members.
// Half as many attempts as members are in flight, 1,000 at most: a gateway's own bound.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <string>
#include <vector>

#include "core/balancer.hpp"

namespace {

using namespace std::chrono_literals;
using namespace understudy::core;

struct fixture {
  fixture(balance_policy policy, std::size_t members) : b({.policy = policy}) {
    for (std::size_t i = 0; i < members; ++i) {
      const std::string name = "10.0." + std::to_string(i / 250) + "." + std::to_string(i % 250);
      b.add(static_cast<server_id>(i), {.name = name});
      b.set_eligible(static_cast<server_id>(i), true);
    }
    out.resize(std::clamp<std::size_t>(members / 2, 1, 1'000));
    for (server_id& id : out) {
      id = *b.pick(now, random.next(), {}, random);
      b.began(now, id);
    }
  }

  balancer b;
  dice random{1};
  time_point now{};
  std::vector<server_id> out;  ///< a ring: the oldest is replaced
};

void attempt(benchmark::State& state, balance_policy policy) {
  fixture f(policy, static_cast<std::size_t>(state.range(0)));
  std::size_t at = 0;
  const duration age = 100us * f.out.size();
  const std::uint64_t before = f.b.steps();
  for (auto _ : state) {
    f.now += 100us;
    f.b.ended(f.now, f.out[at], f.now - age, outcome::answered);
    f.out[at] = *f.b.pick(f.now, f.random.next(), {}, f.random);
    f.b.began(f.now, f.out[at]);
    if (++at == f.out.size()) at = 0;
  }
  state.counters["steps"] = benchmark::Counter(static_cast<double>(f.b.steps() - before),
                                               benchmark::Counter::kAvgIterations);
}
BENCHMARK_CAPTURE(attempt, peak_ewma, balance_policy::peak_ewma)->Arg(2)->Arg(10'000);
BENCHMARK_CAPTURE(attempt, round_robin, balance_policy::round_robin)->Arg(2)->Arg(10'000);
BENCHMARK_CAPTURE(attempt, least_request, balance_policy::least_request)->Arg(2)->Arg(10'000);
BENCHMARK_CAPTURE(attempt, consistent_hash, balance_policy::consistent_hash)->Arg(2)->Arg(10'000);

/// A server goes and comes back.
void change(benchmark::State& state, balance_policy policy) {
  const auto members = static_cast<std::uint64_t>(state.range(0));
  fixture f(policy, members);
  for (auto _ : state) {
    const auto id = static_cast<server_id>(f.random.next() % members);
    f.b.set_eligible(id, false);
    f.b.set_eligible(id, true);
  }
}
BENCHMARK_CAPTURE(change, peak_ewma, balance_policy::peak_ewma)->Arg(2)->Arg(10'000);
BENCHMARK_CAPTURE(change, consistent_hash, balance_policy::consistent_hash)->Arg(2)->Arg(10'000);

}  // namespace
