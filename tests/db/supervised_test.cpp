// The decision core, the steps and real servers together.
#include <gtest/gtest.h>

#include <algorithm>

#include "db/support/load.hpp"
#include "db/support/pilot.hpp"

namespace understudy::db {
namespace {

class Supervised : public ::testing::Test {
 protected:
  cluster three_;
  pilot pilot_{three_};

  void SetUp() override {
    pilot_.ask(pilot_.bootstrap());
    ASSERT_TRUE(pilot_.run_until([&] { return !three_.see(1).read_only; })) << pilot_.history();
    ASSERT_TRUE(three_.client(1)
                    ->run("CREATE DATABASE app; CREATE TABLE app.t (id BIGINT PRIMARY KEY)", soon())
                    .ok());
    ASSERT_TRUE(pilot_.run_until([&] { return pilot_.stable_with(2); })) << pilot_.history();
  }

  void expect_all(const std::set<std::int64_t>& acknowledged, unsigned node) {
    const auto there = rows_of(three_, node);
    EXPECT_TRUE(std::includes(there.begin(), there.end(), acknowledged.begin(), acknowledged.end()))
        << "node " << node << "\n"
        << pilot_.history();
  }
  /// Another serves, and all are members again.
  void expect_takeover(load& writes, bool frozen) {
    const unsigned old = pilot_.primary();
    ASSERT_TRUE(pilot_.run_until([&] {
      return pilot_.primary() != old && pilot_.topology().phase == core::phase::stable &&
             !three_.see(pilot_.primary()).read_only;
    })) << pilot_.history();
    if (frozen) {
      three_.thaw(old);
    } else {
      ASSERT_TRUE(eventually([&] { return writes.ended(); }));
    }
    const auto acknowledged = writes.acknowledged();
    expect_all(acknowledged, pilot_.primary());
    ASSERT_TRUE(pilot_.run_until([&] { return pilot_.stable_with(2); }, 60s)) << pilot_.history();
    load more(three_, pilot_.primary(), 1'000'000);
    EXPECT_TRUE(eventually([&] { return more.count() > 50; }));
    more.stop();
    for (unsigned n = 1; n <= 3; ++n) {
      EXPECT_TRUE(eventually(
          [&] { return three_.see(n).written == three_.see(pilot_.primary()).written; }));
      expect_all(writes.acknowledged(), n);
      expect_all(more.acknowledged(), n);
    }
  }
};

TEST_F(Supervised, AKilledPrimaryIsReplacedAndComesBack) {
  load writes(three_, 1, 1);
  ASSERT_TRUE(eventually([&] { return writes.count() > 50; }));
  three_.server(1).kill();
  expect_takeover(writes, false);
}

TEST_F(Supervised, AFrozenPrimaryIsReplacedAndComesBack) {
  load writes(three_, 1, 1);
  ASSERT_TRUE(eventually([&] { return writes.count() > 50; }));
  three_.freeze(1);
  expect_takeover(writes, true);
}

TEST_F(Supervised, APrimaryHandsOver) {
  load writes(three_, 1, 1);
  ASSERT_TRUE(eventually([&] { return writes.count() > 50; }));
  pilot_.ask(core::switchover_order{});
  expect_takeover(writes, false);
}

}  // namespace
}  // namespace understudy::db
