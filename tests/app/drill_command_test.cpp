// `understudy drill` as its user runs it: real processes, exit codes, JSON, nothing left behind.
// Needs the programs `understudy` and `orders` beside this one.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <boost/json/parse.hpp>
#include <optional>
#include <set>
#include <thread>
#include <utility>

#include "app/commands/command_drill.hpp"
#include "app/drill/drill_site.hpp"
#include "drill_support.hpp"

namespace understudy::app {
namespace {

// The drill also judges how long calls took. A busy machine may break that promise, so what is
// tested is that the report and the exit code agree.
TEST_F(drill_command, a_crash_loses_nothing_and_is_reported_as_json) {
  const int exit_code = run({"crash", "--duration", "1s", "--json", report()});
  const auto reports = boost::json::parse(read_file(report()));
  ASSERT_EQ(reports.as_array().size(), 1u);
  const auto& crash = reports.at(0).as_object();
  const std::vector<std::string> names{
      "scenario",   "calls",      "acknowledged", "failed",     "lost",    "duplicated",     "hurt",
      "slowest_ms", "silence_ms", "detect_ms",    "recover_ms", "left_ms", "promises_broken"};
  ASSERT_EQ(crash.size(), names.size());
  for (const auto& name : names) EXPECT_TRUE(crash.contains(name)) << name;
  EXPECT_EQ(crash.at("scenario").as_string(), "crash");
  EXPECT_GT(crash.at("calls").to_number<int>(), 20);
  EXPECT_EQ(crash.at("failed").to_number<int>(), 0);
  EXPECT_EQ(crash.at("lost").to_number<int>(), 0);
  EXPECT_EQ(crash.at("duplicated").to_number<int>(), 0);
  EXPECT_TRUE(crash.at("detect_ms").is_number());
  EXPECT_EQ(exit_code, crash.at("promises_broken").as_array().empty() ? 0 : 1) << read_file(log());
  EXPECT_EQ(running(), 0);
  EXPECT_EQ(folders(), 0);
}

TEST_F(drill_command, a_drain_under_full_load_fails_no_call) {
  run({"drain-saturated", "--duration", "1s", "--json", report()});
  const auto reports = boost::json::parse(read_file(report()));
  const auto& drain = reports.at(0).as_object();
  EXPECT_GT(drain.at("calls").to_number<int>(), 20);
  EXPECT_EQ(drain.at("acknowledged"), drain.at("calls"));
  EXPECT_EQ(drain.at("lost").to_number<int>(), 0);
  EXPECT_EQ(drain.at("duplicated").to_number<int>(), 0);
}

// The mechanics of freezing: the primary stood still with calls in its hands, so that callers
// noticed, and what it did once it was woken is counted too.
TEST_F(drill_command, a_freeze_is_noticed_and_runs_nothing_twice) {
  const int exit_code = run({"freeze", "--duration", "2s", "--json", report()});
  const auto reports = boost::json::parse(read_file(report()));
  const auto& freeze = reports.at(0).as_object();
  EXPECT_TRUE(freeze.at("detect_ms").is_number());
  EXPECT_TRUE(freeze.at("left_ms").is_number());
  EXPECT_GT(freeze.at("calls").to_number<int>(), 20);
  EXPECT_EQ(freeze.at("lost").to_number<int>(), 0);
  EXPECT_EQ(freeze.at("duplicated").to_number<int>(), 0);
  EXPECT_EQ(exit_code, freeze.at("promises_broken").as_array().empty() ? 0 : 1);
  EXPECT_EQ(running(), 0);
}

TEST_F(drill_command, a_slow_method_met_calls_at_the_primary_and_failed_none) {
  const int exit_code = run({"slow-method", "--duration", "1s", "--json", report()});
  const auto reports = boost::json::parse(read_file(report()));
  const auto& slow = reports.at(0).as_object();
  EXPECT_GT(slow.at("met").to_number<int>(), 0);
  EXPECT_TRUE(slow.at("stayed_share").is_number());
  EXPECT_EQ(slow.at("failed").to_number<int>(), 0);
  EXPECT_EQ(exit_code, slow.at("promises_broken").as_array().empty() ? 0 : 1);
}

TEST_F(drill_command, a_killer_kills_at_least_one_worker_and_its_server_is_served_again) {
  process drill = start({"killer-call", "--duration", "1s", "--json", report()});
  const auto status = drill.wait(60s);
  ASSERT_TRUE(status);
  const auto reports = boost::json::parse(read_file(report()));
  EXPECT_TRUE(reports.at(0).at("detect_ms").is_number());  // a connection was lost
  EXPECT_EQ(reports.at(0).at("lost").to_number<int>(), 0);
  EXPECT_EQ(running(), 0);
}

// Where it cannot be played it says why; where it can, nothing of its networks stays behind.
TEST_F(drill_command, a_black_hole_is_played_or_skipped_with_a_reason) {
  const int exit_code = run({"black-hole", "--duration", "1s", "--json", report()});
  const auto reports = boost::json::parse(read_file(report()));
  const auto& hole = reports.at(0).as_object();
  if (hole.contains("skipped")) {
    EXPECT_FALSE(hole.at("skipped").as_string().empty());
    EXPECT_EQ(exit_code, 0);
  } else {
    EXPECT_TRUE(hole.at("left_ms").is_number());
    EXPECT_TRUE(hole.at("recover_ms").is_number());
    EXPECT_EQ(hole.at("duplicated").to_number<int>(), 0);
  }
  EXPECT_EQ(running(), 0);
}

TEST_F(drill_command, a_backlog_is_done_once_and_told_with_figures) {
  EXPECT_EQ(run({"backlog", "--calls", "2500", "--json", report()}), 0) << read_file(log());
  const auto reports = boost::json::parse(read_file(report()));
  const auto& backlog = reports.at(0).as_object();
  EXPECT_GT(backlog.at("acknowledged").to_number<int>(), 2500);
  EXPECT_EQ(backlog.at("failed").to_number<int>(), 0);
  for (const char* figure : {"enqueued_per_s", "start_ms", "first_stored_ms", "drained_per_s",
                             "fresh_calls", "slowest_fresh_ms"}) {
    EXPECT_GT(backlog.at(figure).to_number<double>(), 0) << figure;
  }
  EXPECT_EQ(running(), 0);
  EXPECT_EQ(folders(), 0);
}

// Where it cannot be played it says why; where it can, no file system stays behind. In optimised
// builds: it takes tens of thousands of calls to fill a disk.
#ifndef __SANITIZE_ADDRESS__
TEST_F(drill_command, a_full_disk_is_played_or_skipped_with_a_reason) {
  EXPECT_EQ(run({"disk-full", "--duration", "1s", "--json", report()}), 0) << read_file(log());
  const auto reports = boost::json::parse(read_file(report()));
  const auto& full = reports.at(0).as_object();
  if (full.contains("skipped")) {
    EXPECT_FALSE(full.at("skipped").as_string().empty());
  } else {
    EXPECT_GT(full.at("refused").to_number<double>(), 0);
    EXPECT_GT(full.at("acknowledged").to_number<int>(), 0);
    EXPECT_EQ(full.at("lost").to_number<int>(), 0);
    EXPECT_EQ(full.at("duplicated").to_number<int>(), 0);
  }
  EXPECT_EQ(running(), 0);
  EXPECT_EQ(folders(), 0);
}
#endif

TEST_F(drill_command, what_is_kept_is_kept) {
  run({"drain", "--duration", "500ms", "--keep"});
  EXPECT_EQ(folders(), 1);
  EXPECT_EQ(running(), 0);
}

TEST_F(drill_command, its_table_tells_calls_that_may_be_repeated_from_the_others) {
  process drill = start({"drain", "--duration", "500ms"});
  const auto calls_of = [&](const std::string& row) {
    return std::stoi(drill.wait_for_line(row, 60s));
  };
  const int all = calls_of("drain ");
  const int idempotent = calls_of("  idempotent ");
  const int others = calls_of("  not idempotent ");
  EXPECT_GT(idempotent, 0);
  EXPECT_GT(others, 0);
  EXPECT_EQ(all, idempotent + others);
}

TEST_F(drill_command, wrong_use_is_exit_code_2) {
  EXPECT_EQ(run({"crush"}), 2);
  EXPECT_NE(read_file(log()).find("There is no scenario \"crush\""), std::string::npos);
  EXPECT_EQ(run({"crash", "--calls-per-second", "0"}), 2);
  EXPECT_EQ(run({"backlog", "--calls", "0"}), 2);
  EXPECT_EQ(run({}), 2);
  EXPECT_EQ(run({"overload-saturated"}), 2);  // it makes its own load
}

TEST_F(drill_command, servers_that_do_not_start_are_exit_code_3) {
  EXPECT_EQ(run({"crash", "--orders", "/nowhere/orders"}), 3);
  EXPECT_NE(read_file(log()).find("/nowhere/orders is not there"), std::string::npos);
  EXPECT_EQ(run({"crash", "--orders", "/bin/false"}), 3);
  EXPECT_NE(read_file(log()).find("ended before it was ready"), std::string::npos);
  EXPECT_EQ(folders(), 0);
}

TEST_F(drill_command, an_interrupt_stops_what_was_started) {
  process drill = start({"failback"});
  for (int i = 0; i < 3000 && read_file(log()).find("the primary is back") == std::string::npos;
       ++i) {
    std::this_thread::sleep_for(10ms);
  }
  EXPECT_EQ(running(), 4) << read_file(log());  // the drill, two servers, the gateway
  drill.signal(SIGINT);
  const auto status = drill.wait(30s);
  ASSERT_TRUE(status);
  EXPECT_TRUE(WIFEXITED(*status));
  EXPECT_EQ(WEXITSTATUS(*status), 130);
  EXPECT_EQ(running(), 0);
  EXPECT_EQ(folders(), 0);
}

TEST_F(drill_command, a_drill_that_is_killed_takes_its_servers_with_it) {
  process drill = start({"failback"});
  for (int i = 0; i < 3000 && read_file(log()).find("gateway are up") == std::string::npos; ++i) {
    std::this_thread::sleep_for(10ms);
  }
  EXPECT_GE(running(), 1) << read_file(log());
  drill.signal(SIGKILL);
  ASSERT_TRUE(drill.wait(30s));
  for (int i = 0; i < 3000 && running() > 0; ++i) std::this_thread::sleep_for(10ms);
  EXPECT_EQ(running(), 0);
}

/// 0, or why a socket cannot listen on this port; closed again at once.
int listen_on(const std::string& address, bool reuse) {
  const owned_fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int wanted = reuse ? 1 : 0;
  ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &wanted, sizeof wanted);
  const socket_address to = resolve_address(address);
  const auto* generic = reinterpret_cast<const sockaddr*>(&to.storage);
  const bool good = ::bind(fd.get(), generic, to.length) == 0 && ::listen(fd.get(), 1) == 0;
  return good ? 0 : errno;
}

TEST(drill_reserved_address, is_free_for_its_server_again_and_again_and_for_nobody_else) {
  std::optional<reserved_address> reserved(std::in_place);
  const std::string address = reserved->text();
  for (int restart = 0; restart < 3; ++restart) {
    EXPECT_EQ(listen_on(address, false), EADDRINUSE);
    EXPECT_EQ(listen_on(address, true), 0);
  }
  reserved.reset();
  EXPECT_EQ(listen_on(address, false), 0);
}

TEST(drill_reserved_address, is_another_each_time) {
  const std::vector<reserved_address> many(200);
  std::set<std::string> texts;
  for (const auto& one : many) texts.insert(one.text());
  EXPECT_EQ(texts.size(), many.size());
}

}  // namespace
}  // namespace understudy::app
