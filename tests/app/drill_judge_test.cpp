// The drill's judgement over recorded calls: it must find each kind of broken promise.
#include "app/drill_judge.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "understudy/error.hpp"

namespace understudy::app {
namespace {

using namespace std::chrono_literals;
using time_point = load_clock::time_point;

constexpr time_point t0{100s};

drill_call answered(std::uint64_t number, bool write, load_clock::duration at,
                    load_clock::duration took) {
  drill_call c;
  c.call.number = number;
  c.call.start = t0 + at;
  c.call.end = t0 + at + took;
  c.write = write;
  return c;
}

drill_call refused(std::uint64_t number, bool write, load_clock::duration at, std::int64_t code) {
  drill_call c = answered(number, write, at, 2ms);
  c.call.error = true;
  c.call.code = code;
  return c;
}

/// Two seconds at 50 calls/s, every other one a write, each answered after 2 ms; killed at 1 s.
drill_facts good_crash() {
  drill_facts facts;
  facts.scenario = "crash";
  facts.idempotent_max = 100ms;
  facts.begin = t0;
  facts.end = t0 + 2s;
  facts.broken_at = facts.recover_from = t0 + 1s;
  facts.detect = 1ms;
  for (std::uint64_t n = 0; n < 100; ++n) {
    facts.calls.push_back(answered(n, n % 2 == 0, 20ms * n, 2ms));
    if (n % 2 == 0) facts.rows[n] = 1;
  }
  return facts;
}

drill_facts good_drain() {
  drill_facts facts = good_crash();
  facts.scenario = "drain";
  facts.promise = drill_promise::unnoticed;
  facts.broken_at = facts.recover_from = std::nullopt;
  facts.idempotent_max = facts.detect = std::nullopt;
  return facts;
}

std::vector<std::string> promises_of(const drill_result& result) {
  std::vector<std::string> ids;
  for (const auto& promise : result.broken) ids.push_back(promise.id);
  return ids;
}

using ids = std::vector<std::string>;

TEST(drill_judge, a_good_run_breaks_nothing) {
  const auto result = judge(good_crash());
  EXPECT_EQ(result.scenario, "crash");
  EXPECT_EQ(result.calls, 100u);
  EXPECT_EQ(result.acknowledged, 100u);
  EXPECT_EQ(result.failed + result.unknown + result.lost + result.duplicated + result.hurt, 0u);
  EXPECT_DOUBLE_EQ(result.slowest_ms, 2.0);
  EXPECT_DOUBLE_EQ(result.silence_ms, 20.0);
  EXPECT_EQ(result.detect_ms, 1);
  EXPECT_EQ(result.recover_ms, 0);
  EXPECT_EQ(promises_of(result), ids{});
}

TEST(drill_judge, an_acknowledged_write_without_a_row_is_lost) {
  auto facts = good_crash();
  facts.rows.erase(40);
  facts.rows.erase(42);
  const auto result = judge(facts);
  EXPECT_EQ(result.lost, 2u);
  EXPECT_EQ(promises_of(result), ids{"P1"});
}

TEST(drill_judge, a_write_that_failed_need_not_have_a_row) {
  auto facts = good_crash();
  facts.calls[50] = refused(50, true, 1000ms, code::outcome_unknown);
  facts.rows.erase(50);
  EXPECT_EQ(judge(facts).lost, 0u);
}

TEST(drill_judge, a_write_with_two_rows_is_duplicated) {
  auto facts = good_crash();
  facts.rows[10] = 2;
  const auto result = judge(facts);
  EXPECT_EQ(result.duplicated, 1u);
  EXPECT_EQ(promises_of(result), ids{"P3"});
}

TEST(drill_judge, a_write_of_unknown_outcome_that_ran_twice_is_duplicated_too) {
  auto facts = good_crash();
  facts.calls[50] = refused(50, true, 1000ms, code::outcome_unknown);
  facts.rows[50] = 3;
  EXPECT_EQ(judge(facts).duplicated, 1u);
}

TEST(drill_judge, a_failed_idempotent_call_breaks_the_crash_promise) {
  auto facts = good_crash();
  facts.calls[51] = refused(51, false, 1020ms, code::outcome_unknown);
  const auto result = judge(facts);
  EXPECT_EQ(result.failed, 1u);
  EXPECT_EQ(result.unknown, 0u);
  EXPECT_EQ(result.hurt, 1u);
  EXPECT_EQ(promises_of(result), ids{"P5"});
}

TEST(drill_judge, every_way_to_fail_counts) {
  for (const auto how :
       {load_end::not_sent, load_end::lost, load_end::unreadable, load_end::timed_out}) {
    auto facts = good_crash();
    facts.calls[51].call.how = how;
    const auto result = judge(facts);
    EXPECT_EQ(result.failed, 1u);
    EXPECT_EQ(promises_of(result), ids{"P5"});
  }
}

TEST(drill_judge, a_write_in_flight_at_the_crash_may_be_unknown) {
  auto facts = good_crash();
  facts.calls[50] = refused(50, true, 999ms, code::outcome_unknown);
  const auto result = judge(facts);
  EXPECT_EQ(result.unknown, 1u);
  EXPECT_EQ(result.failed, 0u);
  EXPECT_EQ(result.hurt, 0u);
  EXPECT_EQ(result.acknowledged, 99u);
  EXPECT_EQ(result.recover_ms, 1);
  EXPECT_EQ(promises_of(result), ids{});
}

TEST(drill_judge, an_unknown_write_long_before_or_after_the_crash_is_not_excused) {
  for (const auto at : {500ms, 1200ms}) {
    auto facts = good_crash();
    facts.calls[50] = refused(50, true, at, code::outcome_unknown);
    EXPECT_EQ(promises_of(judge(facts)), ids{"P5"});
  }
}

TEST(drill_judge, a_write_may_fail_in_no_other_way) {
  auto facts = good_crash();
  facts.calls[50] = refused(50, true, 1000ms, code::no_server);
  const auto result = judge(facts);
  EXPECT_EQ(result.failed, 1u);
  EXPECT_EQ(promises_of(result), ids{"P5"});
}

TEST(drill_judge, a_slow_idempotent_call_breaks_the_crash_promise_where_it_is_bounded) {
  auto facts = good_crash();
  facts.calls[51].call.end = facts.calls[51].call.start + 101ms;
  auto result = judge(facts);
  EXPECT_EQ(result.hurt, 0u);
  EXPECT_DOUBLE_EQ(result.slowest_ms, 101.0);
  EXPECT_EQ(promises_of(result), ids{"P5"});
  facts.idempotent_max = std::nullopt;
  EXPECT_EQ(promises_of(judge(facts)), ids{});
}

TEST(drill_judge, a_call_slower_than_half_a_second_is_hurt) {
  auto facts = good_drain();
  facts.calls[51].call.end = facts.calls[51].call.start + 500ms;
  EXPECT_EQ(judge(facts).hurt, 0u);
  facts.calls[51].call.end += 1ms;
  const auto result = judge(facts);
  EXPECT_EQ(result.hurt, 1u);
  EXPECT_EQ(result.acknowledged, 100u);
  EXPECT_EQ(promises_of(result), ids{"P5"});
}

TEST(drill_judge, calls_that_may_be_repeated_are_counted_apart_from_those_that_may_not) {
  auto facts = good_crash();
  facts.calls[50] = refused(50, true, 999ms, code::outcome_unknown);
  facts.calls[51] = refused(51, false, 1020ms, code::no_server);
  facts.calls[53].call.end += 600ms;
  facts.rows.erase(40);
  facts.rows[42] = 2;
  const auto result = judge(facts);
  EXPECT_EQ(result.calls, 100u);
  EXPECT_EQ(result.idempotent.calls, 50u);
  EXPECT_EQ(result.idempotent.acknowledged, 49u);
  EXPECT_EQ(result.idempotent.failed, 1u);
  EXPECT_EQ(result.idempotent.hurt, 2u);
  EXPECT_DOUBLE_EQ(result.idempotent.slowest_ms, 602.0);
  EXPECT_EQ(result.idempotent.unknown + result.idempotent.lost + result.idempotent.duplicated, 0u);
  EXPECT_EQ(result.writes.calls, 50u);
  EXPECT_EQ(result.writes.acknowledged, 49u);
  EXPECT_EQ(result.writes.unknown, 1u);
  EXPECT_EQ(result.writes.lost, 1u);
  EXPECT_EQ(result.writes.duplicated, 1u);
  EXPECT_EQ(result.writes.failed + result.writes.hurt, 0u);
  EXPECT_DOUBLE_EQ(result.writes.slowest_ms, 2.0);
}

TEST(drill_judge, planned_work_excuses_no_unknown_outcome) {
  auto facts = good_drain();
  EXPECT_EQ(promises_of(judge(facts)), ids{});
  facts.calls[50] = refused(50, true, 1000ms, code::outcome_unknown);
  EXPECT_EQ(promises_of(judge(facts)), ids{"P5"});
}

TEST(drill_judge, silence_counts_from_the_begin_and_to_the_end) {
  auto facts = good_crash();
  facts.begin = t0 - 3s;
  EXPECT_DOUBLE_EQ(judge(facts).silence_ms, 3002.0);
  facts.end = t0 + 10s;
  EXPECT_DOUBLE_EQ(judge(facts).silence_ms, 10000.0 - 1982.0);
}

TEST(drill_judge, silence_is_not_ended_by_failures) {
  auto facts = good_crash();
  for (std::size_t n = 50; n < 60; ++n) {
    facts.calls[n] = refused(n, n % 2 == 0, 20ms * n, code::no_server);
  }
  EXPECT_DOUBLE_EQ(judge(facts).silence_ms, 220.0);
}

TEST(drill_judge, recovery_ends_with_the_last_call_that_noticed) {
  auto facts = good_crash();
  facts.calls[49].call.end = facts.calls[49].call.start + 1500ms;
  facts.calls[55] = refused(55, false, 1100ms, code::no_server);
  EXPECT_EQ(judge(facts).recover_ms, 1480);
  facts.recover = 7ms;
  EXPECT_EQ(judge(facts).recover_ms, 7);
}

TEST(drill_judge, what_was_not_measured_stays_open) {
  const auto result = judge(good_drain());
  EXPECT_FALSE(result.detect_ms);
  EXPECT_FALSE(result.recover_ms);
}

TEST(drill_judge, a_run_in_which_nothing_was_answered_is_no_success) {
  auto facts = good_crash();
  for (auto& c : facts.calls) c = refused(c.call.number, true, 999ms, code::outcome_unknown);
  facts.rows.clear();
  EXPECT_EQ(promises_of(judge(facts)), ids{"P5"});
}

// The order of the records tells nothing: they come as calls end.
TEST(drill_judge, the_order_of_the_records_does_not_matter) {
  auto facts = good_crash();
  std::reverse(facts.calls.begin(), facts.calls.end());
  EXPECT_DOUBLE_EQ(judge(facts).silence_ms, 20.0);
}

}  // namespace
}  // namespace understudy::app
