// The limit of one server, against servers whose number of workers is known.
#include "core/limiter.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <deque>
#include <queue>
#include <vector>

#include "core/dice.hpp"

namespace understudy::core {
namespace {

using namespace std::chrono_literals;

duration seconds(double s) {
  return std::chrono::duration_cast<duration>(std::chrono::duration<double>(s));
}

/// A server with a queue, and callers who always have `demand` calls for it: as many are in flight
/// as the limit lets in.
class limiter_of_server : public ::testing::Test {
 protected:
  struct call {
    time_point ends, began;
    bool calm;
    bool operator>(const call& other) const { return ends > other.ends; }
  };

  void start(unsigned workers, double mean) {
    free_at.assign(workers, now);
    service = mean;
  }
  /// The same server, with more or fewer workers, or slower ones.
  void change(unsigned workers, double mean) {
    std::sort(free_at.begin(), free_at.end());
    free_at.resize(workers, now);
    service = mean;
  }

  void run(unsigned demand, duration time) {
    const time_point end = now + time;
    while (now < end) {
      while (limit.in_flight() < demand && limit.has_place()) begin();
      finish_one();
      highest = std::max(highest, limit.limit());
      lowest = std::min(lowest, limit.limit());
      sum += limit.limit();
      ++steps;
    }
  }
  void begin() {
    const bool calm = limit.began(now);
    const auto worker = std::min_element(free_at.begin(), free_at.end());
    *worker = std::max(*worker, now) + seconds(-service * std::log(1.0 - random.unit()));
    out.push({*worker, now, calm});
  }
  void finish_one(load_sign how = load_sign::served) {
    const call c = out.top();
    out.pop();
    now = std::max(now, c.ends);
    limit.ended(now, now - c.began, method.expected(), how);
    if (how == load_sign::served) method.add(now - c.began, c.calm);
  }
  void forget_steps() {
    highest = 0;
    lowest = 10000;
    sum = steps = 0;
  }
  [[nodiscard]] double mean_limit() const { return sum / steps; }

