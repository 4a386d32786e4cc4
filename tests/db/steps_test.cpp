// Steps on real servers, and what is seen after each.
#include <gtest/gtest.h>

#include "db/sql.hpp"
#include "db/support/cluster.hpp"
#include "db/support/load.hpp"

namespace understudy::db {
namespace {

using core::receiver;
using core::step_end;

TEST(Steps, AFreshServerIsEmptyAndHeld) {
  cluster one(1);
  core::sight seen = one.see(1);
  EXPECT_TRUE(seen.read_only);
  EXPECT_TRUE(seen.written.empty());
  EXPECT_TRUE(seen.state.empty());
  EXPECT_EQ(seen.told, core::generation{0});
  EXPECT_FALSE(seen.mine);
  EXPECT_FALSE(seen.replica);
  EXPECT_EQ(seen.server_id, 1u);
  // Without the fence nothing is done.
  EXPECT_EQ(one.carry_out(1, core::close{}).end, step_end::failed);
  one.gen = core::generation{5};
  seen = one.does(1, core::hold{});
  EXPECT_TRUE(seen.mine);
  EXPECT_EQ(seen.told, core::generation{5});
  EXPECT_TRUE(seen.state.empty()) << core::to_string(seen.state);  // the fence is not replicated
}

TEST(Steps, ThreeNodesReplicateAndAcknowledge) {
  cluster three;
  three.replicate();
  const core::sight primary = three.see(1);
  EXPECT_EQ(primary.server_id, 1001u);
  EXPECT_FALSE(primary.read_only);
  EXPECT_TRUE(primary.semi_sync);
  EXPECT_EQ(primary.ackers, 2u);
  EXPECT_EQ(primary.cut, core::node_set());
  EXPECT_FALSE(primary.replica);
  EXPECT_EQ(primary.written.server, 1001u);
  for (const unsigned n : {2U, 3U}) {
    const core::sight seen = three.see(n);
    EXPECT_TRUE(seen.replica);
    EXPECT_TRUE(seen.read_only);
    EXPECT_EQ(seen.follows, id_of(1));
    EXPECT_EQ(seen.receiving, receiver::running);
    EXPECT_TRUE(seen.applying);
    EXPECT_TRUE(seen.acks);
    EXPECT_FALSE(seen.semi_sync);
    EXPECT_EQ(seen.receive_error, 0u);
    EXPECT_EQ(seen.server_id, n);
  }
  // The row of the journal came to the others, and an application's does, once acknowledged.
  ASSERT_TRUE(three.client(1)->run("INSERT INTO app.t VALUES (7)", soon()).ok());
  const core::gtid written = three.see(1).written;
  EXPECT_TRUE(eventually([&] { return three.see(2).state.holds(written); }));
  EXPECT_TRUE(eventually([&] { return rows_of(three, 2) == std::set<std::int64_t>{7}; }));
  EXPECT_FALSE(three.client(2)->run("INSERT INTO app.t VALUES (8)", soon()).ok());
  session on;
  ASSERT_FALSE(on.connect(three.all().nodes[1].at, test_supervisor(), soon()));
  EXPECT_EQ(on.run("SELECT CONCAT(epoch,'/',node,'/',solo) FROM understudy.journal", soon())
                .tables.at(0)
                .first(),
            "1/1/1");
}

TEST(Steps, GroundThatIsHalfLaidIsFinished) {
  cluster two(2);
  session on;
  ASSERT_FALSE(on.connect(two.all().nodes[0].at, test_supervisor(), soon()));
  ASSERT_TRUE(on.run(replication_account(id_of(2), two.all().replication_password), soon()).ok());
  EXPECT_FALSE(two.see(1).state.empty());
  two.replicate();
}

TEST(Steps, WhoHasLeftTheClusterIsCutOffToo) {
  cluster two(2);
  two.replicate();
  session on;
  ASSERT_FALSE(on.connect(two.all().nodes[0].at, test_supervisor(), soon()));
  ASSERT_TRUE(on.run(replication_account(id_of(9), "x"), soon()).ok());
  ASSERT_TRUE(eventually([&] { return two.see(2).held() == two.see(1).written; }));
  two.does(2, core::revoke{});
  EXPECT_EQ(two.does(2, core::promote{core::epoch{2}, nodes({1})}).cut, nodes({9}));
}

TEST(Steps, BeatsMoveWhileNothingIsWritten) {
  cluster two(2);
  two.replicate();
  const std::uint64_t idle = two.see(2).beats;
  EXPECT_TRUE(eventually([&] { return two.see(2).beats != idle; }));
  const core::gtid written = two.see(1).written;
  EXPECT_EQ(two.see(2).received, written);  // so these were heartbeats
  two.freeze(1);
  // Whatever was under way has come when nothing has for a while.
  EXPECT_TRUE(eventually([&] {
    const std::uint64_t now = two.see(2).beats;
    std::this_thread::sleep_for(1s);
    return two.see(2).beats == now;
  }));
  EXPECT_TRUE(eventually([&] { return two.see(2).receiving == receiver::connecting; }));
  two.thaw(1);
  EXPECT_TRUE(eventually([&] { return two.see(2).receiving == receiver::running; }));
}

TEST(Steps, RevokedNodesAcknowledgeNothing) {
  cluster two(2);
  two.replicate();
  load writes(two, 1, 1);
  ASSERT_TRUE(eventually([&] { return writes.count() > 20; }));
  const core::sight revoked = two.does(2, core::revoke{});
  EXPECT_EQ(revoked.receiving, receiver::stopped);
  EXPECT_TRUE(revoked.applying);
  ASSERT_TRUE(eventually([&] { return two.see(1).ackers == 0; }));
  // The last answer may be on its way.
  const std::size_t acknowledged = writes.count() + 1;
  const core::sight later = two.does(2, core::revoke{});  // again does nothing
  EXPECT_EQ(later.receiving, receiver::stopped);
  EXPECT_TRUE(later.applying);
  EXPECT_EQ(later.received, revoked.received);
  EXPECT_LE(writes.count(), acknowledged);
  EXPECT_FALSE(writes.ended());

  // The primary can not be closed now, but it can be held.
  two.gen = after(two.gen);
  EXPECT_TRUE(two.does(1, core::hold{}).mine);
  const node_report closing = two.carry_out(1, core::close{});
  EXPECT_EQ(closing.end, step_end::failed) << closing.why;
  EXPECT_EQ(two.carry_out(1, core::follow{id_of(2), true}).end, step_end::failed);
  EXPECT_TRUE(two.see(1).semi_sync);
  EXPECT_LE(writes.count(), acknowledged);

  // Receiving again, all goes on.
  two.does(2, core::hold{});
  two.joins(2, 1);
  EXPECT_TRUE(eventually([&] { return writes.count() > acknowledged + 20; }));
  writes.stop();
}

TEST(Steps, AnEmptyServerIsOpenedAtOnceAndAgainAfterAStart) {
  cluster one(1);
  one.does(1, core::hold{});
  EXPECT_EQ(one.carry_out(1, core::open{core::epoch{1}, false}).end, step_end::failed);
  core::sight seen = one.does(1, core::open{core::epoch{1}, true});
  EXPECT_FALSE(seen.read_only);
  EXPECT_EQ(seen.server_id, 1001u);
  ASSERT_TRUE(one.client(1)->run("CREATE DATABASE app", soon()).ok());
  const core::gtid written = one.see(1).written;
  one.server(1).kill();
  one.start(1, core::start_role::primary);
  EXPECT_EQ(one.does(1, core::hold{}).server_id, 1u);
  seen = one.does(1, core::open{core::epoch{1}, true});
  EXPECT_FALSE(seen.read_only);
  EXPECT_EQ(seen.server_id, 1001u);
  EXPECT_EQ(seen.written, written);  // the journal has this epoch
}

TEST(Steps, ANodeIsCutOffAndComesBack) {
  cluster three;
  three.replicate();
  core::sight seen = three.does(1, core::cut{id_of(3), true});
  EXPECT_EQ(seen.cut, nodes({3}));
  EXPECT_TRUE(eventually([&] { return three.see(1).ackers == 1; }));
  EXPECT_TRUE(eventually([&] { return three.see(3).receiving == receiver::connecting; }));
  ASSERT_TRUE(three.client(1)->run("INSERT INTO app.t VALUES (1)", soon()).ok());
  EXPECT_EQ(three.see(2).cut, core::node_set());  // it is of this primary alone
  seen = three.does(1, core::cut{id_of(3), true});
  EXPECT_EQ(seen.cut, nodes({3}));
  seen = three.does(1, core::cut{id_of(3), false});
  EXPECT_EQ(seen.cut, core::node_set());
  EXPECT_TRUE(eventually([&] { return three.see(1).ackers == 2; }));
  EXPECT_TRUE(eventually([&] { return three.see(3).state.holds(three.see(1).written); }));
}

TEST(Steps, AcksCanBeSwitched) {
  cluster two(2);
  two.replicate();
  two.does(1, core::wait_for_acks{false});
  EXPECT_FALSE(two.see(1).semi_sync);
  two.does(2, core::follow{id_of(1), false});
  EXPECT_TRUE(eventually([&] { return two.see(2).receiving == receiver::running; }));
  EXPECT_FALSE(two.see(2).acks);
  ASSERT_TRUE(two.client(1)->run("INSERT INTO app.t VALUES (1)", soon()).ok());
  EXPECT_TRUE(eventually([&] { return two.see(2).state.holds(two.see(1).written); }));
  EXPECT_EQ(two.see(1).ackers, 0u);
  EXPECT_EQ(two.carry_out(2, core::wait_for_acks{true}).end, step_end::failed);
  two.joins(2, 1);
  two.does(1, core::wait_for_acks{true});
  EXPECT_TRUE(eventually([&] { return two.see(1).ackers == 1; }));
  EXPECT_TRUE(two.see(2).acks);
}

TEST(Steps, ALowerGenerationIsRefused) {
  cluster one(1);
  one.gen = core::generation{9};
  one.does(1, core::hold{});
  one.gen = core::generation{8};
  EXPECT_EQ(one.carry_out(1, core::close{}).end, step_end::refused);
  EXPECT_EQ(one.carry_out(1, core::hold{}).end, step_end::refused);
  EXPECT_TRUE(one.see(1).mine);
  EXPECT_EQ(one.see(1).told, core::generation{9});
  one.gen = core::generation{10};
  EXPECT_EQ(one.does(1, core::close{}).told, core::generation{10});
  // It outlives the server.
  one.server(1).kill();
  one.start(1);
  EXPECT_EQ(one.see(1).told, core::generation{10});
  one.gen = core::generation{9};
  EXPECT_EQ(one.carry_out(1, core::hold{}).end, step_end::refused);
}

TEST(Steps, ASecondSupervisorEndsTheFirst) {
  cluster one(1);
  one.does(1, core::hold{});
  one.does(1, core::promote{core::epoch{1}, {}});
  node_session second(one.all(), id_of(1));
  EXPECT_FALSE(second.look(soon()).seen.value().mine);
  // A lower generation does not end anybody.
  EXPECT_EQ(second.carry_out(core::hold{}, core::generation{0}, soon()).end, step_end::refused);
  EXPECT_TRUE(one.see(1).mine);

  const node_report held = second.carry_out(core::hold{}, core::generation{2}, soon());
  ASSERT_EQ(held.end, step_end::done) << held.why;
  EXPECT_TRUE(held.seen.value().mine);
  const node_report late = one.carry_out(1, core::open{core::epoch{1}, true});
  // It may be sent before the end of the connection is seen.
  EXPECT_TRUE(late.end == step_end::refused || late.end == step_end::unknown) << late.why;
  EXPECT_TRUE(one.see(1).read_only);
  EXPECT_FALSE(one.see(1).mine);
  EXPECT_EQ(one.carry_out(1, core::open{core::epoch{1}, true}).end, step_end::refused);
  EXPECT_TRUE(second.look(soon()).seen.value().mine);
  EXPECT_TRUE(second.look(soon()).seen.value().read_only);
}

TEST(Steps, TheFenceEndsWithItsConnection) {
  cluster one(1);
  one.does(1, core::hold{});
  one.supervisor(1).close();
  // Nobody was told more, and yet it is not ours any more.
  const node_report late = one.carry_out(1, core::close{});
  EXPECT_EQ(late.end, step_end::failed);
  EXPECT_FALSE(late.seen.value().mine);
  EXPECT_TRUE(one.does(1, core::hold{}).mine);
  node_session second(one.all(), id_of(1));
  ASSERT_EQ(second.carry_out(core::hold{}, one.gen, soon()).end, step_end::done);
  EXPECT_TRUE(eventually([&] { return !one.see(1).mine; }));
  EXPECT_EQ(one.carry_out(1, core::close{}).end, step_end::failed);
}

TEST(Steps, ASalvagedStartIsNoted) {
  cluster one(1);
  const core::sight seen = one.does(1, core::hold{});
  EXPECT_FALSE(seen.salvaged);
  session agent;
  ASSERT_FALSE(agent.connect(one.all().nodes[0].at, test_supervisor(), soon()));
  ASSERT_TRUE(agent.run(session_start(), soon()).ok());
  ASSERT_TRUE(agent.run(note_salvaged(seen.start), soon()).ok());
  EXPECT_TRUE(one.see(1).salvaged);
  one.server(1).kill();
  one.start(1);
  EXPECT_FALSE(one.see(1).salvaged);
}

TEST(Steps, AFrozenServerEndsAStepAsUnknown) {
  cluster one(1);
  one.does(1, core::hold{});
  one.freeze(1);
  node_report report = one.carry_out(1, core::close{}, 100ms);
  EXPECT_EQ(report.end, step_end::unknown);
  EXPECT_FALSE(report.seen);
  EXPECT_EQ(report.absence, core::absence::silent);
  report = one.carry_out(1, core::close{}, 100ms);  // no connection: nothing was sent
  EXPECT_EQ(report.end, step_end::failed);
  EXPECT_EQ(report.absence, core::absence::silent);
  one.thaw(1);
  one.gen = after(one.gen);
  EXPECT_TRUE(one.does(1, core::hold{}).mine);
  one.server(1).kill();
  report = one.supervisor(1).look(soon());
  EXPECT_FALSE(report.seen);
  EXPECT_EQ(one.supervisor(1).look(soon()).absence, core::absence::refused);
}

TEST(Steps, OpeningWaitsForAnAcknowledgementAndNobodyKillsTheWriter) {
  cluster two(2);
  two.replicate();
  two.does(2, core::revoke{});
  two.gen = after(two.gen);
  two.does(2, core::promote{core::epoch{2}, nodes({1})});
  // Nobody follows: the row of the journal waits, and it stays closed.
  EXPECT_EQ(two.carry_out(2, core::open{core::epoch{2}, false}, 1s).end, step_end::unknown);
  core::sight seen = two.see(2);
  EXPECT_TRUE(seen.read_only);
  EXPECT_TRUE(seen.mine);
  const core::gtid waiting = seen.written;
  EXPECT_EQ(waiting.server, 2002u);
  two.gen = after(two.gen);
  two.does(2, core::hold{});
  EXPECT_EQ(two.carry_out(2, core::open{core::epoch{2}, false}, 3s).end, step_end::failed);
  // It was never there for others, and alone it is let through.
  seen = two.does(2, core::open{core::epoch{2}, true});
  EXPECT_FALSE(seen.read_only);
  EXPECT_FALSE(seen.semi_sync);
  ASSERT_TRUE(two.client(2)->run("INSERT INTO app.t VALUES (1)", soon()).ok());
}

TEST(Steps, WhatWasAcknowledgedIsKeptWhileItsReceiverIsStoppedAndStarted) {
  cluster two(2);
  two.replicate();
  // It can not apply what comes.
  const auto reader = two.client(2);
  ASSERT_TRUE(reader->run("LOCK TABLES app.t READ", soon()).ok());
  ASSERT_TRUE(two.client(1)->run("INSERT INTO app.t VALUES (1)", soon()).ok());
  const core::gtid acknowledged = two.see(1).written;
  two.server(1).kill();
  for (int i = 0; i < 2; ++i) {
    core::sight seen = two.does(2, core::revoke{});
    EXPECT_EQ(seen.received, acknowledged);
    EXPECT_TRUE(seen.applying);
    EXPECT_FALSE(seen.drained());
    seen = two.does(2, core::follow{id_of(1), true});
    EXPECT_NE(seen.receiving, receiver::stopped);
  }
  two.does(2, core::revoke{});
  EXPECT_EQ(two.carry_out(2, core::promote{core::epoch{2}, {}}, 1s).end, step_end::failed);
  ASSERT_TRUE(reader->run("UNLOCK TABLES", soon()).ok());
  const core::sight primary = two.does(2, core::promote{core::epoch{2}, {}});
  EXPECT_EQ(primary.written, acknowledged);
  EXPECT_EQ(rows_of(two, 2), std::set<std::int64_t>{1});
}

TEST(Steps, APrimaryThatIsAloneIsCutOffAndGoesOn) {
  cluster two(2);
  two.replicate();
  const std::uint64_t start = two.see(2).start;
  two.server(2).kill();
  load writes(two, 1, 1);
  ASSERT_TRUE(eventually([&] { return two.see(1).ackers == 0; }));
  // While commits wait: nobody can acknowledge but who is let in again.
  EXPECT_EQ(two.does(1, core::cut{id_of(2), true}).cut, nodes({2}));
  EXPECT_EQ(writes.count(), 0u);
  EXPECT_FALSE(two.does(1, core::open{core::epoch{1}, true}).semi_sync);
  EXPECT_TRUE(eventually([&] { return writes.count() > 20; }));

  two.start(2);
  core::sight back = two.see(2);
  EXPECT_NE(back.start, start);
  EXPECT_TRUE(back.replica);  // it knows its primary, and waits to be told
  EXPECT_EQ(back.follows, id_of(1));
  EXPECT_EQ(back.receiving, receiver::stopped);
  EXPECT_FALSE(back.applying);
  EXPECT_FALSE(back.acks);
  two.does(1, core::cut{id_of(2), false});
  two.does(2, core::hold{});
  two.joins(2, 1);
  EXPECT_TRUE(two.does(1, core::wait_for_acks{true}).semi_sync);
  EXPECT_TRUE(eventually([&] { return two.see(1).ackers == 1; }));
  const std::size_t before = writes.count();
  EXPECT_TRUE(eventually([&] { return writes.count() > before + 20; }));
  writes.stop();
}

TEST(Steps, StepsThatDoNotFitFail) {
  cluster two(2);
  two.replicate();
  EXPECT_EQ(two.carry_out(2, core::open{core::epoch{1}, true}).end, step_end::failed);
  EXPECT_EQ(two.carry_out(1, core::open{core::epoch{0}, true}).end, step_end::failed);
  EXPECT_EQ(two.carry_out(1, core::follow{id_of(1), true}).end, step_end::failed);
  EXPECT_EQ(two.carry_out(1, core::follow{id_of(9), true}).end, step_end::failed);
  EXPECT_EQ(two.carry_out(1, core::kill_server{}).end, step_end::failed);
  EXPECT_TRUE(two.see(2).read_only);
  EXPECT_FALSE(two.see(1).read_only);
}

TEST(Steps, ANodeThatCanNotApplyIsNotPromotedNorEmptied) {
  cluster two(2);
  two.replicate();
  // A row that is in the way of what comes.
  session local;
  ASSERT_FALSE(local.connect(two.all().nodes[1].at, test_supervisor(), soon()));
  ASSERT_TRUE(local.run("STOP SLAVE SQL_THREAD", soon()).ok());
  ASSERT_TRUE(two.client(1)->run("INSERT INTO app.t VALUES (1)", soon()).ok());
  const core::sight behind = two.see(2);
  EXPECT_FALSE(behind.applying);
  EXPECT_FALSE(behind.drained());
  EXPECT_EQ(behind.held(), two.see(1).written);
  // Revoking starts it while it is safe.
  const core::sight revoked = two.does(2, core::revoke{});
  EXPECT_TRUE(revoked.applying);
  EXPECT_TRUE(eventually([&] { return two.see(2).drained(); }));
  // What is in its log may be seen a moment later.
  EXPECT_TRUE(eventually([&] { return rows_of(two, 2) == std::set<std::int64_t>{1}; }));
  two.joins(2, 1);

  ASSERT_TRUE(local.run("STOP SLAVE SQL_THREAD", soon()).ok());
  ASSERT_TRUE(two.client(1)->run("INSERT INTO app.t VALUES (2)", soon()).ok());
  ASSERT_TRUE(local.run("STOP SLAVE IO_THREAD", soon()).ok());
  EXPECT_FALSE(two.does(2, core::revoke{}).applying);
  EXPECT_EQ(two.carry_out(2, core::promote{core::epoch{2}, {}}).end, step_end::failed);
  EXPECT_EQ(two.carry_out(2, core::follow{id_of(1), true}).end, step_end::failed);
  const core::sight kept = two.see(2);
  EXPECT_TRUE(kept.replica);
  EXPECT_EQ(kept.held(), two.see(1).written);
}

}  // namespace
}  // namespace understudy::db
