// once() on a real MariaDB: connections that are lost, and an endpoint's switchovers (needs
// mariadb-server-core).
#include <thread>

#include "net/sql_proxy_fixture.hpp"
#include "once/mariadb_fixture.hpp"
#include "once/relay.hpp"
#include "support/free_port.hpp"

namespace understudy::test {
namespace {

/// And not the words READ-COMMITTED.
constexpr const char* commit_query =
    "\x03"
    "COMMIT";

TEST_F(OnceMariadb, AnAnswerThatIsLostIsToldByTheRepeat) {
  relay way(server_->port());
  options_.port = way.port();
  once_mariadb database(options_);
  database.create_tables();
  way.cut_at(commit_query, relay::cut::after);
  EXPECT_EQ(code_of([&] { add(database, "c-1", 7); }), code::outcome_unknown);
  EXPECT_EQ(way.cuts(), 1);
  EXPECT_EQ(database.counts().unknown, 1u);
  EXPECT_EQ(add(database, "c-1", 8), 7);
  EXPECT_EQ(effects("c-1"), 1);
  way.cut_at(commit_query, relay::cut::before);
  EXPECT_EQ(code_of([&] { add(database, "c-2", 7); }), code::outcome_unknown);
  EXPECT_EQ(add(database, "c-2", 8), 8) << "it was not committed, and nobody could know";
  EXPECT_EQ(effects("c-2"), 1);
  way.cut_at(commit_query, relay::cut::after);
  EXPECT_EQ(code_of([&] { add(database, "", 7); }), code::outcome_unknown);
  EXPECT_EQ(effects(""), 1) << "a direct call has no row that tells, and is not run again";
}

TEST_F(OnceMariadb, WhatIsLostBeforeTheCommitIsRunAgain) {
  relay way(server_->port());
  options_.port = way.port();
  once_mariadb database(options_);
  database.create_tables();
  int call = 0;
  for (const auto how : {relay::cut::before, relay::cut::after}) {
    for (const std::string at : {"START TRANSACTION", "INSERT INTO effects", "UPDATE understudy"}) {
      const std::string ticket = "c-" + std::to_string(++call);
      way.cut_at(at, how);
      EXPECT_EQ(add(database, ticket, call), call) << at;
      EXPECT_EQ(way.cuts(), call);
      EXPECT_EQ(effects(ticket), 1) << at;
    }
  }
  EXPECT_EQ(database.counts().repeated, 4u);
  EXPECT_EQ(database.counts().unknown, 0u);
}

TEST_F(OnceMariadb, AServerThatIsGoneIsWaitedForAndNoLonger) {
  options_.port = free_port();
  options_.call_max = std::chrono::milliseconds{300};
  once_mariadb database(options_);
  EXPECT_EQ(code_of([&] { add(database, "c-1", 7); }), code::overloaded);
  EXPECT_EQ(database.counts().repeated, 0u) << "the work never began";
  options_.port = server_->port();
  options_.password = "wrong";
  once_mariadb stranger(options_);
  EXPECT_EQ(code_of([&] { add(stranger, "c-1", 7); }), code::internal_error);
}

TEST_F(OnceMariadb, NoMoreConnectionsThanAllowed) {
  options_.connections_max = 1;
  options_.call_max = std::chrono::milliseconds{500};
  once_mariadb database(options_);
  const auto both = code_of([&] {
    once(attempt_of("c-1"), database, [&](mariadb_session&) {
      EXPECT_EQ(code_of([&] { add(database, "c-2", 7); }), code::overloaded);
    });
  });
  EXPECT_EQ(both, code::overloaded) << "its own time is over then";
  EXPECT_EQ(add(database, "c-1", 7), 7);
  EXPECT_EQ(add(database, "c-2", 7), 7);
}

TEST_F(OnceMariadb, GoesThroughSwitchoversOfAnEndpoint) {
  sql_endpoint endpoint(with_grace(10ms));
  std::uint64_t epoch = 0;
  const auto lead = [&] {
    ++epoch;
    endpoint.with([&](net::sql_proxy& proxy) {
      return proxy.lead_to({{server_->address(), 1}}, epoch);
    });
  };
  lead();
  options_.port = endpoint.port();
  once_mariadb database(options_);
  database.create_tables();
  constexpr int calls = 300;
  std::atomic<int> done = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&, i] {
      for (int call = 0; call < calls; ++call) {
        const std::string ticket = "c-" + std::to_string(i) + "-" + std::to_string(call);
        while (code_of([&] { add(database, ticket, call); }) == code::outcome_unknown) {
        }
        ++done;
      }
    });
  }
  for (int i = 1; i <= 8; ++i) {
    EXPECT_TRUE(eventually([&] { return done >= i * 100; }));
    EXPECT_TRUE(endpoint.hold().get().closed);
    lead();
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(rows(), std::to_string(3 * calls));
  EXPECT_EQ(watch_.ask("SELECT COUNT(*) FROM effects"), std::to_string(3 * calls * 2));
  EXPECT_EQ(watch_.ask("SELECT COUNT(DISTINCT ticket, half) FROM effects"),
            std::to_string(3 * calls * 2));
}

TEST_F(OnceMariadb, AnIdleConnectionIsNoOpenTransaction) {
  sql_endpoint endpoint(with_grace(60s));
  endpoint.with([&](net::sql_proxy& proxy) { return proxy.lead_to({{server_->address(), 1}}, 1); });
  options_.port = endpoint.port();
  once_mariadb database(options_);
  const auto rests = [&] {
    return endpoint.eventually([](const auto& now) {
      return now.open == 1 && now.in_transaction == 0 && now.unreadable == 0;
    });
  };
  EXPECT_EQ(add(database, "c-1", 7), 7);
  EXPECT_TRUE(rests());
  EXPECT_EQ(add(database, "c-1", 7), 7);
  EXPECT_TRUE(rests());
  EXPECT_EQ(database.read([](mariadb_session& in) {
    return in.run("SELECT COUNT(*) FROM effects").at(0).at(0);
  }),
            "2");
  EXPECT_TRUE(rests());
  EXPECT_EQ(code_of([&] {
              database.read([](mariadb_session& in) {
                return in.run("INSERT INTO effects VALUES ('x', 1)");
              });
            }),
            code::internal_error)
      << "reading does not write";
  EXPECT_TRUE(rests());
}

}  // namespace
}  // namespace understudy::test
