// The queue for a place: its order, its bounds, and whom it turns away.
#include "core/pending.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <vector>

#include "core/dice.hpp"

namespace understudy::core {
namespace {

using namespace std::chrono_literals;

class pending_calls : public ::testing::Test {
 protected:
  std::optional<pending_id> enter(std::uint64_t caller, std::uint8_t priority = 5,
                                  duration timeout = 60s, duration needs = 0s) {
    const auto answer = queue.enter(now, {now + timeout, needs, priority, caller});
    if (const auto* away = std::get_if<turned_away>(&answer)) {
      retry_after = away->retry_after;
      return std::nullopt;
    }
    const pending_id id = std::get<pending_id>(answer);
    caller_of[id] = caller;
    priority_of[id] = priority;
    return id;
  }
  /// Whose call goes next; 0 if none does.
  std::uint64_t next() {
    const auto id = queue.next(now);
    return id ? caller_of.at(*id) : 0;
  }
  /// Teaches it that places come free at this rate, and leaves it empty.
  void drain_at(double per_second) {
    const auto gap = std::chrono::duration_cast<duration>(std::chrono::duration<double>(1)) /
                     static_cast<int>(per_second);
    for (int i = 0; i < 200; ++i) {
      ASSERT_TRUE(enter(1));
      now += gap;
      ASSERT_EQ(next(), 1U);
    }
  }

