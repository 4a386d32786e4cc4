// The middleware Once, run by PHP on a real MariaDB behind a cluster's endpoint (needs php-mysql,
// mariadb-server-core).
#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <thread>

#include "net/sql_client.hpp"
#include "net/sql_proxy_fixture.hpp"
#include "once/relay.hpp"
#include "support/mariadb_server.hpp"
#include "understudy/once_mariadb.hpp"

namespace understudy::test {
namespace {

/// And not the words READ-COMMITTED.
constexpr const char* commit_query =
    "\x03"
    "COMMIT";

class OnceInPhpOnMariadb : public testing::Test {
 protected:
  OnceInPhpOnMariadb() {
    lead();
    mariadb_options options;
    options.port = server_.port();
    options.user = "app";
    options.password = "secret";
    options.database = "app";
    once_mariadb(options).create_tables(
        {"CREATE TABLE orders (id INT PRIMARY KEY AUTO_INCREMENT, ref VARCHAR(40) NOT NULL)"
         " ENGINE=InnoDB"});
  }
  void lead() {
    ++epoch_;
    endpoint_.with([&](net::sql_proxy& proxy) {
      return proxy.lead_to({{server_.address(), 1}}, epoch_);
    });
  }
  /// What a worker prints that connects to this port.
  static std::string worker(std::uint16_t port, const std::string& tickets) {
    const std::string command =
        "php tests/once/php/once_mariadb.php " + std::to_string(port) + " " + tickets + " 2>&1";
    FILE* const php = ::popen(command.c_str(), "r");
    std::string out;
    std::array<char, 4096> bytes;
    for (std::size_t got = 0; (got = std::fread(bytes.data(), 1, bytes.size(), php)) > 0;)
      out.append(bytes.data(), got);
    ::pclose(php);
    return out;
  }
  std::string effects(const std::string& ticket) {
    return watch_.ask("SELECT COUNT(*) FROM orders WHERE ref = '" + ticket + "'");
  }

  mariadb_server server_;
  std::uint64_t epoch_ = 0;
  sql_endpoint endpoint_{with_grace(10ms)};
  relay way_{endpoint_.port()};
  sql_client watch_{server_.port()};
};

TEST_F(OnceInPhpOnMariadb, ARepeatGetsTheReply) {
  EXPECT_EQ(worker(endpoint_.port(), "c-1 c-1 c-2"), "result 1\nresult 1\nresult 2\n");
  EXPECT_EQ(worker(endpoint_.port(), "c-2 c-1"), "result 2\nresult 1\n");
  EXPECT_EQ(effects("c-1"), "1");
  EXPECT_EQ(effects("c-2"), "1");
  EXPECT_EQ(watch_.ask("SELECT GROUP_CONCAT(reply ORDER BY ticket) FROM understudy_once"), "1,2");
}

TEST_F(OnceInPhpOnMariadb, AnAnswerToItsCommitThatIsLostIsToldByTheRepeat) {
  way_.cut_at(commit_query, relay::cut::after);
  EXPECT_EQ(worker(way_.port(), "c-1 c-1"), "-32001\nresult 1\n");
  EXPECT_EQ(effects("c-1"), "1");
  way_.cut_at(commit_query, relay::cut::before);
  EXPECT_EQ(worker(way_.port(), "c-2 c-2"), "-32001\nresult 3\n") << "it had no effect";
  EXPECT_EQ(effects("c-2"), "1");
  EXPECT_EQ(way_.cuts(), 2);
}

TEST_F(OnceInPhpOnMariadb, WhatIsLostBeforeIsAFaultAndHasNoEffect) {
  int call = 0;
  for (const auto how : {relay::cut::before, relay::cut::after}) {
    for (const std::string at :
         {"INSERT INTO understudy_once", "INSERT INTO orders", "UPDATE understudy_once"}) {
      const std::string ticket = "c-" + std::to_string(++call);
      way_.cut_at(at, how);
      const std::string said = worker(way_.port(), ticket + " " + ticket);
      EXPECT_TRUE(said.starts_with("-32603\nresult ")) << at << ": " << said;
      EXPECT_EQ(effects(ticket), "1") << at;
    }
  }
  EXPECT_EQ(way_.cuts(), call);
}

TEST_F(OnceInPhpOnMariadb, ACallThatIsUnderWayElsewhereIsADeferral) {
  watch_.ask("BEGIN; INSERT INTO understudy_once VALUES ('c-1', 1, NULL)");
  EXPECT_EQ(worker(endpoint_.port(), "c-1"), "-32014\n");
  watch_.ask("ROLLBACK");
  EXPECT_EQ(worker(endpoint_.port(), "c-1"), "result 1\n");
}

TEST_F(OnceInPhpOnMariadb, GoesThroughSwitchovers) {
  std::string tickets;
  constexpr int calls = 400;
  for (int i = 0; i < calls; ++i) tickets += "c-" + std::to_string(i) + "\\* ";
  std::string said;
  std::thread php([&] { said = worker(endpoint_.port(), tickets); });
  for (int i = 1; i <= 6; ++i) {
    const std::string enough = "SELECT COUNT(*) >= " + std::to_string(i * 50) + " FROM orders";
    EXPECT_TRUE(eventually([&] { return watch_.ask(enough) == "1"; }));
    EXPECT_TRUE(endpoint_.hold().get().closed);
    lead();
  }
  php.join();
  const auto met = said.find("met ");
  const std::string others = met == std::string::npos ? "" : said.substr(met);
  EXPECT_TRUE(others.empty() || others == "met -32603\n" || others == "met -32001\n" ||
              others == "met -32603 -32001\n")
      << others;
  EXPECT_EQ(watch_.ask("SELECT COUNT(*) FROM orders"), std::to_string(calls));
  EXPECT_EQ(watch_.ask("SELECT COUNT(DISTINCT ref) FROM orders"), std::to_string(calls));
}

}  // namespace
}  // namespace understudy::test
