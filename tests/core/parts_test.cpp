// The small parts: balancer, retry budget, parking place, random numbers, words.
#include <gtest/gtest.h>

#include <array>
#include <vector>

#include "core/balancer.hpp"
#include "core/dice.hpp"
#include "core/parking.hpp"
#include "core/pool.hpp"
#include "core/record_text.hpp"
#include "core/retry_budget.hpp"

namespace understudy::core {
namespace {

using namespace std::chrono_literals;

TEST(balancer, takes_the_least_loaded_for_its_weight) {
  dice d(1);
  EXPECT_EQ(choose(std::vector<candidate>{{0, 1.0, 2}, {1, 1.0, 1}, {2, 1.0, 3}}, d), 1U);
  EXPECT_EQ(choose(std::vector<candidate>{{0, 1.0, 2}, {1, 3.0, 5}}, d), 1U);
  EXPECT_EQ(choose(std::vector<candidate>{{7, 1.0, 9}}, d), 7U);
}

TEST(balancer, draws_ties_by_weight_not_by_place) {
  dice d(2);
  std::array<int, 3> hits{};
  const std::vector<candidate> tie{{0, 1.0, 0}, {1, 2.0, 0}, {2, 1.0, 0}};
  for (int i = 0; i < 8000; ++i) ++hits[choose(tie, d)];
  EXPECT_NEAR(hits[0], 2000, 150);
  EXPECT_NEAR(hits[1], 4000, 200);
  EXPECT_NEAR(hits[2], 2000, 150);
}

TEST(balancer, under_load_each_holds_its_share) {
  dice d(3);
  std::vector<candidate> servers{{0, 1.0, 0}, {1, 3.0, 0}};
  for (int i = 0; i < 400; ++i) ++servers[choose(servers, d)].in_flight;
  EXPECT_NEAR(servers[0].in_flight, 100, 1);
  EXPECT_NEAR(servers[1].in_flight, 300, 1);
}

TEST(retry_budget, starts_full_and_earns_by_call) {
  retry_budget b(0.25, 2);
  EXPECT_TRUE(b.take());
  EXPECT_TRUE(b.take());
  EXPECT_FALSE(b.take());
  for (int i = 0; i < 3; ++i) b.earn();
  EXPECT_FALSE(b.take());
  b.earn();
  EXPECT_TRUE(b.take());
  for (int i = 0; i < 100; ++i) b.earn();
  EXPECT_EQ(b.tokens(), 2.0) << "no more than the most is saved up";
}

TEST(parking, is_bounded_and_lets_out_one_by_one) {
  parking p(2);
  EXPECT_TRUE(p.enter());
  EXPECT_TRUE(p.enter());
  EXPECT_FALSE(p.enter());
  p.leave();
  EXPECT_TRUE(p.enter());
  const time_point now{5s};
  EXPECT_EQ(p.slot(now), now);
  EXPECT_EQ(p.slot(now), now + 1ms);
  EXPECT_EQ(p.slot(now), now + 2ms);
  EXPECT_EQ(p.slot(now + 1s), now + 1s);
}

TEST(outcome, only_some_mean_that_nothing_was_sent) {
  for (const outcome how : {outcome::refused, outcome::unreached, outcome::stale}) {
    EXPECT_FALSE(was_sent(how)) << to_string(how);
  }
  for (const outcome how : {outcome::answered, outcome::faulted, outcome::lost, outcome::unreadable,
                            outcome::timed_out, outcome::abandoned}) {
    EXPECT_TRUE(was_sent(how)) << to_string(how);
  }
}

TEST(dice, repeat_themselves_by_seed_and_stay_in_range) {
  dice a(7);
  dice b(7);
  dice c(8);
  double sum = 0;
  for (int i = 0; i < 1000; ++i) {
    const double u = a.unit();
    EXPECT_EQ(u, b.unit());
    EXPECT_GE(u, 0.0);
    EXPECT_LT(u, 1.0);
    sum += u;
  }
  EXPECT_NEAR(sum / 1000, 0.5, 0.05);
  EXPECT_NE(a.next(), c.next());
}

TEST(words, every_value_has_its_own) {
  EXPECT_EQ(to_string(outcome::timed_out), "timed_out");
  EXPECT_EQ(to_string(outcome::abandoned), "abandoned");
  EXPECT_EQ(to_string(server_state::returning), "returning");
  EXPECT_EQ(to_string(server_state::drained), "drained");
  EXPECT_EQ(to_ms(1234567us), "1235");
  EXPECT_EQ(to_ms(1234us), "1.234");
}

}  // namespace
}  // namespace understudy::core
