// What operators ask for, and who carries it out.
#include "core/cluster/supervisor_lab.hpp"

namespace understudy::core {
namespace {

class SupervisorOrders : public supervisor_lab {};

TEST_F(SupervisorOrders, InMaintenanceNobodyTakesOver) {
  topology_.maintenance = true;
  begin();
  gone[one] = absence::refused;
  for (const node_id node : {two, three}) sights[node].receiving = receiver::connecting;
  EXPECT_EQ(pass(5s), words{});
  EXPECT_TRUE(has(records, "primary_gone"));
}

TEST_F(SupervisorOrders, ASecondTakeoverSoonAfterTheFirstWaitsForAnOperator) {
  topology_.epoch = epoch{2};
  topology_.sync.erase(three);
  sights[one].server_id = 2001;
  gone[three] = absence::refused;
  begin();
  gone[one] = absence::refused;
  sights[two].receiving = receiver::connecting;
  EXPECT_FALSE(has(pass(5s), "write takeover"));
  EXPECT_EQ(it->ask(now, takeover_order{}), "");
  EXPECT_TRUE(has(pass(50ms), "write takeover"));
}

TEST_F(SupervisorOrders, ASwitchoverWaitsForGatesAndForTheSuccessor) {
  begin();
  EXPECT_EQ(it->ask(now, switchover_order{two}), "");
  EXPECT_EQ(pass(50ms), (words{"write switchover"}));
  EXPECT_EQ(pass(50ms), (words{"close gates"}));
  it->gates_moved(true);
  EXPECT_EQ(pass(50ms), (words{"1 close"}));
  sights[one].read_only = true;
  sights[one].written = {1001, 55};
  EXPECT_EQ(pass(50ms), words{}) << "the successor lacks the last transactions";
  sights[two].written = sights[two].received = {1001, 55};
  EXPECT_EQ(pass(50ms), (words{"write promoting"}));
  EXPECT_EQ(topology_.primary, two);
  EXPECT_EQ(topology_.epoch, epoch{2});
}

// The one that was asked has to take the nodes in hand first.
TEST_F(SupervisorOrders, AnOrderIsCarriedOutByWhomeverItIsGivenTo) {
  topology_.by = supervisor_id{8};
  begin();
  for (auto& each : sights) each.second.mine = false;
  pass(100ms);
  EXPECT_EQ(it->ask(now, switchover_order{two}), "");
  EXPECT_EQ(pass(50ms), (words{"write stable"}));
  EXPECT_TRUE(has(pass(100ms), "2 hold"));
  EXPECT_FALSE(has(records, "switchover_refused"));
  for (auto& each : sights) {
    each.second.mine = true;
    each.second.told = topology_.gen;
  }
  EXPECT_TRUE(has(pass(100ms), "write switchover"));
}

TEST_F(SupervisorOrders, ASwitchoverWithoutGatesIsGivenUp) {
  begin();
  EXPECT_EQ(it->ask(now, switchover_order{two}), "");
  const words said = pass(400ms);
  EXPECT_FALSE(has(said, "1 close"));
  EXPECT_TRUE(has(said, "write stable"));
  EXPECT_EQ(topology_.epoch, epoch{1});
}

TEST_F(SupervisorOrders, AnotherThanAMemberIsNoSuccessor) {
  topology_.sync.erase(three);
  sights[three].acks = false;
  gone[three] = absence::silent;
  begin();
  EXPECT_NE(it->ask(now, switchover_order{three}), "");
  EXPECT_NE(it->ask(now, switchover_order{one}), "");
}

TEST_F(SupervisorOrders, ADeposedPrimaryThatTakesWritesIsKilledAndNeverAsked) {
  topology_.epoch = epoch{2};
  topology_.primary = two;
  topology_.sync = {};
  topology_.sync.insert(three);
  sights[two] = sights[one];
  sights[two].server_id = 2002;
  sights[three].follows = two;
  begin();
  EXPECT_TRUE(has(pass(50ms), "1 kill"));
}

TEST_F(SupervisorOrders, OneWithAnotherHistoryIsRepairedAndThenRebuilt) {
  topology_.sync.erase(three);
  sights[three] = sight{};
  sights[three].start = 300;
  sights[three].mine = true;
  sights[three].told = generation{10};
  sights[three].written = {1001, 51};
  sights[three].state.add(sights[three].written);
  answers = false;
  begin();
  pass(600ms);
  EXPECT_EQ(name_of(last_step), "repair");
  it->ended(now, three, step_end::failed);
  pass(600ms);
  EXPECT_EQ(name_of(last_step), "clone");
}

TEST_F(SupervisorOrders, ASilentNodeIsStartedByItsAgentAsAReplica) {
  topology_.sync.erase(three);
  gone[three] = absence::refused;
  begin();
  it->heard(now, three, process::down);
  EXPECT_EQ(pass(50ms), (words{"3 start"}));
  EXPECT_EQ(std::get<start_server>(last_step).role, start_role::replica);
}

TEST_F(SupervisorOrders, ALonePrimaryIsStartedAsWhatItWas) {
  topology_.phase = phase::solo;
  topology_.sync = {};
  for (const node_id node : {one, two, three}) gone[node] = absence::refused;
  begin();
  it->heard(now, one, process::down);
  EXPECT_EQ(pass(50ms), (words{"1 start"}));
  EXPECT_EQ(std::get<start_server>(last_step).role, start_role::primary);
}

TEST_F(SupervisorOrders, AnotherSupervisorsClusterIsLeftAloneWhileItActs) {
  topology_.by = supervisor_id{8};
  begin();
  EXPECT_EQ(pass(5s), words{});
  it->leads(true);
  EXPECT_EQ(pass(50ms), (words{"write stable"}));
  EXPECT_EQ(topology_.by, me);
  EXPECT_EQ(topology_.gen, generation{11});
}

TEST_F(SupervisorOrders, WhoDoesNotLeadLetsTheLeaderTakeOver) {
  topology_.by = supervisor_id{8};
  begin();
  gone[one] = absence::refused;
  for (const node_id node : {two, three}) sights[node].receiving = receiver::connecting;
  EXPECT_EQ(pass(300ms), words{});
  EXPECT_EQ(pass(50ms), (words{"write takeover"}));
}

TEST_F(SupervisorOrders, NothingIsDoneAfterAWriteOfUnknownOutcomeBeforeItIsRead) {
  begin();
  gone[one] = absence::refused;
  for (const node_id node : {two, three}) sights[node].receiving = receiver::connecting;
  now += 50ms;
  it->missed(now, one, absence::refused);
  for (const node_id node : {two, three}) it->saw(now, node, sights[node]);
  EXPECT_FALSE(it->decide(now).empty());
  it->topology_unwritten(now);
  EXPECT_EQ(pass(2s), words{});
  it->topology_read(now, topology_);
  EXPECT_EQ(pass(50ms), (words{"write takeover"}));
}

TEST_F(SupervisorOrders, NodesThatHoldSomethingAreNotBootstrapped) {
  it.emplace(options);
  it->topology_missing(now);
  EXPECT_EQ(it->ask(now, bootstrap_order{topology_.nodes, one, false}), "");
  EXPECT_EQ(pass(1s), words{});
  EXPECT_TRUE(has(records, "bootstrap_refused"));
}

TEST_F(SupervisorOrders, EmptyNodesBecomeACluster) {
  for (auto& each : sights) {
    each.second = sight{};
    each.second.start = 5;
  }
  it.emplace(options);
  it->topology_missing(now);
  EXPECT_EQ(it->ask(now, bootstrap_order{topology_.nodes, one, false}), "");
  EXPECT_EQ(pass(50ms), (words{"write solo"}));
  EXPECT_EQ(topology_.epoch, epoch{1});
  EXPECT_EQ(pass(50ms), (words{"1 hold"}));
}

}  // namespace
}  // namespace understudy::core
