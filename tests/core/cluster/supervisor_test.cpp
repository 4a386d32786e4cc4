// What a supervisor does when nodes die.
#include "core/cluster/supervisor_lab.hpp"

namespace understudy::core {
namespace {

class Supervisor : public supervisor_lab {};

TEST_F(Supervisor, NothingIsDoneWhereAllIsWell) {
  begin();
  EXPECT_EQ(pass(5s), words{});
}

TEST_F(Supervisor, ADeadPrimaryIsGivenUpAtOnce) {
  begin();
  gone[one] = absence::refused;
  for (const node_id node : {two, three}) sights[node].receiving = receiver::connecting;
  EXPECT_EQ(pass(50ms), (words{"2 revoke", "3 revoke"}));
  for (const node_id node : {two, three}) sights[node].receiving = receiver::stopped;
  EXPECT_EQ(pass(50ms), (words{"write promoting"}));
  EXPECT_EQ(topology_.epoch, epoch{2});
}

// Others are to know of it where it takes its time.
TEST_F(Supervisor, WhatIsNotDoneAtOnceIsWritten) {
  begin();
  gone[one] = absence::refused;
  for (const node_id node : {two, three}) sights[node].receiving = receiver::connecting;
  EXPECT_FALSE(has(pass(100ms), "write takeover"));
  EXPECT_TRUE(has(pass(50ms), "write takeover"));
  EXPECT_EQ(topology_.epoch, epoch{1});
}

TEST_F(Supervisor, WhatOthersMayHoldIsWrittenBeforeItIsRevoked) {
  begin();
  gone[one] = absence::refused;
  sights[two].receiving = sights[three].receiving = receiver::connecting;
  sights[three].mine = false;
  EXPECT_EQ(pass(50ms), (words{"write takeover"}));
}

// Somebody else listens there, or its host only says so: the replicas know better.
TEST_F(Supervisor, OneThatReplicasHearIsNotGivenUp) {
  begin();
  gone[one] = absence::refused;
  EXPECT_EQ(pass(3s), words{});
  gone[one] = absence::silent;
  EXPECT_EQ(pass(3s), words{});
}

TEST_F(Supervisor, ASilentPrimaryIsGivenUpWhenItsReplicasHearNothing) {
  begin();
  gone[one] = absence::silent;
  quiet = true;
  EXPECT_EQ(pass(900ms), words{});
  EXPECT_TRUE(has(pass(200ms), "write takeover"));
}

// It was this process that stood still.
TEST_F(Supervisor, WhoSleptBelievesNothingOfWhatItMissed) {
  begin();
  gone[one] = absence::silent;
  quiet = true;
  pass(400ms);
  now += 10s;
  EXPECT_EQ(pass(900ms), words{});
  EXPECT_TRUE(has(pass(300ms), "write takeover"));
}

TEST_F(Supervisor, NobodyIsPromotedBeforeAllAreRevoked) {
  begin();
  gone[one] = absence::refused;
  for (const node_id node : {two, three}) sights[node].receiving = receiver::connecting;
  pass(50ms);
  sights[two].receiving = receiver::stopped;
  EXPECT_EQ(pass(50ms), (words{"3 revoke"}));
  sights[three].receiving = receiver::stopped;
  sights[three].received = {1001, 52};
  sights[three].written = {1001, 51};
  EXPECT_EQ(pass(50ms), (words{"write takeover"})) << "the best has not applied all yet";
  EXPECT_EQ(pass(50ms), words{});
  sights[three].written = {1001, 52};
  EXPECT_EQ(pass(50ms), (words{"write promoting"}));
  EXPECT_EQ(topology_.primary, three);
  EXPECT_EQ(topology_.epoch, epoch{2});
  EXPECT_TRUE(topology_.sync.contains(two));
  EXPECT_EQ(topology_.promoted_with, (gtid{1001, 52}));
}

// It could acknowledge nothing of this history, and is not to count as one that did.
TEST_F(Supervisor, WhoHasAnotherHistoryIsCutOffAndNoMember) {
  topology_.phase = phase::promoting;
  topology_.epoch = epoch{2};
  topology_.primary = two;
  topology_.sync = {};
  topology_.promoted_with = {1001, 50};
  sight& primary = sights[two];
  primary.server_id = 2002;
  primary.semi_sync = true;
  primary.replica = false;
  primary.follows = {};
  primary.ackers = 1;
  sights[one] = sights[three];
  sights[one].receiving = receiver::stopped;
  sights[one].receive_error = 1236;
  sights[one].follows = sights[three].follows = two;
  it.emplace(options);
  it->topology_read(now, topology_);
  EXPECT_EQ(pass(50ms), (words{"2 cut"}));
  EXPECT_EQ(std::get<cut>(last_step).node, one);
  primary.cut.insert(one);
  EXPECT_TRUE(has(pass(50ms), "write stable"));
  EXPECT_FALSE(topology_.sync.contains(one));
  EXPECT_TRUE(topology_.sync.contains(three));
}

// They are known before it is opened, so that it need not wait until they are written.
class SupervisorWithFirstMembers : public supervisor_lab {
 protected:
  SupervisorWithFirstMembers() {
    topology_.phase = phase::promoting;
    topology_.epoch = epoch{2};
    topology_.primary = two;
    topology_.sync = {};
    topology_.sync.insert(three);
    topology_.promoted_with = {1001, 50};
    sights[two].receiving = sights[three].receiving = receiver::stopped;
    gone[one] = absence::refused;
    it.emplace(options);
    it->topology_read(now, topology_);
  }
  void promoted() {
    sight& primary = sights[two];
    primary.server_id = 2002;
    primary.semi_sync = true;
    primary.replica = false;
    primary.follows = {};
    primary.cut.insert(one);
  }
  void followed() {
    sights[three].follows = two;
    sights[three].receiving = receiver::running;
  }
};

TEST_F(SupervisorWithFirstMembers, ItIsOpenedWhenOneOfThemFollows) {
  EXPECT_EQ(pass(50ms), (words{"2 promote", "3 follow"}));
  promoted();
  EXPECT_EQ(pass(50ms), (words{"3 follow"})) << "it is not opened before";
  followed();
  EXPECT_EQ(pass(50ms), (words{"2 open"}));
  sights[two].read_only = false;
  sights[three].receiving = receiver::connecting;
  sights[three].received = sights[three].written = {1001, 49};
  EXPECT_EQ(pass(50ms), words{}) << "nobody is known to have all from before";
  sights[three].receiving = receiver::running;
  EXPECT_EQ(pass(50ms), words{}) << "nobody is known to have all from before";
  sights[three].received = {1001, 50};
  EXPECT_EQ(pass(50ms), (words{"write stable"}));
  EXPECT_TRUE(topology_.sync.contains(three));
  EXPECT_FALSE(topology_.sync.contains(one));
}

TEST_F(SupervisorWithFirstMembers, WhoWouldBeTurnedAwayConnectsLater) {
  sights[two].cut.insert(three);
  EXPECT_EQ(pass(50ms), (words{"2 promote"}));
}

// It may have acknowledged what only the member has.
TEST_F(SupervisorWithFirstMembers, WhoReplacesItComesFromThem) {
  pass(50ms);
  gone = {{two, absence::refused}, {three, absence::silent}};
  sights[one].read_only = true;
  sights[one].replica = true;
  const words said = pass(1s);
  EXPECT_FALSE(has(said, "write promoting"));
  gone.erase(three);
  sights[three].written = sights[three].received = {2002, 53};
  sights[three].state.add({2002, 53});
  EXPECT_TRUE(has(pass(100ms), "write promoting"));
  EXPECT_EQ(topology_.primary, three);
}

TEST_F(SupervisorWithFirstMembers, OneThatLacksItsBeginningDoesNotReplaceIt) {
  pass(50ms);
  gone = {{two, absence::refused}};
  sights[three].written = sights[three].received = {1001, 49};
  sights[three].state = {};
  sights[three].state.add({1001, 49});
  sights[one].read_only = true;
  EXPECT_EQ(pass(50ms), (words{"write promoting"}));
  EXPECT_EQ(topology_.primary, one);
}

TEST_F(SupervisorWithFirstMembers, AMemberThatRestartedDoesNotFollow) {
  promoted();
  sights[three].start = 200;
  const words said = pass(50ms);
  EXPECT_FALSE(has(said, "3 follow"));
  EXPECT_TRUE(has(said, "write solo"));
}

TEST_F(Supervisor, AMemberThatIsMissingKeepsTheOthersFromBeingPromoted) {
  begin();
  gone = {{one, absence::refused}, {two, absence::silent}};
  sights[three].receiving = receiver::connecting;
  quiet = true;
  EXPECT_EQ(pass(5s), words{});
  EXPECT_TRUE(has(records, "primary_gone"));
}

// What it acknowledged may have been in memory alone.
TEST_F(Supervisor, AMemberThatLostPowerIsNotBelieved) {
  begin();
  for (const node_id node : {one, two, three}) gone[node] = absence::refused;
  pass(100ms);
  for (const node_id node : {two, three}) {
    gone.erase(node);
    sights[node].start = 200;
    sights[node].receiving = receiver::stopped;
  }
  sights[two].boot = 200;
  const words said = pass(5s);
  EXPECT_FALSE(has(said, "write promoting"));
  EXPECT_FALSE(has(said, "write takeover"));
}

TEST_F(Supervisor, WhatAMemberHadReceivedBeforeItsRestartIsAppliedFirst) {
  begin();
  gone[one] = absence::silent;
  for (const node_id node : {two, three}) {
    sights[node].start = 200;
    sights[node].receiving = receiver::stopped;
    sights[node].applying = false;
  }
  quiet = true;
  words said = pass(2s);
  EXPECT_TRUE(has(said, "write takeover"));
  EXPECT_TRUE(has(said, "2 salvage"));
  EXPECT_FALSE(has(said, "write promoting"));
  for (const node_id node : {two, three}) sights[node].salvaged = true;
  said = pass(200ms);
  EXPECT_TRUE(has(said, "write promoting"));
}

TEST_F(Supervisor, ANewPrimaryIsOpenedWhenTheTopologySaysWhoAcknowledges) {
  topology_.phase = phase::promoting;
  topology_.epoch = epoch{2};
  topology_.primary = two;
  topology_.sync = {};
  topology_.promoted_with = {1001, 50};
  sights[two].receiving = sights[three].receiving = receiver::stopped;
  gone[one] = absence::refused;
  it.emplace(options);
  it->topology_read(now, topology_);
  EXPECT_EQ(pass(50ms), (words{"2 promote"}));
  EXPECT_TRUE(std::get<promote>(last_step).allowed.contains(three));
  EXPECT_FALSE(std::get<promote>(last_step).allowed.contains(one));
  sight& primary = sights[two];
  primary.server_id = 2002;
  primary.semi_sync = true;
  primary.replica = false;
  primary.follows = {};
  primary.cut.insert(one);
  EXPECT_EQ(pass(50ms), (words{"3 follow"}));
  EXPECT_TRUE(std::get<follow>(last_step).acks);
  sights[three].follows = two;
  sights[three].receiving = receiver::running;
  primary.ackers = 1;
  EXPECT_EQ(pass(50ms), (words{"write stable"}));
  EXPECT_TRUE(topology_.sync.contains(three));
  EXPECT_FALSE(topology_.sync.contains(one));
  EXPECT_EQ(pass(50ms), (words{"2 open"}));
}

TEST_F(Supervisor, AMemberIsWrittenBeforeItMayAcknowledge) {
  topology_.sync.erase(three);
  sights[three].acks = false;
  begin();
  EXPECT_TRUE(topology_.sync.contains(three));
  const words said = pass(50ms);
  EXPECT_EQ(said, (words{"3 follow"}));
  EXPECT_TRUE(std::get<follow>(last_step).acks);
}

TEST_F(Supervisor, AMemberIsCutOffBeforeItIsNoneAnyMore) {
  begin();
  gone[three] = absence::silent;
  words said = pass(1100ms);
  EXPECT_TRUE(has(said, "1 cut"));
  EXPECT_FALSE(has(said, "write stable"));
  sights[one].cut.insert(three);
  sights[one].written = {1001, 60};
  said = pass(100ms);
  EXPECT_FALSE(has(said, "write stable")) << "nobody else has what it may have acknowledged";
  sights[two].received = {1001, 60};
  said = pass(100ms);
  EXPECT_TRUE(has(said, "write stable"));
  EXPECT_FALSE(topology_.sync.contains(three));
}

TEST_F(Supervisor, SoloIsWrittenBeforeCommitsWaitNoMore) {
  begin();
  gone = {{two, absence::silent}, {three, absence::silent}};
  const words said = pass(1200ms);
  ASSERT_GE(said.size(), 2U);
  EXPECT_EQ(said[0], "write solo");
  EXPECT_EQ(said[1], "1 wait_for_acks");
  EXPECT_FALSE(std::get<wait_for_acks>(last_step).on);
}

TEST_F(Supervisor, WhereSoloIsForbiddenCommitsGoOnWaiting) {
  options.solo = false;
  begin();
  gone = {{two, absence::silent}, {three, absence::silent}};
  EXPECT_EQ(pass(5s), words{});
}

}  // namespace
}  // namespace understudy::core
