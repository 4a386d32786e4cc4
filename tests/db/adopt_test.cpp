// Servers that have data already, and what is in the way of making them the first primary.
#include "db/adopt.hpp"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>

#include <algorithm>

#include "db/child.hpp"
#include "db/files.hpp"
#include "db/support/agents.hpp"
#include "db/support/load.hpp"
#include "db/verify.hpp"

namespace understudy::db {
namespace {

namespace fs = std::filesystem;

std::string all_of(const adopt_report& report) {
  std::string out = report.failed + "\n";
  for (const adopt_finding& each : report.findings) {
    out +=
        std::to_string(static_cast<int>(each.weight)) + " " + each.about + ": " + each.text + "\n";
  }
  return out;
}

class Adopt : public ::testing::Test {
 protected:
  cluster two_{2};
  pid_t plain_ = -1;

  ~Adopt() override { end_plain(); }

  [[nodiscard]] fs::path folder() const { return two_.options(1).settings.folder; }
  [[nodiscard]] endpoint socket(unsigned node = 1) const {
    return {socket_file(two_.options(node).settings.folder).string(), 0};
  }
  /// Node 1's data, in a server as Debian starts one, with more options.
  void start_plain(std::vector<std::string> more = {}, std::string defaults = "--no-defaults") {
    two_.server(1).kill();
    child_options how;
    how.command = {"/usr/sbin/mariadbd", std::move(defaults), "--user=root",
                   "--datadir=" + data_folder(folder()).string(),
                   "--socket=" + socket_file(folder()).string(),
                   "--tmpdir=" + temporary_folder_of(folder()).string(),
                   "--port=" + std::to_string(two_.options(1).settings.port),
                   "--bind-address=127.0.0.1", "--expire-logs-days=10",
                   "--character-set-server=utf8mb4", "--collation-server=utf8mb4_general_ci",
                   // As the folder was made.
                   "--innodb-data-file-path=ibdata1:4M:autoextend", "--innodb-undo-tablespaces=0",
                   "--innodb-log-file-size=8M", "--innodb-buffer-pool-size=16M"};
    for (auto& each : more) how.command.push_back(std::move(each));
    how.output = (folder() / "plain.log").string();
    how.dies_with_us = true;
    plain_ = start_child(how);
    ASSERT_GT(plain_, 0);
    ASSERT_TRUE(eventually([&] {
      session on;
      return !on.connect(socket(), {"root", ""}, soon());
    })) << last_lines(folder() / "plain.log");
  }
  void end_plain() {
    if (plain_ <= 0) return;
    ::kill(plain_, SIGTERM);
    ::waitpid(plain_, nullptr, 0);
    plain_ = -1;
  }
  void as_root(const std::string& sql, unsigned node = 1) {
    session on;
    ASSERT_FALSE(on.connect(socket(node), {"root", ""}, soon()));
    const reply done = on.run(sql, soon());
    ASSERT_TRUE(done.ok()) << done.failed.text << ": " << sql;
  }
  [[nodiscard]] adopt_task task(unsigned node = 1) const {
    adopt_task out;
    out.at = socket(node);
    out.administrator = {"root", ""};
    out.supervisor = test_supervisor();
    out.node = id_of(node);
    out.address = "127.0.0.1";
    return out;
  }
  /// Of one thing, with this in its sentence.
  static bool found(const adopt_report& report, adopt_weight weight, std::string_view about,
                    std::string_view words = "") {
    return std::any_of(report.findings.begin(), report.findings.end(),
                       [&](const adopt_finding& each) {
                         return each.weight == weight && each.about == about &&
                                each.text.find(words) != std::string::npos;
                       });
  }
};

TEST_F(Adopt, AServerWithDataBecomesAPrimaryWhoseCopyIsEqual) {
  start_plain();
  as_root(
      "DROP USER understudy@'%'; CREATE DATABASE app; CREATE TABLE app.t (id BIGINT PRIMARY KEY);"
      "CREATE TABLE app.old (id INT PRIMARY KEY) ENGINE=MyISAM; INSERT INTO app.old VALUES (1);"
      "CREATE TABLE app.keyless (id INT); INSERT INTO app.keyless VALUES (1),(2),(2)");
  load writes(two_, 1, 1);
  ASSERT_TRUE(eventually([&] { return writes.count() > 20; }));
  adopt_report report = inspect(task());
  EXPECT_EQ(report.failed, "");
  EXPECT_FALSE(report.ready());
  EXPECT_TRUE(found(report, adopt_weight::blocks, "engines", "app.old (MyISAM)"));
  EXPECT_TRUE(found(report, adopt_weight::warns, "keys", "app.keyless"));
  EXPECT_TRUE(found(report, adopt_weight::restart, "log_bin", "is OFF and must be ON"));
  EXPECT_TRUE(found(report, adopt_weight::restart, "log_slave_updates"));
  EXPECT_TRUE(found(report, adopt_weight::restart, "skip_name_resolve"));
  EXPECT_TRUE(found(report, adopt_weight::fixable, "binlog_format", "MIXED"));
  EXPECT_TRUE(found(report, adopt_weight::fixable, "sync_binlog"));
  EXPECT_TRUE(found(report, adopt_weight::fixable, "supervisor", "there is no account"));
  EXPECT_TRUE(found(report, adopt_weight::warns, "sessions", "binlog_format"));
  EXPECT_FALSE(report.has(adopt_weight::blocks) && found(report, adopt_weight::blocks, "history"))
      << all_of(report);
  EXPECT_EQ(report.place.socket, socket_file(folder()).string());
  EXPECT_EQ(report.place.data, data_folder(folder()).string() + "/");
  EXPECT_GT(report.place.bytes, 0u);
  for (const std::string& each : report.statements) {
    EXPECT_EQ(each.find("secret"), std::string::npos) << each;
  }

  // While it is written.
  std::vector<std::string> failed = adopt_fix(task(), report.statements);
  EXPECT_TRUE(failed.empty()) << failed.front();
  as_root("ALTER TABLE app.old ENGINE=InnoDB");
  const std::size_t before = writes.count();
  EXPECT_TRUE(eventually([&] { return writes.count() > before + 20; }));
  EXPECT_FALSE(writes.ended());
  writes.stop();
  report = inspect(task());
  EXPECT_FALSE(report.has(adopt_weight::blocks)) << all_of(report);
  EXPECT_FALSE(report.has(adopt_weight::fixable)) << all_of(report);
  EXPECT_TRUE(report.has(adopt_weight::restart));
  EXPECT_TRUE(report.statements.empty());

  // The lines are enough: nothing is left after a start with them.
  end_plain();
  ASSERT_EQ(write_durably(folder() / "adopted.cnf", report.settings), "");
  start_plain({}, "--defaults-file=" + (folder() / "adopted.cnf").string());
  // The log is a new one, and must not look as if everything were in it.
  report = inspect(task());
  EXPECT_TRUE(found(report, adopt_weight::fixable, "beginning")) << all_of(report);
  failed = adopt_fix(task(), report.statements);
  EXPECT_TRUE(failed.empty()) << failed.front();
  report = inspect(task());
  EXPECT_TRUE(report.ready()) << all_of(report);
  EXPECT_EQ(report.settings, "");
  end_plain();

  two_.start(1, core::start_role::primary);
  agents all(two_);
  two_.does(1, core::hold{});
  EXPECT_FALSE(two_.does(1, core::open{core::epoch{1}, true}).read_only);
  all.does(2, core::clone{id_of(1)});
  two_.does(2, core::hold{});
  two_.joins(2, 1);
  verify_task same;
  same.all = two_.all();
  same.primary = id_of(1);
  same.replicas = {id_of(2)};
  same.pause_max = 10s;
  const verify_report verified = verify(same);
  EXPECT_TRUE(verified.equal()) << verified.failed;
  EXPECT_EQ(rows_of(two_, 2), rows_of(two_, 1));
  EXPECT_GT(verified.rows, 40u);
}

TEST_F(Adopt, WhatHasAPastIsNamed) {
  start_plain({"--log-bin=other-bin", "--server-id=1"});
  as_root(
      "SET gtid_domain_id=5; CREATE DATABASE app; CREATE TABLE app.t (id BIGINT PRIMARY KEY);"
      "CREATE EVENT app.ev ON SCHEDULE EVERY 1 DAY DO SELECT 1; CREATE DATABASE understudy;"
      "CREATE USER repl_4@'%'; CREATE USER strong@'%'; GRANT SUPER ON *.* TO strong@'%';"
      "REVOKE RELOAD ON *.* FROM understudy@'%'; ALTER USER understudy@'%' IDENTIFIED BY 'x';"
      "XA START 'a'; INSERT INTO app.t VALUES (1); XA END 'a'; XA PREPARE 'a'");
  as_root("CHANGE MASTER TO MASTER_HOST='10.9.8.7', MASTER_USER='x'");
  const adopt_report report = inspect(task());
  EXPECT_TRUE(found(report, adopt_weight::blocks, "history", "domain")) << all_of(report);
  EXPECT_TRUE(found(report, adopt_weight::blocks, "xa", "XA ROLLBACK"));
  EXPECT_TRUE(found(report, adopt_weight::blocks, "replication", "10.9.8.7"));
  EXPECT_TRUE(found(report, adopt_weight::blocks, "names", "understudy"));
  EXPECT_TRUE(found(report, adopt_weight::blocks, "names", "repl_4@%"));
  EXPECT_TRUE(found(report, adopt_weight::warns, "events", "app.ev"));
  EXPECT_TRUE(found(report, adopt_weight::warns, "accounts", "'strong'@'%'"));
  EXPECT_TRUE(found(report, adopt_weight::warns, "log_bin", "other-bin"));
  EXPECT_TRUE(found(report, adopt_weight::fixable, "supervisor", "lacks RELOAD"));
  EXPECT_TRUE(found(report, adopt_weight::fixable, "supervisor", "does not take"));
  const std::vector<std::string> failed = adopt_fix(task(), report.statements);
  // A replica that is set up has threads of its own, and nothing else stands against it.
  EXPECT_TRUE(failed.empty()) << failed.front();
  EXPECT_FALSE(found(inspect(task()), adopt_weight::fixable, "supervisor"));
}

TEST_F(Adopt, OtherVersionsAndAddressesAreRefused) {
  start_plain({"--version=10.6.12-MariaDB"});
  adopt_report report = inspect(task());
  ASSERT_EQ(report.findings.size(), 1u) << all_of(report);
  EXPECT_EQ(report.findings[0].weight, adopt_weight::blocks);
  EXPECT_NE(report.findings[0].text.find("MariaDB 10.6.12"), std::string::npos);
  EXPECT_FALSE(report.ready());
  end_plain();
  fs::create_directory_symlink(data_folder(folder()), folder() / "mysql");
  start_plain({"--datadir=" + (folder() / "mysql").string()});
  adopt_task far = task();
  far.address = "10.1.2.3";
  report = inspect(far);
  EXPECT_TRUE(found(report, adopt_weight::restart, "bind_address", "10.1.2.3"));
  EXPECT_TRUE(found(report, adopt_weight::warns, "datadir", "/mysql/"));
  EXPECT_NE(report.settings.find("bind_address = 10.1.2.3\n"), std::string::npos);
  end_plain();
  EXPECT_NE(inspect(task()).failed, "");
  EXPECT_EQ(adopt_fix(task(), {"SELECT 1"}).size(), 1u);
}

TEST_F(Adopt, NodesOfAClusterAreNamed) {
  two_.replicate();
  const adopt_report primary = inspect(task(1));
  EXPECT_TRUE(found(primary, adopt_weight::blocks, "history", "node 1 of epoch 1"))
      << all_of(primary);
  EXPECT_TRUE(found(primary, adopt_weight::warns, "replicas", "repl_2@"));
  EXPECT_FALSE(primary.has(adopt_weight::fixable)) << all_of(primary);
  EXPECT_FALSE(primary.has(adopt_weight::restart)) << all_of(primary);
  EXPECT_TRUE(found(inspect(task(2)), adopt_weight::blocks, "replication"));
}

}  // namespace
}  // namespace understudy::db
