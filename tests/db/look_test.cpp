// What is read out of a server's answers.
#include "db/look.hpp"

#include <gtest/gtest.h>

namespace understudy::db {
namespace {

using row = std::vector<std::optional<std::string>>;

members three() {
  members out;
  for (std::uint16_t i = 1; i <= 3; ++i) {
    out.nodes.push_back({core::node_id{i}, {"10.0.0." + std::to_string(i), 3306}});
  }
  return out;
}

const std::vector<std::string> self_columns{
    "uuid", "mark", "server_id", "read_only", "written", "state", "semi_sync", "acks", "mine"};

row self_row() {
  return {"5f1d3a5c-8a0d-11ee-a3f1-0242ac110002",
          to_string(start_mark{core::start_role::replica, 255, 77}),
          "2003",
          "1",
          "0-1001-7",
          "0-1001-7",
          "0",
          "1",
          "1"};
}

table replica_table(const std::string& receiver = "Yes") {
  table out;
  out.columns = {
      "Master_Host",     "Master_Port",         "Slave_IO_Running",          "Slave_SQL_Running",
      "Master_Log_File", "Read_Master_Log_Pos", "Slave_received_heartbeats", "Last_IO_Errno",
      "Last_SQL_Errno",  "Gtid_IO_Pos"};
  out.rows.push_back(
      row{"10.0.0.1", "3306", receiver, "Yes", "bin.000002", "345", "4", "0", "0", "0-1001-9"});
  return out;
}

reply answer() {
  reply out;
  out.tables.resize(5);
  out.tables[0].columns = self_columns;
  out.tables[0].rows.push_back(self_row());
  out.tables[1].columns = {"VARIABLE_NAME", "VARIABLE_VALUE", "UNIX_TIMESTAMP()"};
  out.tables[1].rows = {{"RPL_SEMI_SYNC_MASTER_CLIENTS", "2", "1700000300"},
                        {"RPL_SEMI_SYNC_MASTER_STATUS", "OFF", "1700000300"},
                        {"RPL_SEMI_SYNC_SLAVE_STATUS", "ON", "1700000300"},
                        {"UPTIME", "300", "1700000300"}};
  out.tables[2] = replica_table();
  out.tables[3].columns = {"User"};
  out.tables[3].rows = {{"repl_1"}, {"repl_17"}};
  out.tables[4].columns = {"gen", "salvaged"};
  out.tables[4].rows = {{"42", "1"}};
  return out;
}

core::sight read(const reply& from) {
  const look_result out = read_look(from, three());
  EXPECT_TRUE(out.seen) << out.failed.text;
  return out.seen.value_or(core::sight());
}

TEST(Look, ReadsAReplica) {
  const core::sight seen = read(answer());
  EXPECT_EQ(seen.role, core::start_role::replica);
  EXPECT_EQ(seen.boot, 77u);
  EXPECT_EQ(seen.told, core::generation{42});
  EXPECT_FALSE(seen.salvaged);
  EXPECT_TRUE(seen.mine);
  EXPECT_EQ(seen.server_id, 2003u);
  EXPECT_TRUE(seen.read_only);
  EXPECT_EQ(core::to_string(seen.written), "0-1001-7");
  EXPECT_EQ(core::to_string(seen.state), "0-1001-7");
  EXPECT_FALSE(seen.semi_sync);
  EXPECT_EQ(seen.ackers, 2u);
  core::node_set cut;
  cut.insert(core::node_id{1});
  cut.insert(core::node_id{17});
  EXPECT_EQ(seen.cut, cut);
  EXPECT_TRUE(seen.replica);
  EXPECT_EQ(seen.follows, core::node_id{1});
  EXPECT_EQ(seen.receiving, core::receiver::running);
  EXPECT_TRUE(seen.applying);
  EXPECT_TRUE(seen.acks);
  EXPECT_EQ(core::to_string(seen.received), "0-1001-9");
  EXPECT_FALSE(seen.drained());
}

TEST(Look, AServerThatWasToldNothing) {
  reply untold = answer();
  untold.tables.pop_back();
  untold.failed = {trouble::answered, 1146, "Table doesn't exist"};
  EXPECT_EQ(read(untold).told, core::generation{0});
  untold.failed.code = 1049;
  EXPECT_EQ(read(untold).told, core::generation{0});
}

TEST(Look, OtherErrorsAreNoSight) {
  reply denied = answer();
  denied.tables.pop_back();
  denied.failed = {trouble::answered, 1142, "denied"};
  EXPECT_FALSE(read_look(denied, three()).seen);
  denied.failed = {trouble::lost, 2013, "lost"};
  EXPECT_EQ(read_look(denied, three()).failed.what, trouble::lost);
  reply half = answer();
  half.tables.resize(2);
  half.failed = {trouble::answered, 1146, "another table"};
  EXPECT_FALSE(read_look(half, three()).seen);
  half.failed = {};
  EXPECT_EQ(read_look(half, three()).failed.what, trouble::answered);
}

TEST(Look, AnotherDomainIsNoSight) {
  reply other = answer();
  other.tables[0].rows[0][5] = "0-1001-7,1-5-6";
  EXPECT_FALSE(read_look(other, three()).seen);
  other = answer();
  other.tables[2].rows[0][9] = "1-5-6";
  EXPECT_FALSE(read_look(other, three()).seen);
}

TEST(Look, StartDiffersWithEachOfItsParts) {
  const core::sight first = read(answer());
  EXPECT_EQ(read(answer()).start, first.start);
  reply later = answer();
  later.tables[0].rows[0][0] = "6f1d3a5c-8a0e-11ee-a3f1-0242ac110002";  // the time of an UUID
  later.tables[1].rows[3] = {"UPTIME", "310", "1700000310"};
  EXPECT_EQ(read(later).start, first.start);
  reply other = answer();
  other.tables[1].rows[3] = {"UPTIME", "301", "1700000300"};
  EXPECT_NE(read(other).start, first.start);
  other = answer();
  other.tables[0].rows[0][0] = "5f1d3a5c-8a0d-11ee-a3f2-0242ac110002";
  EXPECT_NE(read(other).start, first.start);
  other = answer();
  other.tables[0].rows[0][1] = to_string(start_mark{core::start_role::replica, 256, 77});
  EXPECT_NE(read(other).start, first.start);
}

TEST(Look, TheReceiverAndWhatItAcknowledges) {
  reply one = answer();
  one.tables[2] = replica_table("Connecting");
  one.tables[1].rows[2][1] = "OFF";
  EXPECT_EQ(read(one).receiving, core::receiver::connecting);
  EXPECT_TRUE(read(one).acks);  // it would, once connected
  one.tables[2] = replica_table("Preparing");
  EXPECT_EQ(read(one).receiving, core::receiver::connecting);
  one.tables[2] = replica_table("No");
  EXPECT_EQ(read(one).receiving, core::receiver::stopped);
  one.tables[2] = replica_table("Yes");
  EXPECT_FALSE(read(one).acks);  // it was switched on after the receiver had started
}

TEST(Look, BeatsMoveWithEventsHeartbeatsAndFiles) {
  const std::uint64_t before = read(answer()).beats;
  for (const std::size_t column : {5UL, 6UL}) {
    reply more = answer();
    more.tables[2].rows[0][column] = "346";
    EXPECT_GT(read(more).beats, before);
  }
  reply rotated = answer();
  rotated.tables[2].rows[0][4] = "bin.000003";
  rotated.tables[2].rows[0][5] = "4";
  EXPECT_GT(read(rotated).beats, before);
}

TEST(Look, FollowsNobodyWeKnow) {
  reply other = answer();
  other.tables[2].rows[0][0] = "10.0.0.9";
  EXPECT_TRUE(read(other).replica);
  EXPECT_EQ(read(other).follows, core::node_id{});
  other.tables[2].rows.clear();
  EXPECT_FALSE(read(other).replica);
  EXPECT_EQ(read(other).receiving, core::receiver::stopped);
}

TEST(Look, WaitsForAcknowledgementsWhereBothSaySo) {
  reply primary = answer();
  primary.tables[0].rows[0][6] = "1";
  EXPECT_FALSE(read(primary).semi_sync);
  primary.tables[1].rows[1][1] = "ON";
  EXPECT_TRUE(read(primary).semi_sync);
}

TEST(Look, AccountsAreOfNodes) {
  EXPECT_EQ(node_of_account(replication_user(core::node_id{17})), core::node_id{17});
  for (const char* other : {"repl_", "repl_1x", "repl_x", "repl_1000", "app", ""}) {
    EXPECT_EQ(node_of_account(other), core::node_id{}) << other;
  }
}

TEST(Look, AStartIsSalvagedOnce) {
  reply after = answer();
  after.tables[4].rows[0][1] = std::to_string(read(answer()).start);
  EXPECT_TRUE(read(after).salvaged);
  after.tables[1].rows[3] = {"UPTIME", "1", "1700000300"};  // another start
  EXPECT_FALSE(read(after).salvaged);
}

TEST(Look, MarksSayTheRoleAndTheHost) {
  for (const auto role : {core::start_role::primary, core::start_role::replica}) {
    const start_mark mark{role, 0xfedcba9876543210U, 5};
    EXPECT_EQ(parse_start_mark(to_string(mark)), mark);
  }
  for (const char* none : {"", "primary-1", "understudy-replica-00", "understudy-"}) {
    EXPECT_EQ(parse_start_mark(none), start_mark()) << none;
  }
}

}  // namespace
}  // namespace understudy::db
