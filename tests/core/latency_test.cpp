// The memory of latencies: what it keeps, what fades, and what it says of calls not seen yet.
#include "core/latency.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "core/dice.hpp"

namespace understudy::core {
namespace {

using namespace std::chrono_literals;

duration seconds(double s) {
  return std::chrono::duration_cast<duration>(std::chrono::duration<double>(s));
}
double to_seconds(duration d) {
  return std::chrono::duration<double>(d).count();
}

/// Exponentially distributed: the tail of a queueing server.
double exponential(dice& d, double mean) {
  return -mean * std::log(1.0 - d.unit());
}

class latency_of_calls : public ::testing::Test {
 protected:
  void add(int calls, duration gap, duration took) {
    for (int i = 0; i < calls; ++i) memory.add(now += gap, took);
  }
  [[nodiscard]] double phi(duration age) const { return -std::log10(memory.survival(age)); }

  time_point now{1h};
  latency memory;
};

TEST_F(latency_of_calls, knows_nothing_at_first) {
  EXPECT_EQ(memory.count(), 0.0);
  EXPECT_EQ(memory.quantile(0.5), 0s);
  EXPECT_EQ(memory.survival(100s), 1.0) << "no age is a surprise";
}

TEST_F(latency_of_calls, is_small) {
  EXPECT_LE(sizeof(latency), 1200U);
}

TEST_F(latency_of_calls, finds_quantiles_to_four_percent) {
  dice random(1);
  std::vector<double> all;
  for (int i = 0; i < 20000; ++i) {
    const double took = std::exp(6.0 * random.unit()) * 1e-4;  // 0.1 to 40 ms
    all.push_back(took);
    memory.add(now += 10us, seconds(took));
  }
  std::sort(all.begin(), all.end());
  for (const double q : {0.01, 0.1, 0.5, 0.9, 0.95, 0.99, 0.999}) {
    const double exact = all[static_cast<std::size_t>(q * 20000)];
    EXPECT_NEAR(to_seconds(memory.quantile(q)) / exact, 1.0, 0.045) << q;
  }
}

TEST_F(latency_of_calls, keeps_what_lies_off_the_scale_at_its_edges) {
  add(1, 1ms, 0s);
  EXPECT_LE(memory.quantile(1.0), 2us);
  add(1, 1ms, -1s);
  EXPECT_LE(memory.quantile(1.0), 2us);
  add(20, 1ms, 1h);
  EXPECT_GE(memory.quantile(0.5), 90s);
}

TEST_F(latency_of_calls, keeps_64_calls_at_one_a_second) {
  add(1000, 1s, 10ms);
  EXPECT_NEAR(memory.count(), 64, 1);
  add(1, 24h, 10ms);
  EXPECT_NEAR(memory.count(), 64, 1) << "silence forgets nothing";
}

TEST_F(latency_of_calls, looks_back_ten_seconds_at_many_calls) {
  add(60000, 1ms, 10ms);
  EXPECT_NEAR(memory.count(), 10000, 100);
}

TEST_F(latency_of_calls, follows_a_change_within_its_window) {
  add(20000, 1ms, 10ms);
  add(7500, 1ms, 100ms);  // 7.5 s: the old now weigh less than half
  EXPECT_NEAR(to_seconds(memory.quantile(0.5)), 0.1, 0.008);
  add(60000, 1ms, 10ms);  // and after six windows the slow ones are less than 1 %
  EXPECT_NEAR(to_seconds(memory.quantile(0.99)), 0.01, 0.001);
}

TEST_F(latency_of_calls, survives_years_of_calls) {
  // Weights grow and are brought down again many times on the way.
  add(30000, 1s, 10ms);
  add(64, 24h, 10ms);
  EXPECT_NEAR(memory.count(), 64, 1);
  EXPECT_NEAR(to_seconds(memory.quantile(0.5)), 0.01, 0.0005);
}

TEST_F(latency_of_calls, does_not_mind_a_clock_that_stands_or_runs_back) {
  for (int i = 0; i < 10; ++i) memory.add(now, 10ms);
  memory.add(now - 1h, 10ms);
  EXPECT_NEAR(memory.count(), 11, 0.01);
}

TEST_F(latency_of_calls, survival_is_what_was_seen_where_much_was_seen) {
  dice random(2);
  for (int i = 0; i < 5000; ++i) memory.add(now += 1ms, seconds(exponential(random, 0.01)));
  for (const double multiple : {0.5, 1.0, 2.0, 3.0}) {
    EXPECT_NEAR(memory.survival(seconds(0.01 * multiple)) / std::exp(-multiple), 1.0, 0.15)
        << multiple;
  }
}

TEST_F(latency_of_calls, survival_never_rises_with_age_nor_reaches_zero) {
  dice random(3);
  for (int round = 0; round < 200; ++round) {
    memory.add(now += seconds(random.unit()), seconds(exponential(random, 0.02)));
    double last = 1.0;
    for (double age = 1e-6; age < 1000; age *= 1.3) {
      const double s = memory.survival(seconds(age));
      ASSERT_LE(s, last + 1e-12) << "after " << round << " calls, at " << age << " s";
      ASSERT_GT(s, 0.0);
      last = s;
    }
  }
}

TEST_F(latency_of_calls, few_calls_promise_little) {
  add(1, 1s, 10ms);
  EXPECT_LT(phi(100ms), 2.5);
  const double one = phi(300ms);
  add(99, 1s, 10ms);
  EXPECT_GT(phi(300ms), one + 2) << "a hundred calls promise more than one";
}

TEST_F(latency_of_calls, a_steady_method_that_hangs_is_found_out_soon) {
  add(64, 1s, 10ms);
  EXPECT_LT(phi(15ms), 2.0) << "half as long again is no surprise";
  EXPECT_GT(phi(300ms), 7.0);
}

TEST_F(latency_of_calls, a_hiccup_of_the_machine_is_no_surprise_to_a_quick_method) {
  add(10000, 1ms, 100us);
  EXPECT_LT(phi(5ms), 6.0);
  EXPECT_GT(phi(100ms), 8.0);
}

TEST_F(latency_of_calls, a_method_with_a_slow_path_is_granted_it) {
  for (int i = 0; i < 1000; ++i) memory.add(now += 10ms, i % 50 == 0 ? 1s : 10ms);  // 2 %
  EXPECT_NEAR(memory.survival(500ms), 0.02, 0.005);
  EXPECT_LT(phi(900ms), 2.2);
  EXPECT_GT(phi(10s), 6.0) << "but not ten times that";
}

/// What it extrapolates is tested against what then happens.
TEST_F(latency_of_calls, extrapolates_with_caution) {
  dice random(4);
  int alarms = 0;
  constexpr int calls = 200000;
  for (int i = 0; i < calls; ++i) {
    const double took = exponential(random, 0.02);
    if (i > 100 && memory.survival(seconds(took)) < 1e-4) ++alarms;
    memory.add(now += 20ms, seconds(took));
  }
  EXPECT_LT(alarms, calls / 1e4) << "said to be one in 10,000";
}

}  // namespace
}  // namespace understudy::core
