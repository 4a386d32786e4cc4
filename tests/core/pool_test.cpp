// How servers leave and come back, event by event.
#include "core/pool.hpp"

#include <gtest/gtest.h>

#include "core/lab.hpp"

namespace understudy::core {
namespace {

using namespace std::chrono_literals;

TEST(pool, a_first_start_trusts_everybody_and_probes_at_once) {
  lab l("a0 b1");
  EXPECT_EQ(l.states(), "a up, b up");
  EXPECT_TRUE(l.probing('a'));
  EXPECT_TRUE(l.probing('b'));
  EXPECT_EQ(l.pick(), 'a');
}

TEST(pool, a_later_server_proves_itself_first) {
  lab l("a0");
  l.probe('a', outcome::answered);
  l.add('b', 0);
  EXPECT_EQ(l.states(), "a up, b down");
  EXPECT_TRUE(l.probing('b'));
  l.probe('b', outcome::answered);
  l.probe('b', outcome::answered);
  EXPECT_EQ(l.states(), "a up, b returning");
}

TEST(pool, a_lost_connection_is_looked_into_and_forgiven) {
  lab l("a0 b1");
  l.probe('a', outcome::answered);
  l.attempt('a', outcome::lost);
  EXPECT_EQ(l.states(), "a suspect, b up");
  EXPECT_TRUE(l.probing('a')) << "at once";
  EXPECT_EQ(l.pick(), 'b') << "a backup that is up beats a suspect primary";
  EXPECT_EQ(l.pick("b"), 'a') << "the last resort";
  l.probe('a', outcome::answered);
  EXPECT_EQ(l.states(), "a up, b up") << "at once, without hold-down";
  EXPECT_EQ(l.pick(), 'a');
}

TEST(pool, a_crash_is_down_at_the_refused_probe) {
  lab l("a0 b1");
  l.probe('a', outcome::answered);
  l.probe('b', outcome::answered);
  for (int i = 0; i < 5; ++i) l.idle_lost('a');
  l.attempt('a', outcome::lost);
  EXPECT_EQ(l.states(), "a suspect, b up");
  l.probe('a', outcome::refused);
  EXPECT_EQ(l.states(), "a down, b up");
  EXPECT_EQ(l.pick("b"), '-');
  EXPECT_EQ(l.told(), "server_added a, server_added b, server_suspect a, server_down a");
  EXPECT_EQ(l.records.back().evidence,
            (evidence{{"probes", "1"}, {"outcome", "refused"}, {"took_ms", "0.000"}}));
  EXPECT_EQ(l.records.back().subject, "pool , server a");
  EXPECT_EQ(l.records.back().rule, "no connection can be made");
}

TEST(pool, one_lost_packet_is_not_enough_to_be_down) {
  lab l("a0 b1");
  l.probe('a', outcome::answered);
  l.probe('b', outcome::answered);
  l.attempt('a', outcome::unreached, 250ms);
  EXPECT_EQ(l.states(), "a suspect, b up");
  EXPECT_EQ(l.pick(), 'b') << "at once, all the same";
  l.probe('a', outcome::unreached);
  EXPECT_EQ(l.states(), "a suspect, b up");
  l.probe('a', outcome::answered);
  EXPECT_EQ(l.states(), "a up, b up") << "without a hold-down";
  l.attempt('a', outcome::unreached, 250ms);
  l.probe('a', outcome::unreached);
  l.probe('a', outcome::unreached);
  EXPECT_EQ(l.states(), "a down, b up") << "nothing ever comes about";
}

TEST(pool, a_refused_attempt_is_enough_even_for_the_last_server) {
  lab l("a0");
  l.attempt('a', outcome::refused);
  EXPECT_EQ(l.states(), "a down");
  EXPECT_EQ(l.pick(), '-');
  EXPECT_EQ(l.told(), "server_added a, server_down a, pool_empty");
  (void)l.woken();
  l.probe('a', outcome::answered);
  EXPECT_EQ(l.states(), "a up") << "one good probe, where nothing else is up";
  EXPECT_TRUE(l.woken());
  EXPECT_EQ(l.told(), "server_up a, pool_recovered");
}

TEST(pool, an_answer_from_before_the_doubt_clears_nothing) {
  lab l("a0 b1");
  ASSERT_TRUE(l.probing('a'));
  l.pass(1ms);
  l.attempt('a', outcome::lost);
  l.probe('a', outcome::answered);
  EXPECT_EQ(l.states(), "a suspect, b up");
  EXPECT_TRUE(l.probing('a')) << "again, at once";
  l.probe('a', outcome::answered);
  EXPECT_EQ(l.states(), "a up, b up");
}

TEST(pool, silence_makes_it_suspect_then_down) {
  lab l("a0 b1");
  l.probe('b', outcome::answered);
  l.probe('a', outcome::timed_out);
  EXPECT_EQ(l.states(), "a suspect, b up");
  EXPECT_FALSE(l.probing('a')) << "it was just looked at";
  l.probe('a', outcome::timed_out);
  EXPECT_EQ(l.states(), "a down, b up");
}

TEST(pool, a_call_answered_between_two_silent_probes_counts) {
  lab l("a0 b1");
  l.probe('a', outcome::timed_out);
  l.attempt('a', outcome::answered);
  l.probe('a', outcome::timed_out);
  EXPECT_EQ(l.states(), "a suspect, b up");
}

TEST(pool, silence_never_ejects_the_last_usable_server) {
  lab l("a0 b1");
  l.attempt('b', outcome::refused);
  for (int i = 0; i < 10; ++i) l.probe('a', outcome::timed_out);
  EXPECT_EQ(l.states(), "a suspect, b down");
  EXPECT_EQ(l.pick(), 'a');
}

TEST(pool, a_bad_answer_to_a_probe_is_an_answer) {
  lab l("a0 b1");
  for (int i = 0; i < 10; ++i) l.probe('a', outcome::faulted);
  EXPECT_EQ(l.states(), "a suspect, b up");
  for (int i = 0; i < 10; ++i) l.probe('b', outcome::unreadable);
  EXPECT_EQ(l.states(), "a suspect, b suspect");
  EXPECT_EQ(l.pick(), 'a');
}

TEST(pool, three_faults_in_a_row_move_a_method_away_behind_a_green_probe) {
  lab l("a0 b1");
  l.probe('a', outcome::answered);
  l.pass(10ms);
  const auto end = [&l](outcome how) {
    l.pass(1s);
    l.attempt('a', how, 1ms);
  };
  end(outcome::faulted);
  end(outcome::unreadable);
  EXPECT_EQ(l.pick(), 'a');
  end(outcome::timed_out);
  EXPECT_EQ(l.pick(), 'b');
  EXPECT_EQ(l.pick("b"), 'a') << "if nothing better is there";
  EXPECT_EQ(l.states(), "a up, b up") << "its other methods stay";
  EXPECT_EQ(l.status('a').methods_away, std::vector<std::string>{"T@m"});
}

TEST(pool, a_late_call_that_was_answered_hides_no_later_silence) {
  lab l("a0 b1");
  for (const char name : {'a', 'b'})
    for (int i = 0; i < 4; ++i) l.probe(name, outcome::answered);
  for (int i = 0; i < 1000; ++i) l.attempt('a', outcome::answered, 1ms);
  const attempt_id late = l.begin('a');
  l.pass(90ms);
  if (l.probing('a')) l.probe('a', outcome::answered);
  l.pass(20ms);
  l.probe('a', outcome::answered);
  l.servers.end(l.now, late, outcome::answered);
  l.pass(50ms);
  ASSERT_EQ(l.states(), "a up, b up");
  (void)l.begin('a');
  l.pass(1500ms);  // its probe is not answered either
  EXPECT_EQ(l.states(), "a down, b up");
}

TEST(pool, a_case_against_the_backup_clears_the_primary_only_for_the_same_sign) {
  lab l("a0 b1");
  const auto three = [&l](char name, outcome how, duration took) {
    for (int i = 0; i < 3; ++i) {
      l.pass(10s);
      l.attempt(name, how, took);
    }
  };
  for (int i = 0; i < 100; ++i) l.attempt('b', outcome::answered, 1ms);
  three('a', outcome::faulted, 1ms);
  ASSERT_EQ(l.status('a').methods_away.size(), 1U);
  three('b', outcome::answered, 5s);  // slow, not faulty
  EXPECT_EQ(l.status('a').methods_away.size(), 1U);
  three('b', outcome::faulted, 1ms);
  EXPECT_EQ(l.status('a').methods_away.size(), 0U) << "it is the method's way";
}

TEST(pool, a_removed_server_leaves_nothing_behind) {
  lab l("a0 b1");
  l.attempt('a', outcome::answered);
  l.remove('a');
  l.pass(1s);
  EXPECT_EQ(l.states(), "b up");
}

TEST(pool, attempts_from_before_it_was_trusted_are_no_faults) {
  lab l("a0 b1", {.hold_down = 0s, .ramp = 0s});
  l.pass(10s);
  l.attempt('a', outcome::refused);
  l.probe('a', outcome::answered);
  l.probe('a', outcome::answered);
  l.pass(10ms);
  ASSERT_EQ(l.states(), "a up, b up");
  for (int i = 0; i < 10; ++i) l.attempt('a', outcome::timed_out, 8s);
  EXPECT_EQ(l.pick(), 'a');
}

TEST(pool, abandoned_attempts_and_probes_say_nothing) {
  lab l("a0 b1");
  for (int i = 0; i < 10; ++i) l.attempt('a', outcome::abandoned);
  for (int i = 0; i < 5; ++i) l.probe('a', outcome::abandoned);
  EXPECT_EQ(l.states(), "a up, b up");
  EXPECT_EQ(l.status('a').failures, 0U);
}

/// a is down, b serves.
struct failed_over : lab {
  explicit failed_over(pool_options options = {}) : lab("a0 b1", std::move(options)) {
    probe('a', outcome::answered);
    probe('b', outcome::answered);
    attempt('a', outcome::refused);
    (void)told();
  }
};

TEST(pool, failback_waits_for_probes_then_hold_down_then_ramps) {
  failed_over l;
  l.probe('a', outcome::answered);
  EXPECT_EQ(l.states(), "a down, b up") << "one is not enough";
  l.probe('a', outcome::answered);
  EXPECT_EQ(l.states(), "a returning, b up");
  EXPECT_EQ(l.percent('a'), 0);
  EXPECT_EQ(l.pick("b"), 'a') << "better than nothing, though";
  const time_point returned = l.now;
  l.pass(4900ms);
  EXPECT_EQ(l.percent('a'), 0) << "held down";
  EXPECT_EQ(l.told(), "server_returning a");
  l.pass(100ms);
  EXPECT_EQ(l.told(), "failback a");
  EXPECT_EQ(l.percent('a'), 0);
  for (const int share : {25, 50, 75}) {
    l.pass(1250ms);
    EXPECT_NEAR(l.percent('a'), share, 4);
    EXPECT_NEAR(l.status('a').share, share / 100.0, 1e-9);
  }
  l.pass(1250ms);
  EXPECT_EQ(l.now, returned + 10s);
  EXPECT_EQ(l.states(), "a up, b up");
  EXPECT_EQ(l.told(), "server_up a");
  EXPECT_EQ(l.percent('a'), 100);
}

TEST(pool, a_failure_while_it_returns_starts_over) {
  for (const outcome how : {outcome::refused, outcome::lost, outcome::timed_out}) {
    failed_over l;
    l.probe('a', outcome::answered);
    l.probe('a', outcome::answered);
    l.pass(3s);
    l.probe('a', how);
    EXPECT_EQ(l.states(), "a down, b up");
    l.probe('a', outcome::answered);
    l.probe('a', outcome::answered);
    EXPECT_EQ(l.states(), "a returning, b up");
    l.pass(4900ms);
    EXPECT_EQ(l.percent('a'), 0) << "the whole hold-down again";
  }
}

TEST(pool, a_failure_during_the_ramp_starts_over) {
  failed_over l;
  l.probe('a', outcome::answered);
  l.probe('a', outcome::answered);
  l.pass(7s);
  ASSERT_GT(l.percent('a'), 0);
  l.attempt('a', outcome::lost);
  EXPECT_EQ(l.states(), "a down, b up");
}

TEST(pool, whoever_returns_is_up_at_once_if_the_other_goes) {
  failed_over l;
  l.probe('a', outcome::answered);
  l.probe('a', outcome::answered);
  (void)l.woken();
  l.attempt('b', outcome::refused);
  EXPECT_EQ(l.states(), "a up, b down");
  EXPECT_TRUE(l.woken());
  EXPECT_EQ(l.told(), "server_returning a, server_down b, server_up a");
}

TEST(pool, manual_failback_waits_for_the_operator) {
  failed_over l({.failback = failback_policy::manual});
  l.probe('a', outcome::answered);
  l.probe('a', outcome::answered);
  for (int i = 0; i < 60; ++i) l.probe('a', outcome::answered);
  EXPECT_EQ(l.states(), "a returning, b up");
  EXPECT_EQ(l.percent('a'), 0);
  l.resume('a');
  EXPECT_EQ(l.told(), "server_returning a, failback a");
  l.pass(2500ms);
  EXPECT_NEAR(l.percent('a'), 50, 4);
}

TEST(pool, among_equals_a_return_ramps_without_hold_down) {
  lab l("a0 b0");
  l.probe('a', outcome::answered);
  l.probe('b', outcome::answered);
  l.attempt('a', outcome::refused);
  l.probe('a', outcome::answered);
  l.probe('a', outcome::answered);
  EXPECT_EQ(l.states(), "a returning, b up");
  EXPECT_EQ(l.percent('a'), 0);
  l.pass(2500ms);
  EXPECT_NEAR(l.percent('a'), 25, 4) << "half of its half";
}

TEST(pool, a_backup_is_back_at_once_as_a_backup) {
  lab l("a0 b1");
  l.probe('a', outcome::answered);
  l.attempt('b', outcome::refused);
  l.probe('b', outcome::answered);
  l.probe('b', outcome::answered);
  EXPECT_EQ(l.states(), "a up, b up");
}

TEST(pool, a_drained_server_is_left_alone) {
  lab l("a0 b1");
  l.probe('a', outcome::answered);
  l.probe('b', outcome::answered);
  const attempt_id running = l.begin('a');
  l.drain('a');
  EXPECT_EQ(l.status('a').in_flight, 1U) << "running calls end";
  EXPECT_EQ(l.pick(), 'b');
  EXPECT_EQ(l.pick("b"), '-') << "not even as the last resort";
  l.servers.end(l.now, running, outcome::lost);
  l.pass(10s);
  EXPECT_EQ(l.states(), "a drained, b up");
  EXPECT_FALSE(l.probing('a'));
  l.resume('a');
  EXPECT_TRUE(l.probing('a'));
  l.probe('a', outcome::answered);
  l.probe('a', outcome::answered);
  EXPECT_EQ(l.states(), "a returning, b up");
  l.pass(2500ms);
  EXPECT_NEAR(l.percent('a'), 50, 4) << "the operator waived the hold-down, not the ramp";
}

TEST(pool, draining_the_only_server_is_told) {
  lab l("a0");
  l.drain('a');
  EXPECT_EQ(l.told(), "server_added a, server_drained a, pool_empty");
  EXPECT_EQ(l.records.back().effect, "calls are refused");
  l.resume('a');
  l.probe('a', outcome::answered);
  EXPECT_EQ(l.states(), "a up");
}

TEST(pool, a_removed_server_ends_its_work_first) {
  lab l("a0 b1");
  const attempt_id running = l.begin('a');
  l.remove('a');
  EXPECT_EQ(l.states(), "b up");
  EXPECT_EQ(l.pick(), 'b');
  l.servers.end(l.now, running, outcome::answered);
  l.probe('a', outcome::answered);
  l.idle_lost('a');
  l.pass(10s);
  EXPECT_EQ(l.states(), "b up");
}

TEST(pool, settings_may_change) {
  lab l("a0 b0", {.balance = {.policy = balance_policy::least_request}});
  l.servers.update(l.now, l.id('a'), {.address = "a", .priority = 1});
  EXPECT_EQ(l.percent('b'), 100);
  l.servers.update(l.now, l.id('a'), {.address = "a", .priority = 0, .weight = 3});
  EXPECT_NEAR(l.percent('a'), 75, 4);
  l.servers.update(l.now, l.id('a'), {.address = "a", .priority = 0, .weight = 0});
  EXPECT_EQ(l.percent('a'), 0);
  EXPECT_EQ(l.pick("b"), 'a');
}

TEST(pool, suspicions_of_one_server_are_told_once_a_second) {
  lab l("a0 b1");
  l.probe('a', outcome::answered);
  (void)l.told();
  for (int i = 0; i < 5; ++i) {
    l.attempt('a', outcome::lost, {}, "T@m" + std::to_string(i));
    l.probe('a', outcome::answered);
  }
  EXPECT_EQ(l.told(), "server_suspect a, server_up a");
  l.pass(1s);
  l.attempt('a', outcome::lost, {}, "T@m5");
  EXPECT_EQ(l.told(), "server_suspect a");
  EXPECT_EQ(l.records.back().evidence.back(), (std::pair<std::string, std::string>("untold", "4")));
}

TEST(pool, probes_keep_their_intervals) {
  lab l("a0 b1", {.probe_interval = 1s, .down_probe_interval = 250ms});
  for (int i = 0; i < 20; ++i) {
    l.probe('a', outcome::answered);
    const time_point before = l.now;
    while (!l.probing('a')) l.pass(1ms);
    EXPECT_GE(l.now - before, 899ms);
    EXPECT_LE(l.now - before, 1101ms);
  }
  for (int i = 0; i < 20; ++i) {
    l.probe('a', outcome::refused);
    const time_point before = l.now;
    while (!l.probing('a')) l.pass(1ms);
    EXPECT_GE(l.now - before, 224ms);
    EXPECT_LE(l.now - before, 276ms);
  }
}

TEST(pool, status_shows_what_happened) {
  lab l("a0");
  l.pass(1s);
  l.attempt('a', outcome::answered);
  l.attempt('a', outcome::faulted);
  (void)l.begin('a');
  const server_status s = l.status('a');
  EXPECT_EQ(s.attempts, 3U);
  EXPECT_EQ(s.failures, 1U);
  EXPECT_EQ(s.in_flight, 1U);
  EXPECT_EQ(s.since, time_point{});
  EXPECT_EQ(s.share, 1.0);
}

TEST(pool_death, an_attempt_that_ends_twice_is_our_bug) {
  EXPECT_DEATH(
      {
        lab l("a0");
        const attempt_id one = l.begin('a');
        l.servers.end(l.now, one, outcome::answered);
        l.servers.end(l.now, one, outcome::answered);
      },
      "check failed: .*live");
}

}  // namespace
}  // namespace understudy::core
