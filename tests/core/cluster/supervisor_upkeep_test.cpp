// What operators ask for about nodes that are not the primary.
#include "core/cluster/supervisor_lab.hpp"

namespace understudy::core {
namespace {

class SupervisorUpkeep : public supervisor_lab {
 protected:
  node_entry fourth() {
    node_entry entry;
    entry.id = node_id{4};
    entry.address = "here:4";
    entry.agent = "agent";
    return entry;
  }
};

TEST_F(SupervisorUpkeep, AnAddedNodeIsWrittenAndMadeToFollow) {
  begin();
  EXPECT_EQ(it->ask(now, add_node_order{fourth()}), "");
  sight empty;
  empty.start = 100;
  empty.mine = true;
  empty.told = generation{10};
  sights[node_id{4}] = empty;
  EXPECT_EQ(pass(50ms), (words{"write stable"}));
  EXPECT_NE(topology_.find(node_id{4}), nullptr);
  EXPECT_FALSE(topology_.sync.contains(node_id{4}));
  EXPECT_TRUE(has(pass(100ms), "4 follow"));
  EXPECT_NE(it->ask(now, add_node_order{fourth()}), "") << "it is there already";
}

// Nobody watches who is no part of the topology: it is shut out before it leaves.
TEST_F(SupervisorUpkeep, ARemovedNodeIsShutOutBeforeItLeaves) {
  begin();
  EXPECT_EQ(it->ask(now, remove_node_order{three}), "");
  EXPECT_EQ(pass(50ms), (words{"1 cut"}));
  sights[one].cut.insert(three);
  EXPECT_EQ(pass(50ms), (words{"write stable"}));
  EXPECT_FALSE(topology_.sync.contains(three));
  ASSERT_NE(topology_.find(three), nullptr);
  EXPECT_EQ(pass(50ms), (words{"write stable"}));
  EXPECT_EQ(topology_.find(three), nullptr);
  EXPECT_EQ(pass(1s), words{});
}

TEST_F(SupervisorUpkeep, ANodeThatWasNoMemberIsShutOutToo) {
  topology_.sync.erase(three);
  sights[three].acks = false;
  gone[three] = absence::refused;
  begin();
  EXPECT_EQ(it->ask(now, remove_node_order{three}), "");
  EXPECT_EQ(pass(50ms), (words{"1 cut"}));
  EXPECT_NE(topology_.find(three), nullptr);
}

TEST_F(SupervisorUpkeep, ThePrimaryIsNotRemovedNorCopiedOver) {
  begin();
  EXPECT_NE(it->ask(now, remove_node_order{one}), "");
  EXPECT_NE(it->ask(now, clone_order{one, {}}), "");
  EXPECT_NE(it->ask(now, remove_node_order{node_id{9}}), "");
}

// It took over between the question and its turn.
TEST_F(SupervisorUpkeep, WhoHasBecomePrimaryIsNotRemoved) {
  begin();
  gone[one] = absence::refused;
  for (const node_id node : {two, three}) sights[node].receiving = receiver::connecting;
  ASSERT_EQ(it->ask(now, remove_node_order{two}), "");
  pass(50ms);
  for (const node_id node : {two, three}) sights[node].receiving = receiver::stopped;
  pass(50ms);
  ASSERT_EQ(topology_.primary, two);
  gone.clear();
  sights[two].server_id = 2002;
  sights[two].read_only = sights[two].replica = sights[two].acks = false;
  sights[two].semi_sync = true;
  sights[two].follows = {};
  sights[three].follows = two;
  sights[three].receiving = receiver::running;
  pass(1s);
  EXPECT_NE(topology_.find(two), nullptr);
  EXPECT_TRUE(has(records, "order_refused"));
}

TEST_F(SupervisorUpkeep, ACopyIsMadeOfANodeThatIsNoMemberAnyMore) {
  begin();
  EXPECT_EQ(it->ask(now, clone_order{three, {}}), "");
  EXPECT_EQ(pass(50ms), (words{"1 cut"}));
  sights[one].cut.insert(three);
  EXPECT_EQ(pass(50ms), (words{"write stable"}));
  EXPECT_TRUE(has(pass(50ms), "3 clone"));
  EXPECT_EQ(std::get<clone>(last_step).donor, two) << "a member, so that the primary is left alone";
}

TEST_F(SupervisorUpkeep, WithoutAnAgentThereIsNoCopy) {
  topology_.find(three)->agent.clear();
  begin();
  EXPECT_NE(it->ask(now, clone_order{three, {}}), "");
  EXPECT_NE(it->ask(now, clone_order{two, two}), "");
}

// The last member is let go on an operator's word: the primary serves alone then.
TEST_F(SupervisorUpkeep, TheLastMemberLeavesAPrimaryAlone) {
  topology_.sync.erase(three);
  sights[three].acks = false;
  sights[three].follows = {};
  sights[three].receiving = receiver::stopped;
  sights[three].replica = false;
  gone[three] = absence::silent;
  begin();
  EXPECT_EQ(it->ask(now, remove_node_order{two}), "");
  EXPECT_EQ(pass(50ms), (words{"write solo"}));
}

TEST_F(SupervisorUpkeep, WhatFailedIsTriedAgainAtOnce) {
  topology_.sync.erase(three);
  sights[three].acks = false;
  sights[three].receive_error = 1236;
  sights[three].receiving = receiver::stopped;
  answers = false;
  begin();
  for (int i = 0; i < 8; ++i) {
    it->ended(now, three, step_end::failed);
    pass(10s);
  }
  it->ended(now, three, step_end::failed);
  EXPECT_EQ(pass(5s), words{}) << "it rests";
  EXPECT_EQ(it->ask(now, rejoin_order{three}), "");
  EXPECT_TRUE(has(pass(100ms), "3 repair"));
  EXPECT_NE(it->ask(now, rejoin_order{two}), "") << "it is well";
}

}  // namespace
}  // namespace understudy::core
