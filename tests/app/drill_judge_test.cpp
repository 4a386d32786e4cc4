// The drill's judgement over recorded calls: it must find each kind of broken promise.
#include "app/drill/drill_judge.hpp"

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
  facts.bounds.idempotent_max = 100ms;
  facts.begin = t0;
  facts.end = t0 + 2s;
  facts.faults = {t0 + 1s};
  facts.recover_from = t0 + 1s;
  facts.detect = 1ms;
  for (std::uint64_t n = 0; n < 100; ++n) {
    facts.calls.push_back(answered(n, n % 2 == 0, 20ms * n, 2ms));
    if (n % 2 == 0) facts.rows[n] = {1, true};
  }
  return facts;
}

drill_facts good_drain() {
  drill_facts facts = good_crash();
  facts.scenario = "drain";
  facts.bounds = {};
  facts.bounds.slow_max = 0;
  facts.faults.clear();
  facts.recover_from = std::nullopt;
  facts.detect = std::nullopt;
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
  facts.rows[10] = {2, true};
  const auto result = judge(facts);
  EXPECT_EQ(result.duplicated, 1u);
  EXPECT_EQ(promises_of(result), ids{"P3"});
}

TEST(drill_judge, a_write_of_unknown_outcome_that_ran_twice_is_duplicated_too) {
  auto facts = good_crash();
  facts.calls[50] = refused(50, true, 1000ms, code::outcome_unknown);
  facts.rows[50] = {3, true};
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

TEST(drill_judge, a_write_that_was_waited_for_in_vain_is_unknown) {
  auto facts = good_crash();
  facts.calls[50] = refused(50, true, 999ms, code::outcome_unknown);
  facts.calls[50].call.how = load_end::timed_out;
  EXPECT_EQ(judge(facts).unknown, 1u);
  EXPECT_EQ(promises_of(judge(facts)), ids{});
  facts.calls[50].call.start = facts.faults.front() + 1s;
  facts.calls[50].call.end = facts.faults.front() + 11s;
  EXPECT_EQ(promises_of(judge(facts)), ids{"P5"}) << "no fault explains it";
}

TEST(drill_judge, where_all_die_a_call_that_was_on_both_may_be_taken_for_a_killer) {
  auto facts = good_crash();
  facts.calls[51] = refused(51, false, 999ms, code::outcome_unknown);
  EXPECT_EQ(promises_of(judge(facts)), ids{"P5"});
  facts.bounds.all_die = true;
  EXPECT_EQ(promises_of(judge(facts)), ids{});
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
  facts.bounds.idempotent_max = std::nullopt;
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
  facts.rows[42] = {2, true};
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

TEST(drill_judge, a_bound_on_slow_calls_is_that_many) {
  auto facts = good_crash();
  facts.bounds.slow_after = 300ms;
  facts.bounds.slow_max = 2;
  for (const std::size_t n : {49, 50}) facts.calls[n].call.end = facts.calls[n].call.start + 301ms;
  facts.bounds.idempotent_max = std::nullopt;
  EXPECT_EQ(promises_of(judge(facts)), ids{});
  facts.calls[51].call.end = facts.calls[51].call.start + 301ms;
  EXPECT_EQ(promises_of(judge(facts)), ids{"P5"});
}

TEST(drill_judge, leaving_counts_to_the_sending_of_the_last_touched_call) {
  auto facts = good_crash();
  facts.bounds.idempotent_max = std::nullopt;
  facts.bounds.slow_after = 300ms;
  facts.bounds.left_within = 300ms;
  facts.calls[65].call.end = facts.calls[65].call.start + 900ms;  // sent at 1.3 s
  auto result = judge(facts);
  EXPECT_EQ(result.left_ms, 300);
  EXPECT_EQ(promises_of(result), ids{});
  facts.calls[67].call.end = facts.calls[67].call.start + 301ms;
  result = judge(facts);
  EXPECT_EQ(result.left_ms, 340);
  EXPECT_EQ(promises_of(result), ids{"P5"});
}

TEST(drill_judge, a_call_that_was_sent_before_the_fault_does_not_delay_leaving) {
  auto facts = good_crash();
  facts.calls[49].call.end = facts.calls[49].call.start + 2s;
  EXPECT_EQ(judge(facts).left_ms, 0);
  facts.faults.clear();
  EXPECT_FALSE(judge(facts).left_ms);
}

TEST(drill_judge, every_fault_excuses_the_writes_that_met_it) {
  auto facts = good_crash();
  facts.faults.push_back(t0 + 1500ms);
  facts.calls[50] = refused(50, true, 999ms, code::outcome_unknown);
  facts.calls[74] = refused(74, true, 1499ms, code::outcome_unknown);
  EXPECT_EQ(promises_of(judge(facts)), ids{});
  facts.faults.pop_back();
  EXPECT_EQ(promises_of(judge(facts)), ids{"P5"});
}

TEST(drill_judge, the_services_own_error_is_excused_until_the_server_must_be_left) {
  auto facts = good_crash();
  facts.bounds.excused = 300ms;
  facts.bounds.own_code = 10501;
  facts.calls[64] = refused(64, true, 1280ms, 10501);
  EXPECT_EQ(promises_of(judge(facts)), ids{});
  facts.calls[66] = refused(66, true, 1320ms, 10501);
  EXPECT_EQ(promises_of(judge(facts)), ids{"P5"});
  facts.calls[66] = refused(66, true, 1280ms, 10502);
  EXPECT_EQ(promises_of(judge(facts)), ids{"P5"});
}

TEST(drill_judge, the_services_own_error_reaches_an_idempotent_call_only_where_it_may) {
  auto facts = good_crash();
  facts.bounds.own_code = 0;
  facts.calls[51] = refused(51, false, 1020ms, 0);
  EXPECT_EQ(promises_of(judge(facts)), ids{"P5"});
  facts.bounds.own_code_for_all = true;
  const auto result = judge(facts);
  EXPECT_EQ(result.failed, 1u);
  EXPECT_EQ(promises_of(result), ids{});
}

TEST(drill_judge, more_calls_that_met_the_trouble_than_may_break_the_promise) {
  auto facts = good_crash();
  facts.bounds.met_max = 3;
  facts.met = 3;
  EXPECT_EQ(promises_of(judge(facts)), ids{});
  facts.met = 4;
  EXPECT_EQ(judge(facts).met, 4u);
  EXPECT_EQ(promises_of(judge(facts)), ids{"P5"});
}

TEST(drill_judge, writes_that_leave_the_primary_are_told_where_they_must_stay) {
  auto facts = good_crash();
  for (std::uint64_t n = 52; n < 58; n += 2) facts.rows[n].on_primary = false;
  EXPECT_FALSE(judge(facts).stayed);
  facts.bounds.stayed_min = 0.9;  // of the 25 behind the fault 3 went elsewhere
  const auto result = judge(facts);
  EXPECT_DOUBLE_EQ(result.stayed.value_or(0), 0.88);
  EXPECT_EQ(promises_of(result), ids{"P5"});
  facts.bounds.stayed_min = 0.88;
  EXPECT_EQ(promises_of(judge(facts)), ids{});
}

/// Each second 50 good answers, then `overload` of the same.
drill_facts overloaded(double overload) {
  auto facts = good_crash();
  facts.bounds = {};
  facts.bounds.refusals = true;
  facts.goodput = drill_goodput{t0, t0 + 1s, t0 + 1s, t0 + 2s};
  for (std::size_t n = 50; n < 100; ++n) {
    if (static_cast<double>(n - 50) >= overload * 50) {
      facts.calls[n] = refused(n, false, 20ms * n, code::overloaded);
    }
  }
  return facts;
}

TEST(drill_judge, overload_must_leave_four_fifths_of_the_goodput) {
  EXPECT_EQ(promises_of(judge(overloaded(0.8))), ids{});
  const auto result = judge(overloaded(0.78));
  EXPECT_DOUBLE_EQ(result.goodput_share.value_or(0), 0.78);
  EXPECT_EQ(promises_of(result), ids{"P6"});
}

TEST(drill_judge, an_answer_that_comes_too_late_is_no_goodput) {
  auto facts = overloaded(1);
  for (std::size_t n = 50; n < 75; ++n) facts.calls[n].call.start -= 501ms;
  EXPECT_DOUBLE_EQ(judge(facts).goodput_share.value_or(0), 0.5);
}

TEST(drill_judge, a_peak_without_an_answer_proves_nothing) {
  auto facts = overloaded(1);
  for (std::size_t n = 0; n < 50; ++n) facts.calls[n].call.error = true;
  const auto result = judge(facts);
  EXPECT_FALSE(result.goodput_share);
  EXPECT_EQ(promises_of(result), ids{"P6"});
}

TEST(drill_judge, a_killer_may_cost_two_workers_and_gets_an_error) {
  auto facts = good_crash();
  facts.killer = drill_killer{2, true};
  EXPECT_EQ(promises_of(judge(facts)), ids{});
  facts.killer = drill_killer{3, true};
  EXPECT_EQ(promises_of(judge(facts)), ids{"P6"});
  facts.killer = drill_killer{2, false};
  EXPECT_EQ(promises_of(judge(facts)), ids{"P5"});
}

TEST(drill_judge, a_full_disk_refuses_with_a_time_ends_what_it_has_and_kills_nobody) {
  const drill_full_disk good{3, 0, 1, 1, true};
  const std::vector<std::pair<drill_full_disk, ids>> table{{good, ids{}},
                                                           {{0, 0, 1, 1, true}, ids{"P6"}},
                                                           {{3, 1, 1, 1, true}, ids{"P6"}},
                                                           {{3, 0, 0, 1, true}, ids{"P6"}},
                                                           {{3, 0, 1, 0, true}, ids{"P6"}},
                                                           {{3, 0, 1, 1, false}, ids{"P6"}}};
  for (const auto& [seen, broken] : table) {
    auto facts = good_crash();
    facts.full_disk = seen;
    EXPECT_EQ(promises_of(judge(facts)), broken);
  }
}

TEST(drill_judge, a_primary_that_is_well_must_be_back_at_the_end_where_that_is_judged) {
  auto facts = good_crash();
  facts.primary_serves = true;
  EXPECT_EQ(promises_of(judge(facts)), ids{});
  facts.primary_serves = false;
  EXPECT_EQ(promises_of(judge(facts)), ids{"P5"});
}

TEST(drill_judge, what_was_skipped_is_not_judged) {
  drill_facts facts;
  facts.skipped = "not here";
  const auto result = judge(facts);
  EXPECT_EQ(result.skipped, "not here");
  EXPECT_EQ(promises_of(result), ids{});
}

// The order of the records tells nothing: they come as calls end.
TEST(drill_judge, the_order_of_the_records_does_not_matter) {
  auto facts = good_crash();
  std::reverse(facts.calls.begin(), facts.calls.end());
  EXPECT_DOUBLE_EQ(judge(facts).silence_ms, 20.0);
}

}  // namespace
}  // namespace understudy::app
