// How long a lease is believed.
#include "coord/etcd/lease_clock.hpp"

#include <gtest/gtest.h>

namespace understudy::coord::etcd {
namespace {

using namespace std::chrono_literals;

const core::time_point begin{100s};

TEST(LeaseClock, CountsFromWhenItWasSent) {
  lease_clock clock;
  EXPECT_LT(clock.leading_until(), begin);
  clock.held(7, 2s, begin);
  EXPECT_LT(clock.leading_until(), begin);  // whose the key is nobody has said
  clock.key_under(7);
  EXPECT_EQ(clock.leading_until(), begin + 2s - lease_clock::margin_of(2s));
  clock.held(7, 2s, begin + 1s);
  EXPECT_EQ(clock.leading_until(), begin + 1600ms);  // not before the key is seen again
  clock.key_under(7);
  EXPECT_EQ(clock.leading_until(), begin + 2600ms);
}

TEST(LeaseClock, AKeyOfAnotherEndsIt) {
  for (const std::optional<std::int64_t> other :
       {std::optional<std::int64_t>(8), std::optional<std::int64_t>()}) {
    lease_clock clock;
    clock.held(7, 2s, begin);
    clock.key_under(7);
    clock.held(7, 2s, begin + 1s);
    clock.key_under(other);
    EXPECT_LT(clock.leading_until(), begin);
    EXPECT_EQ(clock.lease(), 7);
  }
}

TEST(LeaseClock, AnotherLeaseBeginsAnew) {
  lease_clock clock;
  clock.held(7, 2s, begin);
  clock.key_under(7);
  clock.held(8, 2s, begin);
  EXPECT_LT(clock.leading_until(), begin);
  clock.key_under(7);  // the key is under the lease that was
  EXPECT_LT(clock.leading_until(), begin);
  clock.key_under(8);
  EXPECT_GT(clock.leading_until(), begin);
  clock.lost();
  EXPECT_LT(clock.leading_until(), begin);
  EXPECT_EQ(clock.lease(), 0);
  clock.key_under(0);  // under no lease at all
  EXPECT_LT(clock.leading_until(), begin);
}

}  // namespace
}  // namespace understudy::coord::etcd
