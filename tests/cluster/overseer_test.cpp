// Supervisors, an etcd and MariaDB servers, all real: what dies, and what is there afterwards.
#include <gtest/gtest.h>

#include <algorithm>

#include "cluster/stage.hpp"

namespace understudy::cluster {
namespace {

class Overseer : public testing::Test {
 protected:
  stage on;

  void SetUp() override { on.begin(); }

  void expect_all(const std::set<std::int64_t>& acknowledged, unsigned node) {
    const auto there = db::rows_of(on.nodes, node);
    EXPECT_TRUE(std::includes(there.begin(), there.end(), acknowledged.begin(), acknowledged.end()))
        << "node " << node << "\n"
        << on.history();
  }
  // Another is primary, has all that was acknowledged, and takes more.
  void expect_takeover(unsigned old, const std::set<std::int64_t>& acknowledged) {
    ASSERT_TRUE(on.run_until([&] { return on.primary() != 0 && on.primary() != old; }))
        << on.history();
    ASSERT_TRUE(on.run_until([&] { return on.serves(1) || on.serves(2); })) << on.history();
    expect_all(acknowledged, on.settled_primary());
    db::load more(on.nodes, on.settled_primary(), 5'000'000);
    EXPECT_TRUE(on.run_until([&] { return more.count() > 20; })) << on.history();
  }
  void expect_whole() {
    ASSERT_TRUE(on.run_until([&] { return on.serves(2); })) << on.history();
    const unsigned primary = on.settled_primary();
    for (unsigned n = 1; n <= 3; ++n) {
      EXPECT_TRUE(on.run_until([&] {
        return db::rows_of(on.nodes, n) == db::rows_of(on.nodes, primary);
      })) << "node "
          << n;
    }
  }
};

TEST_F(Overseer, AKilledPrimaryIsReplacedAndComesBack) {
  db::load writes(on.nodes, 1, 1);
  ASSERT_TRUE(on.run_until([&] { return writes.count() > 50; }));
  on.nodes.server(1).kill();
  ASSERT_TRUE(on.run_until([&] { return writes.ended(); }));
  expect_takeover(1, writes.acknowledged());
  expect_whole();
  ASSERT_NE(on.settled_primary(), 0U);
  EXPECT_EQ(on.agreed()->epoch, core::epoch{2});
}

TEST_F(Overseer, AFrozenPrimaryAcknowledgesNothingAfterItWakes) {
  db::load writes(on.nodes, 1, 1);
  ASSERT_TRUE(on.run_until([&] { return writes.count() > 50; }));
  on.nodes.freeze(1);
  ASSERT_TRUE(on.run_until([&] { return on.primary() > 1 && on.serves(1); })) << on.history();
  on.nodes.thaw(1);
  expect_takeover(1, writes.acknowledged());
  expect_whole();
  writes.stop();
  expect_all(writes.acknowledged(), on.settled_primary());
}

// It wakes up when all is over, and believes that it is still in the middle of its reign.
TEST_F(Overseer, ASupervisorThatSleptDoesNothing) {
  seat* const first = on.seats[0]->who().leads() ? on.seats[0].get() : on.seats[1].get();
  ASSERT_TRUE(first->who().leads());
  first->asleep = true;
  on.nodes.server(1).kill();
  ASSERT_TRUE(on.run_until([&] { return on.primary() > 1 && on.serves(2); })) << on.history();
  const core::topology before = *on.agreed();
  first->asleep = false;
  on.run_for(2s);
  ASSERT_TRUE(on.run_until([&] { return on.serves(2); })) << on.history();
  EXPECT_EQ(on.agreed()->epoch, before.epoch);
  EXPECT_EQ(on.agreed()->primary, before.primary);
}

TEST_F(Overseer, WithoutEtcdWritesGoOnAndNobodyTakesOver) {
  on.etcd.kill(0);
  {
    db::load writes(on.nodes, 1, 1);
    EXPECT_TRUE(on.run_until([&] { return writes.count() > 50; })) << on.history();
    on.run_for(2s);
    const auto before = writes.count();
    EXPECT_TRUE(on.run_until([&] { return writes.count() > before + 10; })) << on.history();
  }
  on.nodes.server(1).kill();
  on.run_for(3s);
  EXPECT_TRUE(on.nodes.see(2).read_only);
  EXPECT_TRUE(on.nodes.see(3).read_only);
  on.etcd.start(0);
  EXPECT_TRUE(on.run_until([&] { return on.primary() > 1 && on.serves(2); })) << on.history();
}

TEST_F(Overseer, APrimaryHandsOver) {
  db::load writes(on.nodes, 1, 1);
  ASSERT_TRUE(on.run_until([&] { return writes.count() > 50; }));
  ASSERT_EQ(on.seats[1]->who().ask(core::switchover_order{db::id_of(3)}), "");
  ASSERT_TRUE(on.run_until([&] { return on.primary() == 3 && on.serves(2); })) << on.history();
  writes.stop();
  expect_all(writes.acknowledged(), 3);
  expect_whole();
}

}  // namespace
}  // namespace understudy::cluster
