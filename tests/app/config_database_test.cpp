// The sections [database.NAME], [coordination] and [node]: what is read, and what is refused.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "app/config/config.hpp"

namespace understudy::app {
namespace {

TEST(ConfigDatabase, IsReadWithHowItsGatewaysAgree) {
  const config_result read = parse_config(
      "[coordination]\netcd = [\"e:1\", \"e:2\"]\n[database.main]\npassword_file = \"f\"\n"
      "nodes = [\"a:1\", {address = \"a:2\", agent = \"a:3\", promote = \"never\"}]\n"
      "write = \"127.0.0.1:0\"\nsolo = \"forbid\"\nhold_down = \"5s\"\n"
      "[node]\nfolder = \"/d\"\nsettings = [\"x=1\"]\n");
  ASSERT_TRUE(read.config) << read.problems.at(0).message;
  const gateway_config& config = *read.config;
  ASSERT_EQ(config.databases.size(), 1U);
  const database_config& main = config.databases[0];
  ASSERT_EQ(main.nodes.size(), 2U);
  EXPECT_EQ(main.nodes[0].id, core::node_id{1});
  EXPECT_EQ(main.nodes[0].agent, "");
  EXPECT_EQ(main.nodes[1].id, core::node_id{2});
  EXPECT_EQ(main.nodes[1].agent, "a:3");
  EXPECT_EQ(main.nodes[1].promote, core::promotion::never);
  EXPECT_FALSE(main.solo);
  EXPECT_EQ(main.hold_down, std::chrono::seconds(5));
  EXPECT_EQ(config.coordination.etcd.size(), 2U);
  EXPECT_EQ(config.node.settings, std::vector<std::string>{"x=1"});
}

struct faulty {
  const char* name;
  std::string text;  ///< beside a section [database.d] that is well but for what is in `database`
  std::string database;
  const char* says;
};

// What is wrong, and nothing else.
std::string problem_of(const faulty& one) {
  std::string text = one.text;
  if (one.text.find("[coordination]") == std::string::npos) {
    text += "[coordination]\nfolder = \"c\"\n";
  }
  text += "[database.d]\n" + one.database + "\n";
  const auto lacks = [&](const char* key) { return one.database.find(key) == std::string::npos; };
  if (lacks("password_file")) text += "password_file = \"f\"\n";
  if (lacks("nodes")) text += "nodes = [\"n:1\"]\n";
  const config_result read = parse_config(text);
  if (read.problems.size() != 1) {
    std::string all = std::to_string(read.problems.size()) + " problems:";
    for (const config_problem& each : read.problems) all += "\n" + each.message;
    return all;
  }
  return read.problems[0].message;
}

class ConfigDatabaseFaulty : public testing::TestWithParam<faulty> {};

TEST_P(ConfigDatabaseFaulty, IsRefusedWithASentence) {
  const std::string said = problem_of(GetParam());
  EXPECT_NE(said.find(GetParam().says), std::string::npos) << said;
}

INSTANTIATE_TEST_SUITE_P(
    all, ConfigDatabaseFaulty,
    testing::Values(
        faulty{"node_nowhere", "", "nodes=[\"a\"]", "write HOST:PORT"},
        faulty{"node_without_address", "", "nodes=[{id=2}]", "address is needed"},
        faulty{"node_number_too_large", "", "nodes=[{id=1000,address=\"a:1\"}]", "1 and 999"},
        faulty{"node_number_twice", "", "nodes=[{id=2,address=\"a:1\"},\"a:2\"]",
               "two nodes have the id 2"},
        faulty{"address_twice", "", "nodes=[\"a:1\",\"a:1\"]", "a:1 is listed twice"},
        faulty{"agent_where_a_node_is", "", "nodes=[{address=\"a:1\",agent=\"a:1\"}]",
               "a:1 is listed twice"},
        faulty{"an_agent_and_copies", "", "nodes=[{address=\"a:1\",agent=\"a:2\",copies=\"a:3\"}]",
               "leave copies out"},
        faulty{"no_nodes", "", "nodes=[]", "nodes is needed"},
        faulty{"no_secret", "", "password_file=\"\"", "password_file is needed"},
        faulty{"user_of_a_replica", "", "user=\"repl_1\"", "not begin with repl_"},
        faulty{"role_nobody_has", "", "nodes=[{address=\"a:1\",promote=\"x\"}]",
               "\"prefer\", \"neutral\" or \"never\""},
        faulty{"solo_or_not", "", "solo=\"x\"", "\"auto\" or \"forbid\""},
        faulty{"silence_of_a_heartbeat", "", "silent_after=\"300ms\"", "800ms"},
        faulty{"half_of_tls", "", "tls={ca=\"f\"}", "certificate, key and ca are all needed"},
        faulty{"unknown_key", "", "raed=\"a:1\"", "did you mean \"read\""},
        faulty{"endpoints_of_one_address", "", "write=\"127.0.0.1:9\"\nread=\"127.0.0.1:9\"",
               "is the address of database.d.write already"},
        faulty{"nothing_to_agree_by", "[coordination]\n", "", "needs a section [coordination]"},
        faulty{"two_ways_to_agree", "[coordination]\netcd=[\"a:1\"]\nfolder=\"f\"\n", "",
               "not both"},
        faulty{"a_cluster_name_with_a_slash", "[coordination]\netcd=[\"a:1\"]\ncluster=\"a/b\"\n",
               "", "has no \"/\""},
        faulty{"one_cluster_name_for_two",
               "[database.e]\nnodes=[\"m:1\"]\npassword_file=\"f\"\n"
               "[coordination]\netcd=[\"a:1\"]\ncluster=\"c\"\n",
               "", "leave it out where there are several"},
        faulty{"setting_of_two_lines", "[node]\nsettings=[\"a=1\\nb=2\"]\n", "", "one line"}),
    [](const auto& test) { return std::string(test.param.name); });

TEST(ConfigDatabase, NeedsAName) {
  const config_result read = parse_config("[database]\nuser = \"x\"\n");
  EXPECT_TRUE(std::ranges::any_of(read.problems, [](const config_problem& each) {
    return each.message.find("a database needs a name") != std::string::npos;
  }));
}

}  // namespace
}  // namespace understudy::app
