// Clients of a real MariaDB through the endpoint (needs mariadb-server-core, mariadb-client,
// openssl, php-mysql).
#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <thread>

#include "net/sql_client.hpp"
#include "net/sql_proxy_fixture.hpp"
#include "support/mariadb_server.hpp"

namespace understudy::test {
namespace {

constexpr unsigned killed = 1927;

class SqlMariadb : public testing::Test {
 protected:
  SqlMariadb() { lead_to(server_, 1); }

  void lead_to(const mariadb_server& at, std::uint64_t stamp) {
    endpoint_.with([&](net::sql_proxy& proxy) {
      return proxy.lead_to({{at.address(), 1}}, stamp);
    });
  }
  /// That all clients rest, and are read: a hold ends at once and cuts nothing.
  void expect_rest() {
    EXPECT_TRUE(endpoint_.eventually(
        [](const auto& now) { return now.unreadable == 0 && now.in_transaction == 0; }));
    const auto how = endpoint_.hold().get();
    EXPECT_TRUE(how.closed);
    EXPECT_EQ(how.cut, 0u);
    EXPECT_EQ(endpoint_.status().open, 0u);
    endpoint_.release();
  }
  [[nodiscard]] std::uint16_t port() const { return endpoint_.port(); }
  [[nodiscard]] bool in_transaction() {
    const auto now = endpoint_.status();
    EXPECT_EQ(now.open, 1u);
    return now.in_transaction == 1;
  }