  dice random{1};
  time_point now{1h};
  limiter limit;
  baseline method;
  double service = 0;
  std::vector<time_point> free_at;
  std::priority_queue<call, std::vector<call>, std::greater<>> out;
  unsigned highest = 0;
  unsigned lowest = 10000;
  double sum = 0;
  double steps = 0;
};

TEST_F(limiter_of_server, starts_with_sixteen) {
  EXPECT_EQ(limit.limit(), 16U);
  EXPECT_TRUE(limit.has_place());
  EXPECT_EQ(limit.in_flight(), 0U);
}

TEST_F(limiter_of_server, counts_what_is_in_flight) {
  start(4, 0.01);
  for (unsigned i = 0; i < 16; ++i) begin();
  EXPECT_EQ(limit.in_flight(), 16U);
  EXPECT_FALSE(limit.has_place());
  finish_one(load_sign::nothing);
  EXPECT_EQ(limit.in_flight(), 15U);
  EXPECT_TRUE(limit.has_place());
}

TEST_F(limiter_of_server, calls_calm_what_finds_nobody_ahead) {
  EXPECT_TRUE(limit.began(now));
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(limit.began(now)) << "4 = a quarter of 16";
  EXPECT_FALSE(limit.began(now));
}

class limiter_of_any_server : public limiter_of_server,
                              public ::testing::WithParamInterface<unsigned> {};

TEST_P(limiter_of_any_server, finds_twice_the_workers) {
  const unsigned workers = GetParam();
  start(workers, 0.02);
  // Begun under full load: the first calls it believes calm are not. Trials put that right, which
  // takes longest where there is one worker.
  run(10 * workers + 20, 10s + 60s / workers);
  forget_steps();
  run(10 * workers + 20, 20s);
  EXPECT_GE(mean_limit(), 1.2 * workers);
  EXPECT_LE(mean_limit(), std::max(5.0, 3.5 * workers));
}

TEST_P(limiter_of_any_server, never_moves_for_a_calm_one) {
  start(GetParam(), 0.02);
  for (int i = 0; i < 20000; ++i) {  // one call a second, for five hours
    begin();
    finish_one();
    now += 1s;
    ASSERT_GE(limit.limit(), 16U);
  }
}

INSTANTIATE_TEST_SUITE_P(workers, limiter_of_any_server, ::testing::Values(1U, 4U, 16U, 64U));

TEST_F(limiter_of_server, follows_capacity_down_and_up) {
  start(16, 0.02);
  run(500, 10s);
  change(4, 0.02);
  run(500, 10s);
  forget_steps();
  run(500, 10s);
  EXPECT_LE(mean_limit(), 14.0);
  change(32, 0.02);
  run(500, 10s);
  forget_steps();
  run(500, 10s);
  EXPECT_GE(mean_limit(), 40.0);
}

/// The database behind it got slower: its workers wait for that, nothing queues in it. More
/// calls in flight do no harm, fewer would: so the limit must not stay down.
TEST_F(limiter_of_server, does_not_take_a_slow_server_for_an_overloaded_one) {
  start(64, 0.02);
  run(40, 20s);
  change(64, 0.2);
  run(40, 60s);
  forget_steps();
  run(40, 60s);
  EXPECT_GE(mean_limit(), 40.0);
}

/// Its first calls met a full server: what they took is no measure.
TEST_F(limiter_of_server, unlearns_what_it_learnt_under_load) {
  start(1, 0.02);
  for (int i = 0; i < 32; ++i) method.add(320ms, true);  // 16 times too much
  run(100, 120s);
  EXPECT_LT(method.expected(), 60ms);
  forget_steps();
  run(100, 20s);
  EXPECT_LE(mean_limit(), 7.0);
}

TEST_F(limiter_of_server, a_pause_does_not_bring_it_down_for_long) {
  start(8, 0.02);
  run(12, 10s);
  for (int i = 0; i < 5; ++i) {
    for (auto& at : free_at) at = std::max(at, now) + 500ms;
    run(12, 5s);
    EXPECT_GE(limit.limit(), 10U);
  }
}

TEST_F(limiter_of_server, is_not_raised_where_it_is_not_used) {
  start(64, 0.02);
  run(8, 30s);
  EXPECT_EQ(highest, 16U);
}

TEST_F(limiter_of_server, falls_when_the_server_pushes_back_once_a_round) {
  start(4, 0.02);
  for (int i = 0; i < 16; ++i) begin();
  for (int i = 0; i < 16; ++i) finish_one(load_sign::pushed_back);
  EXPECT_EQ(limit.limit(), 11U) << "one round of refusals is one sign";
  for (int i = 0; i < 11; ++i) begin();
  finish_one(load_sign::pushed_back);
  EXPECT_EQ(limit.limit(), 7U);
}

TEST_F(limiter_of_server, never_falls_below_its_floor) {
  start(1, 0.02);
  for (int i = 0; i < 200; ++i) {
    while (limit.has_place()) begin();
    while (limit.in_flight() > 0) finish_one(load_sign::pushed_back);
    ASSERT_GE(limit.limit(), 2U);
  }
  EXPECT_EQ(limit.limit(), 2U);
  run(1, 30s);
  EXPECT_EQ(limit.limit(), 16U) << "calm again: as at first";
}

TEST_F(limiter_of_server, learns_nothing_from_attempts_that_say_nothing) {
  start(1, 0.02);
  for (int round = 0; round < 100; ++round) {
    for (int i = 0; i < 16; ++i) begin();
    for (int i = 0; i < 16; ++i) finish_one(load_sign::nothing);
  }
  EXPECT_EQ(limit.limit(), 16U);
}

TEST_F(limiter_of_server, a_server_that_hangs_does_not_keep_it_in_a_trial) {
  start(4, 0.02);
  run(100, 5s);
  // Nothing comes back for long, then everything times out: and then it serves again.
  for (auto& at : free_at) at = now + 60s;
  for (int i = 0; i < 100 && limit.has_place(); ++i) begin();
  now += 60s;
  while (limit.in_flight() > 0) finish_one(load_sign::timed_out);
  run(100, 30s);
  forget_steps();
  run(100, 10s);
  EXPECT_GE(mean_limit(), 5.0);
  EXPECT_LE(mean_limit(), 16.0);
}

TEST(baseline_of_method, keeps_what_calm_calls_took) {
  baseline b;
  EXPECT_EQ(b.expected(), 0s);
  b.add(900ms, false);
  b.add(300ms, false);
  b.add(600ms, false);
  EXPECT_EQ(b.expected(), 300ms) << "the least, while there is nothing better";
  b.add(10ms, true);
  EXPECT_EQ(b.expected(), 10ms);
  b.add(900ms, false);
  EXPECT_EQ(b.expected(), 10ms);
  b.add(30ms, true);
  EXPECT_EQ(b.expected(), 20ms);
  for (int i = 0; i < 200; ++i) b.add(50ms, true);
  EXPECT_GT(b.expected(), 49ms) << "it follows";
}

/// 30 calls are out all the time, and take longer than believed.
class limiter_on_trial : public ::testing::Test {
 protected:
  limiter_on_trial() {
    for (int i = 0; i < 30; ++i) (void)limit.began(now);
  }
  void answer(time_point refused) {
    now += 17ms;
    limit.ended(now, 500ms, 300ms, load_sign::served, refused);
    (void)limit.began(now);
  }
  /// `refused`: calls are refused all the time.
  bool comes_to_trial(bool refused) {
    for (int i = 0; i < 1'000 && limit.limit() >= 16; ++i)
      answer(refused ? now : time_point::min());
    return limit.limit() < 16;
  }

  limiter limit{{.start = 32}};
  time_point now{};
};

TEST_F(limiter_on_trial, the_first_refusal_ends_it) {
  ASSERT_TRUE(comes_to_trial(false));
  answer(time_point::min());
  EXPECT_LT(limit.limit(), 16U);
  answer(now);
  EXPECT_GE(limit.limit(), 32U);
}

TEST_F(limiter_on_trial, where_calls_are_refused_anyway_it_goes_on) {
  ASSERT_TRUE(comes_to_trial(true));
  answer(now);
  EXPECT_LT(limit.limit(), 16U);
}

}  // namespace
}  // namespace understudy::core
