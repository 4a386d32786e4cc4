// How signs add up, and how late is learned.
#include "core/evidence.hpp"

#include <gtest/gtest.h>

#include <deque>

#include "core/dice.hpp"
#include "core/watch.hpp"

namespace understudy::core {
namespace {

using namespace std::chrono_literals;

/// Signs one after another, each from an attempt that began after the one before had ended.
class in_turn {
 public:
  void see(sign what, int times = 1) {
    for (int i = 0; i < times; ++i) {
      now_ += 1s;
      against.add(what, now_ - 1ms, now_, usual);
    }
  }
  usual_signs usual;
  suspicion against;

 private:
  time_point now_{};
};

TEST(suspicion, three_faults_in_a_row_are_proof_and_two_are_not) {
  in_turn seen;
  seen.see(sign::good, 1000);
  seen.see(sign::fault, 2);
  EXPECT_FALSE(seen.against.proven());
  seen.see(sign::fault);
  EXPECT_TRUE(seen.against.proven());
  EXPECT_EQ(seen.against.seen(sign::fault), 3U);
  EXPECT_EQ(seen.against.worst(), sign::fault);
}

TEST(suspicion, half_of_the_calls_failing_is_proof_and_one_in_twenty_is_not) {
  in_turn half;
  for (int i = 0; i < 6; ++i) {
    half.see(sign::fault);
    half.see(sign::good);
  }
  EXPECT_TRUE(half.against.proven());
  in_turn few;
  for (int i = 0; i < 1000; ++i) {
    few.see(sign::slow);
    few.see(sign::good, 19);
    ASSERT_FALSE(few.against.proven());
  }
}

TEST(suspicion, signs_that_overlap_are_one) {
  const usual_signs usual;
  suspicion against;
  for (int i = 0; i < 100; ++i) against.add(sign::slow, time_point{1s}, time_point{2s}, usual);
  EXPECT_FALSE(against.proven());
  EXPECT_EQ(against.seen(sign::slow), 1U);
}

TEST(suspicion, what_is_usual_is_no_sign) {
  in_turn seen;
  for (int i = 0; i < 5000; ++i) seen.usual.add(i % 4 == 0 ? sign::error : sign::good);
  EXPECT_NEAR(seen.usual.of(sign::error), 0.25, 0.01);
  seen.see(sign::error, 100);
  EXPECT_FALSE(seen.against.proven());
  seen.see(sign::fault, 3);
  EXPECT_TRUE(seen.against.proven()) << "faults are another matter";
}

TEST(suspicion, an_unusual_error_needs_more_of_them_than_a_fault) {
  in_turn seen;
  seen.see(sign::error, 4);
  EXPECT_FALSE(seen.against.proven());
  seen.see(sign::error, 2);
  EXPECT_TRUE(seen.against.proven());
}

TEST(suspicion, on_trial_one_sign_is_proof_until_good_calls_were_seen) {
  in_turn seen;
  seen.against.put_on_trial();
  seen.see(sign::slow);
  EXPECT_TRUE(seen.against.proven());
  seen.against.clear();
  seen.against.put_on_trial();
  seen.see(sign::good, 20);
  seen.see(sign::fault);
  EXPECT_FALSE(seen.against.proven());
}

/// A hundred calls of 10 ms, one a second.
method_id known(watch& w, time_point& now, duration took) {
  const method_id m = w.know("T@m");
  for (int i = 0; i < 100; ++i) {
    const attempt_id one = w.begin(now, server_id{1}, m, true);
    (void)w.end(now + took, one, outcome::answered, false);
    now += 1s;
  }
  (void)w.take_notices();
  return m;
}

TEST(watch, late_is_learned_from_what_a_method_takes) {
  watch w;
  time_point now{};
  EXPECT_FALSE(w.late_after(w.know("T@new")));
  EXPECT_EQ(w.late_after(known(w, now, 10ms)), 100ms) << "never less";
  watch slow;
  const auto late = slow.late_after(known(slow, now, 2s));
  EXPECT_GT(*late, 2s);
  EXPECT_LT(*late, 8s);
}

TEST(watch, slow_calls_do_not_make_slowness_usual_before_they_are_noticed) {
  watch w;
  time_point now{};
  const method_id m = known(w, now, 10ms);
  for (int i = 0; i < 3; ++i) {
    (void)w.end(now + 5s, w.begin(now, server_id{1}, m, true), outcome::answered, false);
    now += 10s;
  }
  EXPECT_LE(*w.late_after(m), 500ms);
}

TEST(watch, says_once_that_an_attempt_is_late_and_the_case_is_proven_while_they_run) {
  watch w;
  time_point now{};
  const method_id m = known(w, now, 10ms);
  unsigned overdue = 0;
  unsigned proven = 0;
  for (int i = 0; i < 10; ++i) {
    (void)w.begin(now, server_id{1}, m, true);
    now += 200ms;
    w.advance(now);
    for (const notice& n : w.take_notices()) ++(n.what == notice::kind::overdue ? overdue : proven);
  }
  EXPECT_EQ(overdue, 10U);
  EXPECT_EQ(proven, 1U);
}

// Many at a time share their causes, so only few of them count; they must count for enough.
TEST(watch, faults_are_proven_however_many_calls_run_at_a_time) {
  for (const int at_a_time : {1, 10, 50, 200}) {
    for (const int good_of_10 : {0, 2, 5}) {
      watch w;
      time_point now{};
      const method_id m = known(w, now, 20ms);
      dice random(static_cast<std::uint64_t>(at_a_time));
      std::deque<attempt_id> out;
      const time_point sick = now;
      bool proven = false;
      while (!proven && now < sick + 5s) {
        out.push_back(w.begin(now, server_id{1}, m, true));
        now += std::chrono::duration_cast<duration>(20ms * (0.5 + random.unit())) / at_a_time;
        if (out.size() == static_cast<std::size_t>(at_a_time)) {
          const bool good = static_cast<int>(random.next() % 10) < good_of_10;
          (void)w.end(now, out.front(), good ? outcome::answered : outcome::faulted, false);
          out.pop_front();
        }
        for (const notice& n : w.take_notices()) proven |= n.what == notice::kind::proven;
      }
      EXPECT_TRUE(proven) << at_a_time << " at a time, " << good_of_10 << " of 10 good";
    }
  }
}

TEST(watch, time_in_which_we_did_not_run_makes_nothing_late) {
  watch w;
  time_point now{};
  const method_id m = known(w, now, 10ms);
  const attempt_id one = w.begin(now, server_id{1}, m, true);
  w.paused(5s);
  w.advance(now + 5050ms);
  EXPECT_TRUE(w.take_notices().empty());
  EXPECT_TRUE(w.end(now + 5050ms, one, outcome::answered, false).good);
}

TEST(watch, methods_beyond_the_most_share_one) {
  watch w;
  method_id last{};
  for (int i = 0; i < 5000; ++i) last = w.know("T@" + std::to_string(i));
  EXPECT_EQ(w.know("T@another"), last);
  EXPECT_EQ(w.name(last), "(other methods)");
  EXPECT_NE(w.know("T@0"), last);
}

}  // namespace
}  // namespace understudy::core
