// A primary is lost, frozen or relieved, and no acknowledged row is missing.
#include <gtest/gtest.h>

#include <algorithm>

#include "db/support/cluster.hpp"
#include "db/support/load.hpp"

namespace understudy::db {
namespace {

using core::epoch;
using core::receiver;

class ThreeNodes : public ::testing::Test {
 protected:
  cluster three_;

  void SetUp() override { three_.replicate(); }

  /// Node 2 or 3 becomes primary of `next`, and the other follows it. Returns who.
  unsigned take_over(epoch next) {
    three_.gen = after(three_.gen);
    for (const unsigned n : {2U, 3U}) three_.does(n, core::hold{});
    const core::sight two = three_.does(2, core::revoke{});
    const core::sight three = three_.does(3, core::revoke{});
    const unsigned chosen = two.received.seq >= three.received.seq ? 2 : 3;
    const unsigned other = 5 - chosen;
    three_.gen = after(three_.gen);
    core::sight seen = three_.does(chosen, core::promote{next, nodes({other})});
    EXPECT_TRUE(seen.read_only);
    EXPECT_FALSE(seen.replica);
    EXPECT_TRUE(seen.semi_sync);
    EXPECT_EQ(seen.cut, nodes({1}));
    EXPECT_EQ(seen.server_id, core::server_id_of(next, id_of(chosen)));
    three_.joins(other, chosen);
    EXPECT_TRUE(eventually([&] { return three_.see(other).held() == seen.written; }));
    EXPECT_TRUE(eventually([&] { return three_.see(chosen).ackers == 1; }));
    three_.gen = after(three_.gen);
    seen = three_.does(chosen, core::open{next, false});
    EXPECT_FALSE(seen.read_only);
    EXPECT_EQ(seen.written.server, core::server_id_of(next, id_of(chosen)));
    return chosen;
  }

