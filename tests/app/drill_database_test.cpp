// Drills of a database: real MariaDB servers, etcd, agents and gateways; nothing is left behind.
// Needs the programs `understudy` and `orders` beside this one, and those of the databases.
#include <signal.h>

#include <boost/json/parse.hpp>
#include <thread>

#include "drill_support.hpp"

namespace understudy::app {
namespace {

class drill_database : public drill_command {
 protected:
  [[nodiscard]] bool wait_for_log(const std::string& text) const {
    for (int i = 0; i < 12000; ++i) {
      if (read_file(log()).find(text) != std::string::npos) return true;
      std::this_thread::sleep_for(10ms);
    }
    return false;
  }
};

// How long writes were silent is judged, too, and a busy machine may break that promise.
TEST_F(drill_database, a_killed_primary_is_replaced_loses_nothing_and_is_a_member_again) {
  const int exit_code = run({"db-crash", "--kills", "1", "--json", report()});
  ASSERT_NE(exit_code, 3) << read_file(log());
  const auto reports = boost::json::parse(read_file(report()));
  const auto& crash = reports.at(0).as_object();
  ASSERT_FALSE(crash.contains("skipped")) << crash.at("skipped").as_string();
  EXPECT_EQ(crash.at("scenario").as_string(), "db-crash");
  EXPECT_GT(crash.at("acknowledged").to_number<int>(), 60);
  EXPECT_EQ(crash.at("failed").to_number<int>(), 0);
  EXPECT_EQ(crash.at("lost").to_number<int>(), 0);
  EXPECT_EQ(crash.at("duplicated").to_number<int>(), 0);
  EXPECT_TRUE(crash.at("detect_ms").is_number());
  EXPECT_GT(crash.at("rejoin_ms").to_number<double>(), 0);
  for (const auto& each : crash.at("promises_broken").as_array()) {
    EXPECT_EQ(each.as_string(), "P5") << read_file(log());
  }
  EXPECT_EQ(exit_code, crash.at("promises_broken").as_array().empty() ? 0 : 1);
  EXPECT_EQ(running(), 0);
  EXPECT_EQ(folders(), 0);
}

TEST_F(drill_database, what_only_a_deposed_primary_had_is_kept_and_taken_back) {
  const int exit_code = run({"db-diverged", "--json", report()});
  ASSERT_NE(exit_code, 3) << read_file(log());
  const auto reports = boost::json::parse(read_file(report()));
  const auto& diverged = reports.at(0).as_object();
  ASSERT_FALSE(diverged.contains("skipped")) << diverged.at("skipped").as_string();
  EXPECT_EQ(diverged.at("kept").to_number<int>(), 1) << read_file(log());
  EXPECT_EQ(diverged.at("lost").to_number<int>(), 0);
  for (const auto& each : diverged.at("promises_broken").as_array()) {
    EXPECT_EQ(each.as_string(), "P5") << read_file(log());
  }
  EXPECT_EQ(running(), 0);
}

// Whoever came between the old primary and the new one was led to the old one, and told that it is
// read-only.
TEST_F(drill_database, a_switchover_tells_nobody_an_error) {
  const int exit_code = run({"db-switchover", "--kills", "2", "--json", report()});
  ASSERT_NE(exit_code, 3) << read_file(log());
  const auto reports = boost::json::parse(read_file(report()));
  const auto& switchover = reports.at(0).as_object();
  ASSERT_FALSE(switchover.contains("skipped")) << switchover.at("skipped").as_string();
  EXPECT_EQ(switchover.at("errors").to_number<int>(), 0);
  EXPECT_GT(switchover.at("orders").to_number<int>(), 0);
  EXPECT_EQ(switchover.at("failed").to_number<int>(), 0);
  EXPECT_EQ(switchover.at("lost").to_number<int>(), 0);
  EXPECT_EQ(switchover.at("duplicated").to_number<int>(), 0);
}

// Servers outlive their agents, and are not to outlive a drill.
TEST_F(drill_database, an_end_by_whatever_signal_leaves_no_server_behind) {
  for (const int signal : {SIGINT, SIGKILL}) {
    process drill = start({"db-crash"});
    ASSERT_TRUE(wait_for_log("killing the primary")) << read_file(log());
    EXPECT_GE(running(), 8) << read_file(log());
    drill.signal(signal);
    const auto status = drill.wait(60s);
    ASSERT_TRUE(status);
    if (signal == SIGINT) {
      EXPECT_EQ(WEXITSTATUS(*status), 130);
    }
    for (int i = 0; i < 3000 && running() > 0; ++i) std::this_thread::sleep_for(10ms);
    EXPECT_EQ(running(), 0);
    EXPECT_EQ(folders(), signal == SIGINT ? 0 : 1);
    std::filesystem::remove(log());
  }
}

}  // namespace
}  // namespace understudy::app