  time_point now{1h};
  pending queue{{.standing_wait_max = 500ms, .burst_wait_max = 2s}};
  std::map<pending_id, std::uint64_t> caller_of;
  std::map<pending_id, int> priority_of;
  duration retry_after{};
};

TEST_F(pending_calls, one_caller_is_served_in_order) {
  EXPECT_EQ(queue.next(now), std::nullopt);
  const auto a = enter(1);
  const auto b = enter(1);
  const auto c = enter(1);
  EXPECT_EQ(queue.size(), 3U);
  EXPECT_EQ(queue.next(now), a);
  EXPECT_EQ(queue.next(now), b);
  EXPECT_EQ(queue.next(now), c);
  EXPECT_EQ(queue.next(now), std::nullopt);
}

TEST_F(pending_calls, callers_take_turns) {
  for (int i = 0; i < 100; ++i) enter(1);
  enter(2);
  enter(3);
  enter(3);
  std::vector<std::uint64_t> order;
  for (int i = 0; i < 6; ++i) order.push_back(next());
  EXPECT_EQ(order, (std::vector<std::uint64_t>{1, 2, 3, 1, 3, 1}));
}

TEST_F(pending_calls, priorities_share_by_weight) {
  for (int i = 0; i < 300; ++i) {
    enter(1, 9);
    enter(1, 5);
    enter(1, 0);
  }
  std::map<int, int> served;
  for (int i = 0; i < 200; ++i) ++served[priority_of.at(*queue.next(now))];
  EXPECT_NEAR(served[9], 200 * 38.4 / (38.4 + 7.6 + 1), 3);
  EXPECT_NEAR(served[5], 200 * 7.6 / (38.4 + 7.6 + 1), 3);
  EXPECT_NEAR(served[0], 200 * 1.0 / (38.4 + 7.6 + 1), 2) << "least, but not starved";
}

TEST_F(pending_calls, idleness_earns_no_credit) {
  for (int i = 0; i < 200; ++i) enter(1, 5);
  for (int i = 0; i < 100; ++i) (void)queue.next(now);
  for (int i = 0; i < 50; ++i) enter(2, 4);  // comes late, with less
  int served = 0;
  for (int i = 0; i < 50; ++i) served += priority_of.at(*queue.next(now)) == 4 ? 1 : 0;
  EXPECT_NEAR(served, 20, 2) << "1 of 2.5, not all of them at once";
}

TEST_F(pending_calls, are_bounded) {
  int taken = 0;
  for (std::uint64_t caller = 1; caller <= 5000; ++caller) taken += enter(caller) ? 1 : 0;
  EXPECT_EQ(taken, 1000);
  EXPECT_EQ(queue.size(), 1000U);
}

TEST_F(pending_calls, leave_room_for_others) {
  int first = 0;
  for (int i = 0; i < 5000; ++i) first += enter(1) ? 1 : 0;
  EXPECT_NEAR(first, 667, 1) << "twice what stays free";
  int second = 0;
  for (int i = 0; i < 5000; ++i) second += enter(2) ? 1 : 0;
  EXPECT_NEAR(second, 222, 1);
  EXPECT_TRUE(enter(3));
}

TEST_F(pending_calls, those_whose_time_is_up_are_told_of_once) {
  const auto a = enter(1, 5, 3s, 1s);
  const auto b = enter(1, 5, 5s);
  const auto c = enter(2, 5, 9s);
  EXPECT_EQ(queue.next_deadline(), now + 2s) << "what it needs is counted";
  EXPECT_TRUE(queue.expire(now).empty());
  now += 5s;
  EXPECT_EQ(queue.next(now), c) << "what is too late gets no place";
  EXPECT_EQ(queue.size(), 0U);
  EXPECT_LE(queue.next_deadline(), now);
  EXPECT_EQ(queue.expire(now), (std::vector<pending_id>{*a, *b}));
  EXPECT_TRUE(queue.expire(now).empty());
  EXPECT_EQ(queue.next_deadline(), std::nullopt);
}

TEST_F(pending_calls, can_be_cancelled_anywhere) {
  const auto a = enter(1);
  const auto b = enter(1);
  const auto c = enter(1);
  enter(2);
  EXPECT_TRUE(queue.cancel(*b));
  EXPECT_FALSE(queue.cancel(*b));
  EXPECT_TRUE(queue.cancel(*a)) << "whose turn it was";
  EXPECT_EQ(next(), 1U);
  EXPECT_FALSE(queue.cancel(*c)) << "it has its place";
  EXPECT_EQ(next(), 2U);
  const auto d = enter(1, 5, 1s);
  now += 2s;
  EXPECT_EQ(queue.next(now), std::nullopt);
  EXPECT_TRUE(queue.cancel(*d)) << "hopeless, and not told yet: now it never is";
  EXPECT_TRUE(queue.expire(now).empty());
}

TEST_F(pending_calls, are_turned_away_if_they_could_not_be_served_in_time) {
  EXPECT_TRUE(enter(1, 5, 1s)) << "nothing is known of the rate yet";
  EXPECT_EQ(next(), 1U);
  EXPECT_FALSE(enter(1, 5, 1s, 2s)) << "it needs more time than it has";
  drain_at(10);
  EXPECT_NEAR(queue.drain_rate(now), 10, 1);
  EXPECT_FALSE(enter(2, 5, 50ms)) << "the next place is 100 ms away";
  EXPECT_TRUE(enter(2, 5, 300ms));
  EXPECT_FALSE(enter(2, 5, 300ms)) << "a burst may wait half its time";
  EXPECT_TRUE(enter(2, 5, 900ms));
}

TEST_F(pending_calls, a_standing_queue_is_kept_short) {
  drain_at(100);
  int burst = 0;
  while (enter(2, 5, 5s)) ++burst;
  EXPECT_NEAR(burst, 200, 10) << "a burst: 2 s at 100 a second";
  for (int i = 0; i < 110; ++i) {  // a second later it still stands
    now += 10ms;
    (void)queue.next(now);
  }
  EXPECT_FALSE(enter(2, 5, 5s));
  while (queue.size() > 30) {
    now += 10ms;
    (void)queue.next(now);
  }
  int standing = 0;
  while (enter(2, 5, 5s)) ++standing;
  EXPECT_NEAR(standing, 20, 3) << "0.5 s at 100 a second, of which 30 are there";
}

TEST_F(pending_calls, a_flood_does_not_keep_a_polite_caller_out) {
  drain_at(100);
  while (enter(2, 5, 1s)) continue;
  EXPECT_TRUE(enter(3, 5, 1s));
  (void)next();
  EXPECT_EQ(next(), 3U) << "in its turn, not behind the flood";
}

TEST_F(pending_calls, a_stall_is_noticed_before_it_ends) {
  drain_at(100);
  ASSERT_TRUE(enter(2));
  EXPECT_NEAR(queue.drain_rate(now), 100, 10);
  now += 2s;
  EXPECT_LT(queue.drain_rate(now), 25);
}

TEST_F(pending_calls, are_told_to_come_back_later_the_more_are_turned_away) {
  drain_at(100);
  duration last{};
  for (int round = 0; round < 4; ++round) {
    for (int i = 0; i < 200; ++i) enter(2, 5, 1s);
    EXPECT_GT(retry_after, last);
    last = retry_after;
  }
  for (int i = 0; i < 5000; ++i) enter(2, 5, 1s);
  EXPECT_LE(retry_after, 10s);
  EXPECT_GE(retry_after, 9s);
}

TEST_F(pending_calls, who_adds_a_priority_takes_little_from_others) {
  for (int i = 0; i < 40; ++i)
    for (std::uint64_t caller = 1; caller <= 10; ++caller) enter(caller, 5);
  for (int i = 0; i < 100; ++i) enter(11, 4);
  int added = 0;
  for (int i = 0; i < 200; ++i) added += priority_of.at(*queue.next(now)) == 4 ? 1 : 0;
  // 2/3 of what one of the ten has; were a priority worth as much alone, it were 2/5 of all.
  EXPECT_NEAR(added, 200.0 * (2.0 / 3.0) / (10.0 + 2.0 / 3.0), 4);
}

TEST_F(pending_calls, a_caller_is_bounded_over_all_its_priorities) {
  int taken = 0;
  for (int i = 0; i < 5000; ++i) taken += enter(1, static_cast<std::uint8_t>(i % 10)) ? 1 : 0;
  EXPECT_NEAR(taken, 667, 1) << "as one who uses a single priority";
  EXPECT_TRUE(enter(2));
}

TEST_F(pending_calls, are_told_to_come_back_later_where_nothing_leaves) {
  for (std::uint64_t caller = 1; caller <= 1000; ++caller) ASSERT_TRUE(enter(caller));
  const auto hint_after = [&](int turned_away) {
    for (int i = 0; i < turned_away; ++i) EXPECT_FALSE(enter(2000));
    return retry_after;
  };
  EXPECT_LT(hint_after(1), 110ms);
  EXPECT_GE(hint_after(1000), 200ms);
  EXPECT_GE(hint_after(2000), 800ms);
  EXPECT_EQ(hint_after(20'000), 10s);
  now += 30s;
  EXPECT_LT(hint_after(1), 110ms) << "those have come, or never will";
}

TEST_F(pending_calls, a_newcomer_may_wait_longer_than_those_who_made_the_queue_stand) {
  drain_at(100);
  for (std::uint64_t caller = 100; caller < 220; ++caller) (void)enter(caller, 5, 9s);
  for (int i = 0; i < 110; ++i) {
    now += 10ms;
    (void)queue.next(now);
    (void)enter(static_cast<std::uint64_t>(400 + i), 5, 9s);
  }
  const std::size_t waiting = queue.size();
  ASSERT_GT(waiting, 100U) << "the queue stands, for more than a second";
  EXPECT_FALSE(enter(509, 5, 9s)) << "has a call waiting: 0.5 s are its most";
  EXPECT_TRUE(enter(1000, 5, 9s)) << "has none: 2 s";
  EXPECT_FALSE(enter(1001, 5, 1s)) << "but half of its time at most";
}

/// Random use: nothing is lost, doubled or out of bounds.
TEST_F(pending_calls, keep_their_books) {
  dice random(1);
  std::set<pending_id> waiting;
  for (int step = 0; step < 30000; ++step) {
    now += std::chrono::microseconds{random.next() % 2000};
    switch (random.next() % 5) {
      case 0:
      case 1:
      case 2:
        if (const auto id = enter(random.next() % 20, static_cast<std::uint8_t>(random.next() % 10),
                                  std::chrono::milliseconds{random.next() % 3000})) {
          ASSERT_TRUE(waiting.insert(*id).second);
        }
        break;
      case 3:
        if (const auto id = queue.next(now)) {
          ASSERT_EQ(waiting.erase(*id), 1U);
        }
        break;
      default:
        if (waiting.empty()) break;
        const auto any =
            std::next(waiting.begin(), static_cast<long>(random.next() % waiting.size()));
        ASSERT_TRUE(queue.cancel(*any));
        waiting.erase(any);
    }
    for (const pending_id id : queue.expire(now)) ASSERT_EQ(waiting.erase(id), 1U);
    ASSERT_EQ(queue.size(), waiting.size());
  }
  now += 1h;
  EXPECT_EQ(queue.expire(now).size(), waiting.size());
}

}  // namespace
}  // namespace understudy::core
