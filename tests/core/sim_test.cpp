// The simulator's scenarios: what must hold whatever happens, and what must hold when only this
// happens. UNDERSTUDY_SIM=N runs N times as many seeds.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <string>

#include "core/sim_world.hpp"

namespace understudy::sim {
namespace {

using namespace std::chrono_literals;
using core::server_state;

unsigned seeds(unsigned usual) {
  const char* factor = std::getenv("UNDERSTUDY_SIM");
  return usual * static_cast<unsigned>(std::max(1, factor != nullptr ? std::atoi(factor) : 1));
}

struct totals {
  std::uint64_t worlds = 0;
  std::uint64_t calls = 0;
  std::uint64_t events = 0;
  duration simulated{};

  void add(const world& w) {
    ++worlds;
    calls += w.calls().size();
    events += w.events();
    simulated += w.now().time_since_epoch();
  }
  void print(const char* what) const {
    std::cout << "simulated: " << what << ": " << worlds << " worlds, "
              << std::chrono::duration<double, std::ratio<3600>>(simulated).count() << " hours, "
              << calls << " calls, " << events << " events\n";
  }
};

/// The promises that hold in every world, whatever broke.
void expect_safe(world& w, const plan& p) {
  double repeats = 0;
  for (std::size_t i = 0; i < w.calls().size(); ++i) {
    const sim_call& c = w.calls()[i];
    SCOPED_TRACE("seed " + std::to_string(p.seed) + ", call " + std::to_string(i));
    EXPECT_LE(c.executions, c.idempotent ? p.pool.attempts_max + c.canaries : 1U);
    EXPECT_TRUE(c.idempotent || c.canaries == 0);
    EXPECT_LE(c.attempts, p.pool.attempts_max);
    EXPECT_LE(c.ended, c.begun + p.deadline);
    if (c.answered || c.fault_delivered) {
      EXPECT_EQ(c.code, 0);
    } else {
      EXPECT_NE(c.code, 0);
      EXPECT_NE(c.sent, delivery::answered);
      EXPECT_TRUE(c.sent == delivery::unknown || c.executions == 0) << "it ran, and says not sent";
      EXPECT_TRUE(c.sent == delivery::not_sent || c.idempotent || c.code == code::outcome_unknown);
    }
    EXPECT_TRUE(!c.answered || c.executions > 0);
    if (c.attempts > 1) repeats += c.attempts - 1;
  }
  EXPECT_LE(repeats,
            p.pool.retry_tokens_max + p.pool.retry_ratio * static_cast<double>(w.calls().size()));
  EXPECT_EQ(w.pool().parked(), 0U);
  for (const core::server_status& s : w.pool().status(w.now())) EXPECT_EQ(s.in_flight, 0U);
}

duration random_ms(core::dice& d, int least, int most) {
  return least * 1ms + std::chrono::duration_cast<duration>((most - least) * 1ms * d.unit());
}

std::size_t random_index(core::dice& d, std::size_t size) {
  return static_cast<std::size_t>(d.next() % size);
}

/// 1 to 4 servers in 1 to 3 priorities, all sorts of faults, all healed by `healed`.
plan chaos(std::uint64_t seed, double rate, duration calls_for) {
  core::dice d(seed);
  plan p;
  p.seed = seed;
  p.calls_per_second = rate;
  p.calls_for = calls_for;
  p.deadline = random_ms(d, 50, 3000);
  p.idempotent_share = d.unit();
  p.stale_share = d.unit() < 0.3 ? 0.1 : 0.0;
  p.pool.name = "chaos";
  p.methods = 1 + static_cast<unsigned>(random_index(d, 3));
  p.pool.hold_down = random_ms(d, 0, 2000);
  p.pool.ramp = random_ms(d, 0, 2000);
  p.pool.parked_max = d.unit() < 0.2 ? 5 : 1000;
  p.pool.retry_tokens_max = d.unit() < 0.2 ? 3 : 500;
  p.pool.probe_timeout = random_ms(d, 100, 1000);
  if (d.unit() < 0.2) p.pool.failback = core::failback_policy::manual;
  const std::size_t count = 1 + random_index(d, 4);
  for (std::size_t i = 0; i < count; ++i) {
    const int slowest = d.unit() < 0.2 ? 400 : 20;
    p.servers.push_back({.priority = static_cast<unsigned>(random_index(d, 3)),
                         .weight = 0.5 + 2 * d.unit(),
                         .latency_max = random_ms(d, 2, slowest)});
  }
  const double ms = std::chrono::duration<double, std::milli>(calls_for).count() * 0.7;
  const std::size_t steps = random_index(d, 12);
  for (std::size_t i = 0; i < steps; ++i) {
    step_plan s{.at = random_ms(d, 0, static_cast<int>(ms)), .server = random_index(d, count)};
    const double draw = d.unit();
    if (draw < 0.1) {
      s.kind = step_kind::drain;
    } else if (draw < 0.2) {
      s.kind = step_kind::resume;
    } else {
      s.to = static_cast<condition>(random_index(d, 8));
      if (d.unit() < 0.5) s.method = static_cast<unsigned>(random_index(d, 3));
    }
    p.steps.push_back(s);
  }
  for (std::size_t i = 0; i < count; ++i) {
    p.steps.push_back({.at = calls_for * 7 / 10, .server = i, .to = condition::healthy});
    p.steps.push_back({.at = calls_for * 7 / 10, .server = i, .kind = step_kind::resume});
  }
  std::stable_sort(p.steps.begin(), p.steps.end(),
                   [](const step_plan& a, const step_plan& b) { return a.at < b.at; });
  p.run_for = calls_for + 30s;
  return p;
}

void expect_recovered(world& w, const plan& p) {
  SCOPED_TRACE("seed " + std::to_string(p.seed));
  for (const core::server_status& s : w.pool().status(w.now())) {
    if (p.pool.failback == core::failback_policy::manual && s.state == server_state::returning) {
      continue;
    }
    EXPECT_EQ(s.state, server_state::up) << s.options.address << " did not come back";
  }
  if (p.deadline < 1s) return;  // the slowest servers need longer for two attempts
  for (const sim_call& c : w.calls()) {
    if (c.begun < time_point{} + p.calls_for * 7 / 10 + 5s) continue;
    EXPECT_TRUE(c.answered) << "code " << c.code << " long after all has healed";
  }
}

TEST(simulator, promises_hold_in_every_chaos_and_all_heals) {
  totals sum;
  const auto run = [&sum](unsigned count, std::uint64_t first, double rate, duration calls_for) {
    for (std::uint64_t seed = first; seed < first + count; ++seed) {
      const plan p = chaos(seed, rate, calls_for);
      world w(p);
      ASSERT_NO_THROW(w.run()) << "seed " << seed;
      expect_safe(w, p);
      expect_recovered(w, p);
      sum.add(w);
      if (testing::Test::HasFailure()) return;
    }
  };
  run(seeds(600), 1, 1, 60s);
  run(seeds(200), 10'000'001, 50, 10s);
  run(seeds(8), 20'000'001, 2000, 2s);
  sum.print("chaos");
}

TEST(simulator, the_same_seed_makes_the_same_run) {
  for (std::uint64_t seed = 500; seed < 520; ++seed) {
    const plan p = chaos(seed, 50, 5s);
    world first(p);
    world second(p);
    first.run();
    second.run();
    EXPECT_EQ(first.hash(), second.hash()) << "seed " << seed;
    EXPECT_EQ(first.records().size(), second.records().size());
    plan other = p;
    ++other.seed;
    world third(other);
    third.run();
    EXPECT_NE(first.hash(), third.hash());
  }
}

/// A primary that crashes and comes back, a backup that stays; nothing else happens.
plan crash(std::uint64_t seed, double rate) {
  core::dice d(seed);
  plan p;
  p.seed = seed;
  p.pool.name = "crash";
  p.servers = {{.priority = 0}, {.priority = 1}};
  p.calls_per_second = rate;
  p.idempotent_share = 0.5;
  p.deadline = 5s;
  const bool brisk = rate > 1000;
  if (brisk) p.pool.hold_down = p.pool.ramp = 500ms;
  const duration restart = random_ms(d, 700, 1500);
  p.calls_for = brisk ? 4s : 16s;
  p.steps = {{.at = random_ms(d, 100, 600), .server = 0, .to = condition::crashed},
             {.at = restart, .server = 0, .to = condition::healthy}};
  return p;
}

TEST(simulator, a_crash_of_the_primary_fails_no_idempotent_call_and_failback_hurts_none) {
  totals sum;
  const auto run = [&sum](unsigned count, std::uint64_t first, double rate) {
    for (std::uint64_t seed = first; seed < first + count; ++seed) {
      const plan p = crash(seed, rate);
      world w(p);
      ASSERT_NO_THROW(w.run()) << "seed " << seed;
      expect_safe(w, p);
      const time_point crashed = time_point{} + p.steps[0].at;
      std::size_t on_primary_at_the_end = 0;
      for (const sim_call& c : w.calls()) {
        SCOPED_TRACE("seed " + std::to_string(seed));
        const bool in_flight = c.begun <= crashed && crashed < c.ended + 1ms;
        EXPECT_TRUE(c.answered || (!c.idempotent && in_flight)) << c.code;
        // Two full runs at the servers' slowest, and a few connects.
        EXPECT_LE(c.ended - c.begun, 2 * 10ms + 2ms);
        on_primary_at_the_end += c.servers.back() == 0 && c.begun > time_point{} + p.calls_for - 1s;
      }
      EXPECT_TRUE(rate < 10 || on_primary_at_the_end > 0) << "no failback, seed " << seed;
      sum.add(w);
      if (testing::Test::HasFailure()) return;
    }
  };
  run(seeds(300), 1, 1);
  run(seeds(60), 1'000'001, 50);
  run(seeds(5), 2'000'001, 2000);
  sum.print("crash of the primary");
}

TEST(simulator, after_an_outage_of_all_every_parked_call_is_answered) {
  totals sum;
  for (const double rate : {1.0, 50.0, 300.0}) {
    for (std::uint64_t seed = 1; seed <= seeds(rate < 10 ? 200 : 20); ++seed) {
      core::dice d(seed);
      plan p;
      p.seed = seed;
      p.pool.name = "outage";
      p.servers = {{.priority = 0}, {.priority = d.unit() < 0.5 ? 0U : 1U}};
      p.calls_per_second = rate;
      p.calls_for = 6s;
      p.deadline = 5s;
      p.steps = {{.at = 1s, .server = 0, .to = condition::crashed},
                 {.at = 1s + random_ms(d, 0, 100), .server = 1, .to = condition::crashed},
                 {.at = 1s + random_ms(d, 500, 2000), .to = condition::healthy}};
      p.steps[2].server = random_index(d, 2);
      world w(p);
      ASSERT_NO_THROW(w.run()) << "seed " << seed;
      expect_safe(w, p);
      for (const sim_call& c : w.calls()) {
        // In flight at both crashes: it has cost two connections and may not be tried again.
        const bool killed = c.code == code::outcome_unknown && c.servers.size() >= 2;
        EXPECT_TRUE(c.answered || killed) << "seed " << seed << ", code " << c.code;
      }
      sum.add(w);
      if (HasFailure()) return;
    }
  }
  sum.print("all down, then up");
}

}  // namespace
}  // namespace understudy::sim
