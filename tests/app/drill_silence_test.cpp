// The drill's judgement of silence, of recovery, and of what a scenario saw by itself.
#include <gtest/gtest.h>

#include "app/drill/drill_judge.hpp"

namespace understudy::app {
namespace {

using namespace std::chrono_literals;

constexpr load_clock::time_point t0{100s};

/// A row each 20 ms for a second, each acknowledged after 2 ms.
drill_facts good_rows() {
  drill_facts facts;
  facts.begin = t0;
  facts.end = t0 + 1s;
  for (std::uint64_t n = 0; n < 50; ++n) {
    drill_call row;
    row.write = true;
    row.call.number = n;
    row.call.start = t0 + 20ms * n;
    row.call.end = row.call.start + 2ms;
    facts.calls.push_back(row);
    facts.rows[n] = {1, true};
  }
  return facts;
}

TEST(drill_silence, up_to_its_bound_keeps_the_promise) {
  auto facts = good_rows();
  facts.bounds.silence_max = 20ms;
  EXPECT_TRUE(judge(facts).broken.empty());
}

TEST(drill_silence, longer_than_its_bound_breaks_it) {
  auto facts = good_rows();
  facts.bounds.silence_max = 19ms;
  const auto result = judge(facts);
  ASSERT_EQ(result.broken.size(), 1u);
  EXPECT_EQ(result.broken[0].id, "P5");
}

TEST(drill_silence, counts_to_the_end) {
  auto facts = good_rows();
  facts.bounds.silence_max = 100ms;
  facts.calls.resize(40);
  const auto result = judge(facts);
  EXPECT_NEAR(result.silence_ms, 218, 0.1);
  EXPECT_EQ(result.broken.size(), 1u);
}

TEST(drill_recovery, is_judged_from_both_sides_of_its_bound) {
  auto facts = good_rows();
  facts.bounds.recover_max = 1500ms;
  facts.recover = 1500ms;
  EXPECT_TRUE(judge(facts).broken.empty());
  facts.recover = 1501ms;
  const auto result = judge(facts);
  ASSERT_EQ(result.broken.size(), 1u);
  EXPECT_EQ(result.broken[0].id, "P5");
}

TEST(drill_scenario, what_it_saw_broken_is_told) {
  auto facts = good_rows();
  facts.broken.push_back({"P4", "two primaries"});
  const auto result = judge(facts);
  ASSERT_EQ(result.broken.size(), 1u);
  EXPECT_EQ(result.broken[0].id, "P4");
  EXPECT_EQ(result.broken[0].why, "two primaries");
}

TEST(drill_scenario, a_row_that_was_acknowledged_and_is_not_there_is_lost) {
  auto facts = good_rows();
  facts.rows.erase(7);
  const auto result = judge(facts);
  EXPECT_EQ(result.lost, 1u);
  ASSERT_EQ(result.broken.size(), 1u);
  EXPECT_EQ(result.broken[0].id, "P1");
}

}  // namespace
}  // namespace understudy::app
