// The peers' detectors do what their documentation says: each rule alone.
#include "core/peers_judges.hpp"

#include <gtest/gtest.h>

namespace understudy::core::peers {
namespace {

using namespace std::chrono_literals;

constexpr time_point start = time_point{} + 100s;

void end_attempts(judge& j, time_point now, unsigned count, outcome how) {
  for (unsigned i = 0; i < count; ++i) j.ended(now, primary, how);
}

TEST(peer_judges, checks_fall_and_rise) {
  check_judge j(3, 2, 0);
  const auto check = [&](bool good) {
    j.probed(start, primary, good);
    return j.take(start, primary);
  };
  EXPECT_TRUE(check(false) && check(false) && check(true)) << "not in a row";
  EXPECT_TRUE(check(false) && check(false));
  EXPECT_FALSE(check(false));
  EXPECT_FALSE(check(true));
  EXPECT_TRUE(check(true));
  end_attempts(j, start, 100, outcome::faulted);
  EXPECT_TRUE(j.take(start, primary)) << "traffic is not observed";
  EXPECT_EQ(j.ejections(), 1U);
}

TEST(peer_judges, observed_errors_mark_down) {
  check_judge j(3, 2, 10);
  end_attempts(j, start, 9, outcome::faulted);
  end_attempts(j, start, 1, outcome::answered);
  end_attempts(j, start, 9, outcome::timed_out);
  EXPECT_TRUE(j.take(start, primary));
  end_attempts(j, start, 1, outcome::refused);
  EXPECT_FALSE(j.take(start, primary));
}

TEST(peer_judges, one_failure_rests_a_server_for_10_s_then_one_request_tries_it) {
  max_fails_judge j(false);
  end_attempts(j, start, 5, outcome::faulted);
  EXPECT_TRUE(j.take(start, primary)) << "http_500 is not among its failures";
  end_attempts(j, start, 1, outcome::lost);
  end_attempts(j, start, 1, outcome::answered);
  EXPECT_FALSE(j.take(start + 10s, primary)) << "an older answer proves nothing";
  EXPECT_TRUE(j.take(start + 11s, primary));
  EXPECT_FALSE(j.take(start + 11s, primary)) << "one only";
  end_attempts(j, start + 11s, 1, outcome::answered);
  EXPECT_TRUE(j.take(start + 11s, primary));
}

TEST(peer_judges, five_errors_in_a_row_eject_for_30_s_and_twice_as_long_soon_after) {
  outlier_judge j;
  end_attempts(j, start, 4, outcome::faulted);
  end_attempts(j, start, 1, outcome::answered);
  end_attempts(j, start, 4, outcome::faulted);
  EXPECT_TRUE(j.take(start, primary));
  end_attempts(j, start, 1, outcome::faulted);
  EXPECT_FALSE(j.take(start + 30s, primary));
  EXPECT_TRUE(j.take(start + 40s, primary));
  end_attempts(j, start + 41s, 5, outcome::lost);
  EXPECT_FALSE(j.take(start + 100s, primary));
  EXPECT_TRUE(j.take(start + 111s, primary));
}

TEST(peer_judges, five_failures_mark_dead_and_each_failed_trial_doubles_the_rest) {
  accrual_judge j(1);
  end_attempts(j, start, 5, outcome::faulted);
  EXPECT_FALSE(j.take(start + 2s, primary));
  ASSERT_TRUE(j.take(start + 5s, primary));
  EXPECT_FALSE(j.take(start + 5s, primary)) << "one trial";
  end_attempts(j, start + 5s, 1, outcome::faulted);
  EXPECT_FALSE(j.take(start + 9s, primary));
  ASSERT_TRUE(j.take(start + 15s, primary));
  end_attempts(j, start + 15s, 1, outcome::answered);
  EXPECT_TRUE(j.take(start + 15s, primary));
  EXPECT_TRUE(j.take(start + 15s, primary)) << "alive";
  EXPECT_EQ(j.ejections(), 1U);
}

TEST(peer_judges, silence_is_suspect_when_it_is_longer_than_the_gaps_explain) {
  phi_judge j;
  time_point now = start;
  for (int i = 0; i < 2000; ++i) {
    now += i % 2 == 0 ? 800ms : 1200ms;
    j.ended(now, primary, outcome::answered);
  }
  // Mean 1 s, deviation 0.2 s: phi is 8 at 5.61 deviations.
  EXPECT_TRUE(j.take(now + 2100ms, primary));
  EXPECT_FALSE(j.take(now + 2140ms, primary));
  j.probed(now + 3s, primary, false);
  EXPECT_FALSE(j.take(now + 3s, primary));
  j.probed(now + 4s, primary, true);
  EXPECT_TRUE(j.take(now + 4s, primary));
}

}  // namespace
}  // namespace understudy::core::peers