  void expect_all(const std::set<std::int64_t>& acknowledged, unsigned node) {
    const auto there = rows_of(three_, node);
    EXPECT_TRUE(std::includes(there.begin(), there.end(), acknowledged.begin(), acknowledged.end()))
        << "node " << node;
  }
};

TEST_F(ThreeNodes, APrimaryIsKilledUnderLoad) {
  load first(three_, 1, 1);
  load second(three_, 1, 1'000'000);
  ASSERT_TRUE(eventually([&] { return first.count() > 100 && second.count() > 100; }));
  three_.server(1).kill();
  ASSERT_TRUE(eventually([&] { return first.ended() && second.ended(); }));
  auto acknowledged = first.acknowledged();
  acknowledged.merge(second.acknowledged());

  const unsigned chosen = take_over(epoch{2});
  expect_all(acknowledged, chosen);
  load more(three_, chosen, 2'000'000);
  EXPECT_TRUE(eventually([&] { return more.count() > 20; }));

  // The old one gives up what nobody acknowledged, and follows.
  three_.start(1);
  three_.does(1, core::hold{});
  core::sight back = three_.see(1);
  EXPECT_TRUE(back.read_only);
  EXPECT_FALSE(back.replica);
  EXPECT_EQ(back.server_id, 1u);
  EXPECT_TRUE(three_.see(chosen).state.holds(back.written));
  three_.does(chosen, core::cut{id_of(1), false});
  three_.joins(1, chosen);
  more.stop();
  EXPECT_TRUE(eventually([&] { return three_.see(1).written == three_.see(chosen).written; }));
  EXPECT_TRUE(eventually([&] { return rows_of(three_, 1) == rows_of(three_, chosen); }));
  EXPECT_TRUE(eventually([&] { return three_.see(chosen).ackers == 2; }));
  for (const auto row : more.acknowledged()) acknowledged.insert(row);
  expect_all(acknowledged, 1);
}

TEST_F(ThreeNodes, AnUnacknowledgedEndIsCutOff) {
  for (const unsigned n : {2U, 3U}) three_.does(n, core::revoke{});
  ASSERT_TRUE(eventually([&] { return three_.see(1).ackers == 0; }));
  const core::gtid before = three_.see(1).written;
  load waits(three_, 1, 1);
  ASSERT_TRUE(eventually([&] { return three_.see(1).written.seq == before.seq + 1; }));
  three_.server(1).kill();
  three_.start(1);
  EXPECT_EQ(three_.see(1).written, before);
  EXPECT_TRUE(rows_of(three_, 1).empty());
  EXPECT_EQ(waits.count(), 0u);
}

TEST_F(ThreeNodes, AFrozenPrimaryNeverAcknowledgesAgain) {
  load writes(three_, 1, 1);
  ASSERT_TRUE(eventually([&] { return writes.count() > 50; }));
  three_.freeze(1);
  const unsigned chosen = take_over(epoch{2});
  const auto acknowledged = writes.acknowledged();
  three_.thaw(1);
  // It wakes, and what waits for an acknowledgement goes on waiting, also for those who are new.
  load late(three_, 1, 1'000'000);
  ASSERT_TRUE(eventually([&] { return three_.see(1).ackers == 0; }));
  three_.gen = after(three_.gen);
  three_.does(1, core::hold{});
  EXPECT_EQ(three_.carry_out(1, core::close{}).end, core::step_end::failed);
  EXPECT_EQ(late.count(), 0u);
  // An answer may have been on its way when it froze; none came since.
  EXPECT_LE(writes.count(), acknowledged.size() + 1);
  expect_all(writes.acknowledged(), chosen);

  three_.server(1).kill();
  three_.start(1);
  three_.does(1, core::hold{});
  EXPECT_TRUE(three_.see(chosen).state.holds(three_.see(1).written));
  three_.does(chosen, core::cut{id_of(1), false});
  three_.joins(1, chosen);
  EXPECT_TRUE(eventually([&] { return three_.see(1).written == three_.see(chosen).written; }));
  EXPECT_TRUE(eventually([&] { return rows_of(three_, 1) == rows_of(three_, chosen); }));
  EXPECT_EQ(late.count(), 0u);
}

TEST_F(ThreeNodes, AReplicaThatConnectsBeforeThePromotionAcknowledgesAfterIt) {
  three_.server(1).kill();
  three_.gen = after(three_.gen);
  for (const unsigned n : {2U, 3U}) {
    three_.does(n, core::hold{});
    three_.does(n, core::revoke{});
  }
  three_.joins(3, 2);
  EXPECT_TRUE(eventually([&] { return three_.see(2).ackers == 1; }));
  EXPECT_TRUE(three_.does(2, core::promote{epoch{2}, nodes({3})}).semi_sync);
  EXPECT_FALSE(three_.does(2, core::open{epoch{2}, false}).read_only);
  load more(three_, 2, 1);
  EXPECT_TRUE(eventually([&] { return more.count() > 20; }));
  // It is its word that they wait for.
  three_.does(3, core::revoke{});
  ASSERT_TRUE(eventually([&] { return three_.see(2).ackers == 0; }));
  // The last answer may be on its way.
  const std::size_t acknowledged = more.count() + 1;
  ASSERT_TRUE(eventually([&] { return three_.see(2).written.seq > three_.see(3).held().seq; }));
  more.stop();
  EXPECT_LE(more.count(), acknowledged);
}

TEST_F(ThreeNodes, WhatTheNewPrimaryHasIsReceivedAgainAndNotWaitedFor) {
  session local;
  ASSERT_FALSE(local.connect(three_.all().nodes[2].at, test_supervisor(), soon()));
  ASSERT_TRUE(local.run("STOP SLAVE SQL_THREAD", soon()).ok());
  ASSERT_TRUE(three_.client(1)->run("INSERT INTO app.t VALUES (1)", soon()).ok());
  const core::gtid all = three_.see(1).written;
  ASSERT_TRUE(eventually([&] { return three_.see(3).held() == all; }));
  three_.server(1).kill();
  ASSERT_TRUE(local.run("STOP SLAVE IO_THREAD", soon()).ok());
  ASSERT_FALSE(three_.see(3).drained());
  three_.gen = after(three_.gen);
  for (const unsigned n : {2U, 3U}) three_.does(n, core::hold{});
  ASSERT_TRUE(eventually([&] { return three_.see(2).written == all; }));
  three_.does(2, core::promote{epoch{2}, nodes({3})});
  EXPECT_EQ(three_.carry_out(3, core::follow{id_of(2), true}).end, core::step_end::failed);
  const core::gtid less{all.server, all.seq - 1};
  EXPECT_EQ(three_.carry_out(3, core::follow{id_of(2), true, less}).end, core::step_end::failed);
  EXPECT_EQ(three_.see(3).held(), all);
  three_.does(3, core::follow{id_of(2), true, all});
  EXPECT_TRUE(eventually([&] { return rows_of(three_, 3) == std::set<std::int64_t>{1}; }));
  EXPECT_FALSE(three_.does(2, core::open{epoch{2}, false}).read_only);
}

TEST_F(ThreeNodes, APrimaryHandsOver) {
  load writes(three_, 1, 1);
  ASSERT_TRUE(eventually([&] { return writes.count() > 50; }));
  three_.gen = after(three_.gen);
  core::sight old = three_.does(1, core::close{});
  EXPECT_TRUE(old.read_only);
  ASSERT_TRUE(eventually([&] { return writes.ended(); }));
  old = three_.see(1);
  ASSERT_TRUE(eventually([&] { return three_.see(2).held() == old.written; }));
  const core::sight next = three_.does(2, core::promote{epoch{2}, nodes({1, 3})});
  EXPECT_EQ(next.written, old.written);
  old = three_.does(1, core::follow{id_of(2), true});
  EXPECT_EQ(old.server_id, 1u);
  EXPECT_FALSE(old.semi_sync);
  EXPECT_TRUE(old.replica);
  three_.joins(3, 2);
  EXPECT_TRUE(eventually([&] { return three_.see(2).ackers == 2; }));
  three_.does(2, core::open{epoch{2}, false});
  load more(three_, 2, 1'000'000);
  EXPECT_TRUE(eventually([&] { return more.count() > 20; }));
  more.stop();
  for (const unsigned n : {1U, 3U}) {
    EXPECT_TRUE(eventually([&] { return three_.see(n).written == three_.see(2).written; }));
    EXPECT_EQ(three_.see(n).receive_error, 0u);
    expect_all(writes.acknowledged(), n);
    expect_all(more.acknowledged(), n);
  }
}

}  // namespace
}  // namespace understudy::db
