// The schedule in memory, and the set that it is made of.
#include "store/sqlite/schedule.hpp"

#include <gtest/gtest.h>

#include <set>

#include "core/dice.hpp"

namespace understudy::store::sqlite {
namespace {

using entry = sorted_set::entry;

TEST(SortedSet, DoesWhatAStandardSetDoes) {
  core::dice dice(7);
  for (const std::uint64_t range : {200U, 3000U, 100000U}) {
    sorted_set set;
    std::set<entry> expected;
    for (int i = 0; i < 20000; ++i) {
      const entry what{static_cast<std::int64_t>(dice.next() % range), dice.next() % 3};
      // It grows in the first half, and shrinks in the second.
      if (dice.next() % 3 == 0 ? i < 10000 : i >= 10000) {
        ASSERT_EQ(set.erase(what), expected.erase(what) == 1);
      } else if (expected.insert(what).second) {
        set.insert(what);
      }
      ASSERT_EQ(set.size(), expected.size());
      ASSERT_EQ(set.empty(), expected.empty());
      if (expected.empty()) continue;
      ASSERT_EQ(set.front(), *expected.begin());
      if (dice.next() % 4 == 0) {
        ASSERT_TRUE(set.erase(set.front()));
        expected.erase(expected.begin());
      }
      const auto found = expected.lower_bound(what);
      const entry* const from = set.from(what);
      ASSERT_EQ(from == nullptr, found == expected.end());
      if (from != nullptr) {
        ASSERT_EQ(*from, *found);
      }
    }
  }
}

TEST(SortedSet, NeedsLittleMemoryForWhatComesInOrder) {
  sorted_set set;
  constexpr std::size_t count = 100000;
  for (std::uint64_t i = 0; i < count; ++i) set.insert({static_cast<std::int64_t>(i / 3), i});
  EXPECT_LT(set.bytes(), count * 17);
  for (std::uint64_t i = 0; i < count; ++i)
    ASSERT_EQ(set.erase({static_cast<std::int64_t>(i / 3), i}), true);
  EXPECT_EQ(set.bytes(), 0U);
}

TEST(SortedSet, GivesMemoryBackFromTheMiddle) {
  sorted_set set;
  constexpr std::int64_t count = 100000;
  for (std::int64_t i = 0; i < count; ++i) set.insert({i, 0});
  for (std::int64_t i = 0; i < count; ++i) {
    if (i % 64 != 0) set.erase({i, 0});
  }
  EXPECT_LT(set.bytes(), static_cast<std::size_t>(count) * 16 / 8);
}

live_call call_of(std::int64_t id, std::int64_t due, std::int64_t rank = 9) {
  live_call out;
  out.id = id;
  out.service = 1 + id % 2;
  out.rank = rank;
  out.due = due;
  out.deadline = due + 100;
  return out;
}

TEST(Schedule, TakesByRankThenByTimeThenById) {
  schedule all;
  all.enter(call_of(6, 50), 100);
  all.enter(call_of(4, 50), 100);
  all.enter(call_of(8, 40), 100);
  all.enter(call_of(2, 99, 3), 100);
  all.enter(call_of(10, 101), 100);
  EXPECT_EQ(all.oldest_ready(1), 40);
  EXPECT_FALSE(all.any_ready(2));
  std::vector<std::int64_t> order;
  while (const auto next = all.take(1)) order.push_back(next->id);
  EXPECT_EQ(order, (std::vector<std::int64_t>{2, 8, 4, 6}));
  EXPECT_EQ(all.next_due(), 101);
  EXPECT_EQ(all.due(100, 9), std::vector<std::int64_t>());
  EXPECT_EQ(all.due(101, 9), std::vector<std::int64_t>{10});
}

TEST(Schedule, ACallIsPlainUntilItWasTriedOrIsInALine) {
  schedule all;
  live_call call = call_of(2, 1);
  call.flags = flag::webhook;
  all.enter(call, 5);
  EXPECT_TRUE(all.take(1)->plain);
  call.attempts = 1;
  all.enter(call, 5);
  EXPECT_FALSE(all.take(1)->plain);
  call.attempts = 0;
  call.line_seq = 7;
  all.enter(call, 5);
  EXPECT_FALSE(all.take(1)->plain);
}

TEST(Schedule, RollbackTakesEverythingBack) {
  core::dice dice(3);
  schedule all;
  std::set<std::int64_t> waiting;
  std::int64_t last = 0;
  std::int64_t now = 0;
  const auto due_of = [](std::int64_t id) { return id * 7 % 1000; };
  for (int i = 0; i < 300; ++i) {
    const auto before = waiting;
    for (int j = 0; j < 20; ++j) {
      if (dice.next() % 2 == 0) {
        ++last;
        all.enter(call_of(last, due_of(last)), now);
        waiting.insert(last);
      } else if (const auto next = all.take(1 + static_cast<std::int64_t>(dice.next() % 2))) {
        all.drop_deadline(due_of(next->id) + 100, next->id);
        waiting.erase(next->id);
      }
      for (const std::int64_t id : all.due(now, 2)) {
        all.leave(call_of(id, due_of(id)));
        all.enter(call_of(id, due_of(id)), now);
      }
    }
    if (dice.next() % 2 == 0) {
      all.commit();
    } else {
      all.rollback();
      waiting = before;
    }
    now += 5;
    const auto there = all.over(1'000'000, 1'000'000);
    ASSERT_EQ(std::set<std::int64_t>(there.begin(), there.end()), waiting);
  }
  for (const std::int64_t id : waiting) all.leave(call_of(id, due_of(id)));
  EXPECT_FALSE(all.any_ready(1) || all.any_ready(2) || all.next_due() || all.next_over());
}

}  // namespace
}  // namespace understudy::store::sqlite
