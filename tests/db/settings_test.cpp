// What a server must be set to, and what is said of one that is not.
#include "db/settings.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace understudy::db {
namespace {

std::map<std::string, std::string> as_required() {
  std::map<std::string, std::string> out;
  for (const auto& each : required_settings()) out[std::string(each.name)] = each.value;
  return out;
}

TEST(Settings, RequiredOnesAreSafe) {
  EXPECT_EQ(unsafe_settings(as_required()), std::vector<unsafe_setting>());
}

TEST(Settings, EachThatDiffersIsNamed) {
  for (const auto& each : required_settings()) {
    auto variables = as_required();
    variables[std::string(each.name)] = "0x";
    const auto found = unsafe_settings(variables);
    if (each.name == "slave_parallel_mode") {
      EXPECT_TRUE(found.empty());  // all but one mode are good
      continue;
    }
    ASSERT_EQ(found.size(), 1u) << each.name;
    EXPECT_EQ(found[0].name, each.name);
    EXPECT_EQ(found[0].value, "0x");
    EXPECT_EQ(found[0].restart, each.restart);
    EXPECT_FALSE(found[0].why.empty());
    EXPECT_FALSE(found[0].must_be.empty());
  }
}

TEST(Settings, OneThatTheServerDoesNotKnowIsNamed) {
  auto variables = as_required();
  variables.erase("rpl_semi_sync_master_wait_point");
  const auto found = unsafe_settings(variables);
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].value, "");
}

TEST(Settings, CaseOfAValueDoesNotMatter) {
  auto variables = as_required();
  variables["enforce_storage_engine"] = "INNODB";
  EXPECT_TRUE(unsafe_settings(variables).empty());
}

TEST(Settings, MoreThreadsAndOtherParallelModesAreGood) {
  auto variables = as_required();
  variables["slave_parallel_threads"] = "16";
  variables["slave_parallel_mode"] = "conservative";
  variables["slave_net_timeout"] = "10";
  EXPECT_TRUE(unsafe_settings(variables).empty());
}

TEST(Settings, OneThreadAndLongTimeoutsAreNot) {
  auto variables = as_required();
  variables["slave_parallel_threads"] = "1";
  variables["slave_parallel_mode"] = "none";
  variables["slave_net_timeout"] = "60";
  const auto found = unsafe_settings(variables);
  ASSERT_EQ(found.size(), 3u);
  EXPECT_EQ(found[0].must_be, "2 or more");
}

TEST(Settings, TheFileHasAllOfThem) {
  server_settings server;
  server.node = core::node_id{7};
  server.folder = "/some/where";
  server.port = 3401;
  server.more = {"key_buffer_size = 1M"};
  const std::string text = settings_text(server);
  for (const auto& each : required_settings()) {
    EXPECT_NE(text.find("\n" + std::string(each.name) + " = "), std::string::npos) << each.name;
  }
  for (const char* each :
       {"\nserver_id = 7\n", "\nport = 3401\n", "\nread_only = ON\n",
        "\ndatadir = /some/where/data\n", "\nlog_bin = bin\n", "\ntmpdir = /some/where/tmp\n",
        "\nrpl_semi_sync_master_enabled = OFF\n"}) {
    EXPECT_NE(text.find(each), std::string::npos) << each;
  }
  EXPECT_TRUE(text.ends_with("\nkey_buffer_size = 1M\n"));
}

}  // namespace
}  // namespace understudy::db
