// A server that somebody else runs, with data, becomes the first primary of a cluster.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>

#include "app/commands/command_db_adopt.hpp"
#include "app/commands/command_db_verify.hpp"
#include "app/database_support.hpp"
#include "db/child.hpp"
#include "db/files.hpp"

namespace understudy::test {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;

struct DatabaseAdopt : testing::Test, database_stand {
  pid_t plain = -1;

  ~DatabaseAdopt() override { end_plain(); }

  [[nodiscard]] fs::path plain_folder() const { return folder / "plain"; }
  [[nodiscard]] fs::path plain_socket() const { return plain_folder() / "server.sock"; }
  void make_data() const {
    fs::create_directories(plain_folder() / "tmp");
    db::child_options how;
    how.command = {"/usr/bin/mariadb-install-db",
                   "--no-defaults",
                   "--user=root",
                   "--auth-root-authentication-method=socket",
                   "--skip-test-db",
                   "--datadir=" + (plain_folder() / "mysql").string()};
    how.output = (plain_folder() / "install.log").string();
    ASSERT_EQ(db::run_child(how), 0) << db::last_lines(how.output);
  }
  // As Debian starts one, with a file of settings or none.
  void start_plain(const std::string& defaults = "--no-defaults") {
    const std::string& address = config.databases[0].nodes[0].address;
    db::child_options how;
    how.command = {"/usr/sbin/mariadbd",
                   defaults,
                   "--user=root",
                   "--datadir=" + (plain_folder() / "mysql").string(),
                   "--socket=" + plain_socket().string(),
                   "--tmpdir=" + (plain_folder() / "tmp").string(),
                   "--port=" + address.substr(address.rfind(':') + 1),
                   "--bind-address=127.0.0.1",
                   "--expire-logs-days=10",
                   "--character-set-server=utf8mb4",
                   "--collation-server=utf8mb4_general_ci",
                   "--innodb-buffer-pool-size=16M"};
    how.output = (plain_folder() / "server.log").string();
    how.dies_with_us = true;
    plain = db::start_child(how);
    ASSERT_GT(plain, 0);
    ASSERT_TRUE(eventually([&] {
      db::session on;
      const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
      return !on.connect({plain_socket().string(), 0}, {"root", ""}, deadline);
    })) << db::last_lines(how.output);
  }
  void end_plain() {
    if (plain <= 0) return;
    ::kill(plain, SIGTERM);
    ::waitpid(plain, nullptr, 0);
    plain = -1;
  }
  /// What `understudy db prepare` is told: the same configuration in a file.
  std::string prepare(int& exit, bool yes, bool as_json = false) {
    const fs::path file = folder / "understudy.toml";
    std::ofstream out(file);
    out << "[coordination]\nfolder = \"coordination\"\n[database.main]\npassword_file = "
           "\"secret\"\n"
        << "nodes = [{address = \"" << config.databases[0].nodes[0].address << "\"}]\n";
    out.close();
    app::db_prepare_command asked;
    asked.config = file.string();
    asked.node = 1;
    asked.socket = plain_socket().string();
    asked.yes = yes;
    asked.json = as_json;
    return printed(exit, [&] { return app::run_db_prepare(asked); });
  }
  std::string adopt(int& exit, unsigned node = 1) {
    app::db_command asked = command();
    asked.node = node;
    return printed(exit, [&] { return app::run_db_adopt(asked); });
  }
};

TEST_F(DatabaseAdopt, EmptyNodesBecomeCopiesOfItWhileItServes) {
  ASSERT_EQ(::getuid(), 0U) << "copies are made by root over the socket";
  app::database_node_config& first = add_node(false);
  first.copies = "127.0.0.1:" + std::to_string(free_port());
  add_node(true);
  add_node(true);
  make_data();
  start_plain();
  as_root(
      plain_socket(),
      "CREATE DATABASE app; CREATE TABLE app.t (id INT PRIMARY KEY, v INT);"
      "INSERT INTO app.t SELECT seq, seq FROM app.seq_1_to_1000;"
      "CREATE TABLE app.never_changed (id INT PRIMARY KEY); INSERT INTO app.never_changed VALUES "
      "(1)");
  start_agent(options_of(2));
  start_agent(options_of(3));
  start_gateway();

  // Nobody can log in yet, and then too little is set.
  int exit = -1;
  std::string said = adopt(exit);
  EXPECT_EQ(exit, 4);
  EXPECT_NE(said.find("understudy db prepare"), std::string::npos) << said;
  said = prepare(exit, false);
  EXPECT_EQ(exit, 4);
  EXPECT_NE(said.find("there is no account"), std::string::npos) << said;
  EXPECT_NE(said.find("log_bin: log_bin is OFF and must be ON"), std::string::npos) << said;
  EXPECT_NE(said.find("SET GLOBAL sync_binlog=1;"), std::string::npos) << said;
  said = prepare(exit, true);
  EXPECT_EQ(exit, 4) << "a restart is left to do";
  EXPECT_EQ(said.substr(said.find("Needs settings")).find("there is no account"), std::string::npos)
      << said;
  said = adopt(exit);
  EXPECT_EQ(exit, 4);
  EXPECT_NE(said.find("Needs settings, and a restart:\n"), std::string::npos) << said;
  EXPECT_NE(said.find("[mariadbd]\n"), std::string::npos) << said;
  EXPECT_EQ(get("/databases/main").at("phase").as_string(), "unknown");

  // The restart, with what was said, and what is to be done after it.
  const json::value report = json::parse(prepare(exit, false, true));
  end_plain();
  std::ofstream(plain_folder() / "adopted.cnf")
      << std::string_view(report.at("settings").as_string());
  start_plain("--defaults-file=" + (plain_folder() / "adopted.cnf").string());
  (void)adopt(exit);
  EXPECT_EQ(exit, 4) << "its log would look as if everything were in it";
  said = prepare(exit, true);
  EXPECT_EQ(exit, 0) << said;
  EXPECT_NE(said.find("The server can be adopted.\n"), std::string::npos) << said;

  // Beside the server that it does not own.
  app::gateway_config beside = config;
  beside.node.folder = (folder / "giver").string();
  beside.node.socket = plain_socket().string();
  app::node_command one;
  one.id = 1;
  agent::node_options gives = app::node_options_of(beside, one);
  start_agent(gives);

  as_root(plain_socket(), "INSERT INTO app.t VALUES (2000, 0)");
  EXPECT_EQ(fetch(*gateway, "POST", "/databases/main/adopt", "{\"primary\":1}").status, 202);
  ASSERT_TRUE(eventually([&] { return whole(2); })) << history();
  as_root(plain_socket(), "INSERT INTO app.t VALUES (2001, 0)");
  app::db_command compare = command();
  said = printed(exit, [&] { return app::run_db_verify(compare); });
  EXPECT_EQ(exit, 0) << said;
  EXPECT_NE(said.find("node 2, 3;"), std::string::npos) << said;
  EXPECT_TRUE(has_event(*gateway, "diverged")) << "they were copied\n" << history();
  (void)adopt(exit);
  EXPECT_EQ(exit, 4) << "there is a cluster";

  // It can be handed over, and is left alone.
  EXPECT_EQ(fetch(*gateway, "POST", "/databases/main/switchover", "{\"to\":2}").status, 202);
  EXPECT_TRUE(eventually([&] {
    return get("/databases/main").at("primary").to_number<int>() == 2 && whole(2);
  })) << history();
  EXPECT_EQ(::waitpid(plain, nullptr, WNOHANG), 0) << "it runs";
}

TEST(AdoptionText, SaysWhatToDo) {
  const json::value report = json::parse(
      R"({"ready":false,"failed":"","findings":[{"weight":"warns","about":"keys","text":"k"},)"
      R"({"weight":"blocks","about":"engines","text":"e"},)"
      R"({"weight":"restart","about":"log_bin","text":"l"}],"statements":["SET GLOBAL a=1"],)"
      R"("settings":"[mariadbd]\nlog_bin = bin\n"})");
  const std::string said = app::adoption_text(report);
  EXPECT_EQ(
      said,
      "In the way, and yours to do:\n  engines: e\n"
      "Needs settings, and a restart:\n  log_bin: l\n"
      "To know:\n  keys: k\n"
      "SQL to run on it as root (`understudy db prepare --yes` does):\n  SET GLOBAL a=1;\n"
      "Lines for a file in its folder of settings (/etc/mysql/mariadb.conf.d/99-understudy.cnf "
      "on Debian):\n[mariadbd]\nlog_bin = bin\n");
}

}  // namespace
}  // namespace understudy::test