  mariadb_server server_;
  sql_endpoint endpoint_{with_grace(60s)};
};

/// A program's output.
std::string output_of(const std::string& command) {
  FILE* const program = ::popen((command + " 2>&1").c_str(), "r");
  std::string out;
  std::array<char, 4096> bytes;
  for (std::size_t got = 0; (got = std::fread(bytes.data(), 1, bytes.size(), program)) > 0;)
    out.append(bytes.data(), got);
  ::pclose(program);
  return out;
}

std::string cli(std::uint16_t port, const std::string& options, const std::string& sql) {
  return output_of("mariadb --no-defaults -h 127.0.0.1 -u app -psecret -N -P " +
                   std::to_string(port) + ' ' + options + " app -e \"" + sql + '"');
}

TEST_F(SqlMariadb, LogsInAndAnswers) {
  sql_client client(port());
  ASSERT_EQ(client.error(), 0u) << client.error_text();
  EXPECT_EQ(client.ask("SELECT 6 * 7"), "42");
  sql_client stranger(port(), {});
  EXPECT_EQ(stranger.ask("SELECT 1"), "1");
  expect_rest();
}

TEST_F(SqlMariadb, RefusesWhoTheServerRefuses) {
  const std::string said = output_of("mariadb --no-defaults -h 127.0.0.1 -u app -pwrong -P " +
                                     std::to_string(port()) + " -e 'SELECT 1'");
  EXPECT_NE(said.find("ERROR 1045"), std::string::npos) << said;
}

TEST_F(SqlMariadb, PassesMuch) {
  sql_client client(port());
  const std::size_t size = 20U << 20;
  EXPECT_EQ(client.ask("SELECT REPEAT('x', 20 * 1024 * 1024)"), std::string(size, 'x'));
  EXPECT_EQ(client.ask("SELECT LENGTH('" + std::string(size, 'y') + "')"), std::to_string(size));
  // Rows whose first bytes look like all there is.
  EXPECT_EQ(client.ask("SELECT REPEAT(CHAR(254), seq), seq FROM seq_1_to_40000 WHERE seq > 39900"),
            std::string(40000, '\xfe'));
  EXPECT_EQ(client.ask("SELECT COUNT(*) FROM seq_1_to_1000000"), "1000000");
  EXPECT_EQ(client.ask("SELECT seq, REPEAT('z', 100) FROM seq_1_to_200000"), "200000");
  expect_rest();
}

TEST_F(SqlMariadb, KnowsTransactions) {
  sql_client client(port());
  client.ask("CREATE TABLE t (id INT PRIMARY KEY) ENGINE=InnoDB");
  client.ask(
      "CREATE PROCEDURE p() BEGIN START TRANSACTION; SELECT 1; INSERT INTO t VALUES (9); END");
  const std::array<std::pair<const char*, bool>, 16> steps{{
      {"BEGIN", true},
      {"INSERT INTO t VALUES (1)", true},
      {"INSERT INTO t VALUES (1)", true},  // an error
      {"COMMIT", false},
      {"INSERT INTO t VALUES (1)", false},  // an error
      {"SELECT 1; BEGIN; SELECT 2", true},
      {"SELECT 1; ROLLBACK; SELECT 2", false},
      {"SET autocommit = 0", false},
      {"SELECT * FROM t", true},
      {"ROLLBACK", false},
      {"SET autocommit = 1", false},
      {"CALL p()", true},
      {"COMMIT", false},
      {"BEGIN", true},
      {"CREATE TABLE u (id INT)", false},  // commits before it begins
      {"SELECT id FROM t", false},
  }};
  for (const auto& [sql, then] : steps) {
    client.ask(sql);
    EXPECT_EQ(in_transaction(), then) << sql;
  }
  EXPECT_EQ(client.ask("SELECT MAX(id) FROM t"), "9");
  expect_rest();
}

/// Runs a statement that the server has prepared; the numbers of its first column.
std::vector<int> run_prepared(MYSQL_STMT* statement, int parameter) {
  std::vector<int> out;
  MYSQL_BIND bind{};
  bind.buffer_type = MYSQL_TYPE_LONG;
  bind.buffer = &parameter;
  mysql_stmt_bind_param(statement, &bind);
  if (mysql_stmt_execute(statement) != 0) return {-1};
  int found = 0;
  MYSQL_BIND result{};
  result.buffer_type = MYSQL_TYPE_LONG;
  result.buffer = &found;
  mysql_stmt_bind_result(statement, &result);
  while (mysql_stmt_fetch(statement) == 0) out.push_back(found);
  mysql_stmt_free_result(statement);
  return out;
}

TEST_F(SqlMariadb, PreparedStatements) {
  sql_client client(port());
  MYSQL_STMT* const statement = mysql_stmt_init(client.get());
  const std::string sql = "SELECT seq FROM seq_1_to_100 WHERE seq > ?";
  ASSERT_EQ(mysql_stmt_prepare(statement, sql.data(), sql.size()), 0);
  EXPECT_EQ(run_prepared(statement, 97), (std::vector<int>{98, 99, 100}));
  // Once more: the client has the columns' definitions.
  EXPECT_EQ(run_prepared(statement, 98), (std::vector<int>{99, 100}));
  const unsigned long cursor = CURSOR_TYPE_READ_ONLY;
  const unsigned long rows = 7;
  mysql_stmt_attr_set(statement, STMT_ATTR_CURSOR_TYPE, &cursor);
  mysql_stmt_attr_set(statement, STMT_ATTR_PREFETCH_ROWS, &rows);
  EXPECT_EQ(run_prepared(statement, 0).size(), 100u);
  EXPECT_EQ(mysql_stmt_reset(statement), 0);
  mysql_stmt_close(statement);
  MYSQL_STMT* const direct = mysql_stmt_init(client.get());
  const std::string begin = "BEGIN";
  EXPECT_EQ(mariadb_stmt_execute_direct(direct, begin.data(), begin.size()), 0);
  EXPECT_TRUE(in_transaction());
  mysql_stmt_close(direct);
  client.ask("ROLLBACK");
  expect_rest();
}

TEST_F(SqlMariadb, OtherCommands) {
  sql_client client(port());
  client.ask("CREATE TABLE t (id INT, other INT)");
  EXPECT_EQ(mysql_ping(client.get()), 0);
  EXPECT_NE(mysql_stat(client.get()), nullptr);
  MYSQL_RES* const fields = mysql_list_fields(client.get(), "t", nullptr);
  ASSERT_NE(fields, nullptr);
  EXPECT_EQ(mysql_num_fields(fields), 2u);
  mysql_free_result(fields);
  EXPECT_EQ(mysql_set_server_option(client.get(), MYSQL_OPTION_MULTI_STATEMENTS_OFF), 0);
  EXPECT_EQ(mysql_dump_debug_info(client.get()), 0);
  EXPECT_EQ(mysql_select_db(client.get(), "mysql"), 0);
  client.ask("BEGIN");
  EXPECT_EQ(mysql_change_user(client.get(), "app", "secret", "app"), 0) << client.error_text();
  EXPECT_FALSE(in_transaction());
  client.ask("BEGIN");
  EXPECT_EQ(mysql_reset_connection(client.get()), 0);
  EXPECT_FALSE(in_transaction());
  EXPECT_EQ(client.ask("SELECT DATABASE()"), "app");
  expect_rest();
}

TEST_F(SqlMariadb, FilesOfTheClient) {
  const auto file =
      std::filesystem::temp_directory_path() / ("understudy-rows-" + std::to_string(::getpid()));
  {
    std::ofstream out(file);
    for (int i = 0; i < 100000; ++i) out << i << '\n';
  }
  EXPECT_EQ(cli(port(), "--local-infile=1",
                "CREATE TABLE t (id INT); LOAD DATA LOCAL INFILE '" + file.string() +
                    "' INTO TABLE t; SELECT COUNT(*) FROM t"),
            "100000\n");
  std::filesystem::remove(file);
}

TEST_F(SqlMariadb, TlsAndCompressionPass) {
  sql_client::setup how;
  how.tls = true;
  sql_client secret(port(), how);
  EXPECT_NE(secret.ask("SHOW STATUS LIKE 'ssl_cipher'"), "error 2006") << secret.error_text();
  EXPECT_NE(mysql_get_ssl_cipher(secret.get()), nullptr);
  EXPECT_EQ(endpoint_.status().unreadable, 1u);
  how = {};
  how.compress = true;
  sql_client packed(port(), how);
  EXPECT_EQ(packed.ask("SELECT REPEAT('x', 100000)"), std::string(100000, 'x'));
  EXPECT_EQ(endpoint_.status().unreadable, 2u);
  EXPECT_EQ(endpoint_.status().in_transaction, 2u);
  EXPECT_EQ(cli(port(), "--ssl", "SELECT 1"), "1\n");
}

TEST_F(SqlMariadb, KillIsRefused) {
  EXPECT_EQ(sql_client(server_.port()).ask("SELECT 1 AS kill"), "error 1064") << "it is reserved";
  sql_client client(port());
  const auto other = mysql_thread_id(client.get());
  for (const std::string& sql :
       {"KILL QUERY " + std::to_string(other), "KILL 1"s, "SELECT 1; /*!50000 KILL 1 */"s}) {
    EXPECT_EQ(client.ask(sql), "error 1095") << sql;
  }
  EXPECT_NE(mysql_kill(client.get(), other), 0);
  EXPECT_EQ(client.error(), 1095u);
  MYSQL_STMT* const statement = mysql_stmt_init(client.get());
  const std::string sql = "KILL ?";
  EXPECT_NE(mysql_stmt_prepare(statement, sql.data(), sql.size()), 0);
  EXPECT_EQ(mysql_stmt_errno(statement), 1095u);
  mysql_stmt_close(statement);
  EXPECT_EQ(client.ask("SELECT 5"), "5") << "it goes on";
  expect_rest();
}

TEST_F(SqlMariadb, ATakeoverEndsConnections) {
  const mariadb_server second;
  sql_client(server_.port()).ask("CREATE TABLE t (id INT) ENGINE=InnoDB");
  sql_client idle(port());
  sql_client open(port());
  idle.ask("SELECT 1");
  open.ask("BEGIN; INSERT INTO t VALUES (1)");
  sql_client working(port());
  std::string answer;
  std::thread works([&] { answer = working.ask("SELECT SLEEP(60)"); });
  EXPECT_TRUE(endpoint_.eventually([](const auto& now) { return now.open == 3; }));
  sql_client watches(server_.port());
  ASSERT_TRUE(eventually([&] {
    return watches.ask(
               "SELECT COUNT(*) FROM information_schema.processlist "
               "WHERE state = 'User sleep'") == "1";
  }));
  lead_to(second, 2);
  works.join();
  EXPECT_EQ(answer, "error 2013") << "lost while it was asked";
  for (sql_client* each : {&idle, &open}) {
    const std::string said = each->ask("COMMIT");
    EXPECT_TRUE(said == "error 1927" || said == "error 2006" || said == "error 2013") << said;
  }
  sql_client again(port());
  EXPECT_EQ(again.ask("SELECT @@port"), std::to_string(second.port()));
  EXPECT_TRUE(eventually([&] { return watches.ask("SELECT COUNT(*) FROM t") == "0"; }));
}

TEST_F(SqlMariadb, ATransactionInAHoldGoesToItsEnd) {
  sql_client client(port());
  client.ask("CREATE TABLE t (id INT) ENGINE=InnoDB; BEGIN; INSERT INTO t VALUES (1)");
  auto held = endpoint_.hold();
  EXPECT_EQ(client.ask("INSERT INTO t VALUES (2)"), "") << "its transaction goes on";
  EXPECT_EQ(client.ask("COMMIT"), "");
  EXPECT_TRUE(held.get().closed);
  endpoint_.release();
  sql_client again(port());
  EXPECT_EQ(again.ask("SELECT COUNT(*) FROM t"), "2");
}

TEST_F(SqlMariadb, AStatementBehindARunningOneIsNotExecuted) {
  sql_client client(port());
  client.ask("CREATE TABLE t (id INT) ENGINE=InnoDB");
  mysql_send_query(client.get(), "DO SLEEP(0.2)", 13);
  EXPECT_TRUE(endpoint_.eventually([](const auto& now) { return now.open == 1; }));
  auto held = endpoint_.hold();
  EXPECT_EQ(mysql_read_query_result(client.get()), 0) << "what was forwarded is answered";
  EXPECT_TRUE(held.get().closed);
  const std::string said = client.ask("INSERT INTO t VALUES (1)");
  EXPECT_TRUE(said == "error " + std::to_string(killed) || said == "error 2006" ||
              said == "error 2013")
      << said;
  endpoint_.release();
  EXPECT_EQ(sql_client(port()).ask("SELECT COUNT(*) FROM t"), "0");
}

TEST_F(SqlMariadb, ClientsOfAFrozenServerMoveOn) {
  const mariadb_server second;
  server_.freeze();
  std::string answer;
  std::thread asks([&] { answer = sql_client(port()).ask("SELECT @@port"); });
  EXPECT_TRUE(endpoint_.eventually([](const auto& now) { return now.waiting == 1; }));
  lead_to(second, 2);
  asks.join();
  EXPECT_EQ(answer, std::to_string(second.port()));
}

TEST_F(SqlMariadb, ClientsWaitWhileAServerIsGone) {
  const mariadb_server second;
  server_.kill();
  std::string answer;
  std::thread asks([&] { answer = sql_client(port()).ask("SELECT @@port"); });
  EXPECT_TRUE(endpoint_.eventually([](const auto& now) { return now.waiting == 1; }));
  lead_to(second, 2);
  asks.join();
  EXPECT_EQ(answer, std::to_string(second.port()));
}

TEST_F(SqlMariadb, PhpGoesThroughSwitchoversWithoutAnUnknownEnd) {
  sql_client direct(server_.port());
  std::uint64_t epoch = 1;
  for (const std::string how : {"emulated", "native"}) {
    direct.ask("CREATE OR REPLACE TABLE php (id INT PRIMARY KEY) ENGINE=InnoDB");
    std::string said;
    std::thread php([&] {
      said = output_of("php tests/net/php/pdo.php " + std::to_string(port()) + " 300 " + how);
    });
    for (int i = 1; i <= 5; ++i) {
      const std::string enough = "SELECT COUNT(*) >= " + std::to_string(i * 50) + " FROM php";
      EXPECT_TRUE(eventually([&] { return direct.ask(enough) == "1"; }));
      EXPECT_TRUE(endpoint_.hold().get().closed);
      lead_to(server_, ++epoch);
    }
    php.join();
    EXPECT_EQ(said, "found 300, repeated some, unknown \n");
  }
}

}  // namespace
}  // namespace understudy::test
