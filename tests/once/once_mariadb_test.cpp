// once() on a real MariaDB: one effect, whatever else happens (needs mariadb-server-core).
#include <thread>

#include "once/mariadb_fixture.hpp"
#include "support/test_server.hpp"

namespace understudy::test {
namespace {

TEST_F(OnceMariadb, TakesEffectOnceAndRepeatsTheReply) {
  once_mariadb database(options_);
  EXPECT_EQ(add(database, "c-1", 7), 7) << "makes its tables where they are missing";
  EXPECT_EQ(add(database, "c-1", 8), 7);
  once_mariadb another(options_);
  EXPECT_EQ(add(another, "c-1", 9), 7);
  EXPECT_EQ(effects("c-1"), 1);
  EXPECT_EQ(rows(), "1");
  EXPECT_EQ(watch_.ask("SELECT ABS(done_ms / 1000 - UNIX_TIMESTAMP()) < 3600 FROM understudy_once"),
            "1");
  EXPECT_EQ(database.counts().commits, 2u);
  EXPECT_EQ(database.counts().local, 1u) << "no replica acknowledges";
}

TEST_F(OnceMariadb, ADirectCallRunsInATransactionAndLeavesNoRow) {
  once_mariadb database(options_);
  EXPECT_EQ(add(database, "", 7), 7);
  EXPECT_EQ(add(database, "", 8), 8);
  EXPECT_EQ(effects(""), 2);
  EXPECT_NE(code_of([&] {
              once(attempt_of(""), database, [&](mariadb_session& in) {
                in.run("INSERT INTO effects VALUES ('', 1)");
                in.run("INSERT INTO nowhere VALUES (1)");
              });
            }),
            0);
  EXPECT_EQ(effects(""), 2);
}

TEST_F(OnceMariadb, WhatThrowsIsRolledBack) {
  once_mariadb database(options_);
  EXPECT_THROW(once(attempt_of("c-1"), database,
                    [&](mariadb_session& in) {
                      take_effect(in, "c-1");
                      throw std::runtime_error("no");
                    }),
               std::runtime_error);
  EXPECT_EQ(effects("c-1"), 0);
  EXPECT_EQ(rows(), "0");
  EXPECT_EQ(add(database, "c-1", 7), 7);
  EXPECT_EQ(effects("c-1"), 1);
  EXPECT_EQ(database.counts().repeated, 0u);
}

TEST_F(OnceMariadb, WhatTheDatabaseRefusesIsTold) {
  once_mariadb database(options_);
  watch_.ask("CREATE OR REPLACE TABLE refs (ref VARCHAR(9) PRIMARY KEY) ENGINE=InnoDB");
  const auto place = [&](const std::string& ticket, const std::string& ref) {
    return code_of([&] {
      once(attempt_of(ticket), database,
           [&](mariadb_session& in) { in.run("INSERT INTO refs VALUES (?)", {ref}); });
    });
  };
  EXPECT_EQ(place("c-1", "a"), 0);
  EXPECT_EQ(place("c-2", "a"), code::internal_error) << "a key of its own is no repeat";
  EXPECT_EQ(place("c-3", "ten letters"), code::internal_error) << "nothing is cut short";
  EXPECT_EQ(rows(), "1");
  unsigned number = 0;
  once(attempt_of("c-4"), database, [&](mariadb_session& in) {
    try {
      in.run("INSERT INTO refs VALUES ('a')");
    } catch (const mariadb_error& error) {
      number = error.number();  // and its own way to go on
    }
    in.run("INSERT INTO refs VALUES ('b')");
  });
  EXPECT_EQ(number, 1062u);
  EXPECT_EQ(watch_.ask("SELECT COUNT(*) FROM refs"), "2");
}

TEST_F(OnceMariadb, ValuesComeAsTheyWent) {
  once_mariadb database(options_);
  std::string bytes;
  for (int i = 0; i < 256; ++i) bytes += static_cast<char>(i);
  const std::string text = "Grüße ' \\ ? \" 失败 🙂";
  const auto row = once(attempt_of(""), database, [&](mariadb_session& in) {
    in.run(
        "CREATE TEMPORARY TABLE v (a BLOB, b TEXT CHARACTER SET utf8mb4,"
        " c BIGINT, d DOUBLE, e INT)");
    in.run("INSERT INTO v VALUES (?, ?, ?, ?, ?)",
           {bytes, text, std::int64_t{INT64_MIN}, 0.1 + 0.2, nullptr});
    const auto rows = in.run("SELECT c, d, e, b = ?, a = ?, b FROM v", {text, bytes});
    std::vector<std::string> out;
    for (const auto& field : rows.at(0)) out.push_back(field.value_or("null"));
    return out;
  });
  EXPECT_EQ(row, (std::vector<std::string>{"-9223372036854775808", "0.30000000000000004", "null",
                                           "1", "1", text}));
}

TEST_F(OnceMariadb, FiftyRepeatsAtATimeAreOneEffect) {
  constexpr int attempts = 50;
  once_mariadb database(options_);
  database.create_tables();
  std::atomic<int> wrong = 0;
  std::atomic<int> deferred = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < attempts; ++i) {
    threads.emplace_back([&, i] {
      for (int call = 0; call < 5; ++call) {
        const std::string ticket = "c-" + std::to_string(call);
        std::int64_t reply = 0;
        // As a gateway does: an attempt that met another one's lock comes again.
        while (code_of([&] { reply = add(database, ticket, i + 1); }) == code::in_progress) {
          ++deferred;
        }
        if (reply == 0 || reply != add(database, ticket, -1)) ++wrong;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(rows(), "5");
  for (int call = 0; call < 5; ++call) EXPECT_EQ(effects("c-" + std::to_string(call)), 1);
}

TEST_F(OnceMariadb, TheSecondWaitsWhileTheFirstIsAtWork) {
  once_mariadb database(options_);
  database.create_tables();
  std::int64_t got = 0;
  std::thread second;
  const auto first = once(attempt_of("c-1"), database, [&](mariadb_session& in) {
    second = std::thread([&] { got = add(database, "c-1", 8); });
    EXPECT_TRUE(eventually([&] { return lock_waits() == 1; }));
    take_effect(in, "c-1");
    return std::int64_t{7};
  });
  second.join();
  EXPECT_EQ(first, 7);
  EXPECT_EQ(got, 7);
  EXPECT_EQ(effects("c-1"), 1);
}

TEST_F(OnceMariadb, OneOfThoseWhoWaitTakesThePlaceOfOneThatFails) {
  constexpr int waiting = 10;
  once_mariadb database(options_);
  database.create_tables();
  std::vector<std::int64_t> replies(waiting);
  std::vector<std::thread> threads;
  EXPECT_THROW(once(attempt_of("c-1"), database,
                    [&](mariadb_session& in) {
                      for (int i = 0; i < waiting; ++i) {
                        threads.emplace_back([&, i] { replies[i] = add(database, "c-1", i + 1); });
                      }
                      EXPECT_TRUE(eventually([&] { return lock_waits() == waiting; }));
                      take_effect(in, "c-1");
                      throw std::runtime_error("no");
                    }),
               std::runtime_error);
  for (auto& thread : threads) thread.join();
  for (const auto reply : replies) EXPECT_EQ(reply, replies[0]);
  EXPECT_GT(replies[0], 0);
  EXPECT_EQ(effects("c-1"), 1);
}

TEST_F(OnceMariadb, ALockThatIsNotToBeHadIsADeferral) {
  options_.lock_wait = std::chrono::seconds{1};
  once_mariadb database(options_);
  database.create_tables();
  once(attempt_of("c-1"), database, [&](mariadb_session& in) {
    EXPECT_EQ(code_of([&] { add(database, "c-1", 8); }), code::in_progress);
    take_effect(in, "c-1");
  });
  watch_.ask("BEGIN; SELECT * FROM effects FOR UPDATE");
  const auto change = [&](const std::string& ticket) {
    return code_of([&] {
      once(attempt_of(ticket), database, [&](mariadb_session& in) {
        ++runs_;
        in.run("UPDATE effects SET half = 3");
      });
    });
  };
  EXPECT_EQ(change("c-2"), code::in_progress);
  EXPECT_EQ(change(""), code::overloaded);
  EXPECT_EQ(runs_, 2) << "waiting once is enough";
  watch_.ask("ROLLBACK");
  EXPECT_EQ(rows(), "1");
}

TEST_F(OnceMariadb, WhoStandsStillLosesItsLocks) {
  once_mariadb database(options_);
  database.create_tables();
  std::int64_t second = 0;
  const auto first = once(attempt_of("c-1"), database, [&](mariadb_session& in) {
    in.run("INSERT INTO effects VALUES ('c-1', 1)");
    second = add(database, "c-1", 8);  // waits for this one, which does nothing meanwhile
    in.run("INSERT INTO effects VALUES ('c-1', 2)");
    return std::int64_t{7};
  });
  EXPECT_EQ(second, 8);
  EXPECT_EQ(first, 8) << "it finds what the other one did";
  EXPECT_EQ(effects("c-1"), 1);
}

TEST_F(OnceMariadb, ADeadlockIsRunAgain) {
  once_mariadb database(options_);
  database.create_tables({"CREATE OR REPLACE TABLE pairs (id INT PRIMARY KEY, n INT NOT NULL)"});
  watch_.ask("INSERT INTO pairs VALUES (1, 0), (2, 0)");
  std::atomic<int> began = 0;
  const auto work = [&](const std::string& ticket, int first, int second) {
    once(attempt_of(ticket), database, [&](mariadb_session& in) {
      in.run("UPDATE pairs SET n = n + 1 WHERE id = ?", {std::int64_t{first}});
      ++began;
      EXPECT_TRUE(eventually([&] { return began >= 2; }));
      in.run("UPDATE pairs SET n = n + 1 WHERE id = ?", {std::int64_t{second}});
    });
  };
  std::thread other([&] { work("c-1", 1, 2); });
  work("c-2", 2, 1);
  other.join();
  EXPECT_EQ(watch_.ask("SELECT GROUP_CONCAT(n) FROM pairs"), "2,2");
  EXPECT_EQ(rows(), "2");
  EXPECT_EQ(database.counts().repeated, 1u);
}

TEST_F(OnceMariadb, ADeadlockThatTheWorkSwallowsIsNoSuccess) {
  options_.runs_max = 1;
  once_mariadb database(options_);
  database.create_tables({"CREATE OR REPLACE TABLE pairs (id INT PRIMARY KEY, n INT NOT NULL)"});
  watch_.ask("INSERT INTO pairs VALUES (1, 0), (2, 0)");
  for (const std::string ticket : {"c-1", ""}) {
    // The one who has written more is not the victim.
    watch_.ask("BEGIN; INSERT INTO pairs SELECT seq, 0 FROM seq_3_to_100");
    watch_.ask("UPDATE pairs SET n = 5 WHERE id = 2");
    std::thread other;
    const auto code = code_of([&] {
      once(attempt_of(ticket), database, [&](mariadb_session& in) {
        in.run("UPDATE pairs SET n = 6 WHERE id = 1");
        other = std::thread([&] { watch_.ask("UPDATE pairs SET n = 5 WHERE id = 1; ROLLBACK"); });
        EXPECT_THROW(in.run("UPDATE pairs SET n = 6 WHERE id = 2"), mariadb_error);
        EXPECT_THROW(in.run("INSERT INTO effects VALUES ('stray', 1)"), mariadb_error);
      });
    });
    other.join();
    EXPECT_EQ(code, ticket.empty() ? code::overloaded : code::in_progress);
  }
  EXPECT_EQ(watch_.ask("SELECT COUNT(*) FROM effects"), "0");
  EXPECT_EQ(watch_.ask("SELECT GROUP_CONCAT(n) FROM pairs"), "0,0");
  EXPECT_EQ(rows(), "0");
}

TEST_F(OnceMariadb, ATransactionThatTheWorkEndsIsNoSuccess) {
  once_mariadb database(options_);
  for (const std::string ticket : {"c-1", ""}) {
    EXPECT_EQ(code_of([&] {
                once(attempt_of(ticket), database, [&](mariadb_session& in) {
                  take_effect(in, ticket);
                  try {
                    in.run("ROLLBACK");
                  } catch (const mariadb_error&) {
                    // As if nothing had happened.
                  }
                });
              }),
              code::internal_error);
    EXPECT_EQ(effects(ticket), 0);
  }
  EXPECT_EQ(rows(), "0");
}

TEST_F(OnceMariadb, OldCallsAreForgottenNowAndThen) {
  once_mariadb database(options_);
  database.create_tables();
  watch_.ask(
      "INSERT INTO understudy_once SELECT CONCAT('old-', seq), seq, NULL"
      " FROM seq_1_to_1500");
  const std::string month_ms = std::to_string(std::chrono::milliseconds(once_kept).count());
  watch_.ask("INSERT INTO understudy_once VALUES ('young', UNIX_TIMESTAMP() * 1000 - " + month_ms +
             " + 60000, '1')");
  EXPECT_EQ(add(database, "c-1", 7), 7);
  EXPECT_EQ(rows(), "502") << "so many at a time, and the oldest first";
  EXPECT_EQ(watch_.ask("SELECT MIN(done_ms) FROM understudy_once"), "1001");
  EXPECT_EQ(add(database, "c-2", 7), 7);
  EXPECT_EQ(rows(), "3") << "there were more";
  watch_.ask("INSERT INTO understudy_once VALUES ('old', 1, NULL)");
  EXPECT_EQ(add(database, "c-3", 7), 7);
  EXPECT_EQ(rows(), "5") << "not with every call";
}

TEST_F(OnceMariadb, ItsSessionIsStrict) {
  once_mariadb database(options_);
  const auto row = database.read([](mariadb_session& in) {
    return in
        .run(
            "SELECT CONCAT_WS(' ', @@tx_isolation, @@time_zone, @@innodb_lock_wait_timeout,"
            " @@lock_wait_timeout, @@idle_write_transaction_timeout,"
            " @@autocommit, @@sql_mode LIKE '%STRICT%', @@character_set_client)")
        .at(0)
        .at(0);
  });
  EXPECT_EQ(row, "READ-COMMITTED +00:00 3 3 2 ON 1 utf8mb4");
}

TEST(OnceMariadbOptions, FromAnAddress) {
  const auto full = mariadb_options::from_url("mysql://app@db.local:3307/orders");
  EXPECT_EQ(full.user, "app");
  EXPECT_EQ(full.host, "db.local");
  EXPECT_EQ(full.port, 3307);
  EXPECT_EQ(full.database, "orders");
  EXPECT_EQ(mariadb_options::from_url("mysql://app@10.0.0.1/orders").port, 3306);
  const auto six = mariadb_options::from_url("mysql://app@[::1]:3307/orders");
  EXPECT_EQ(six.host, "::1");
  EXPECT_EQ(six.port, 3307);
  for (const char* wrong :
       {"", "orders.db", "mysql://app@h", "mysql://h/d", "mysql://@h/d", "mysql://a@/d",
        "mysql://a@h/", "mysql://a@h:0/d", "mysql://a@h:70000/d", "mysql://a@h:x/d",
        "mysql://a:secret@h/d", "mysql://a@h/d/e", "mysql://a@h/d?x=1"}) {
    EXPECT_THROW((void)mariadb_options::from_url(wrong), std::invalid_argument) << wrong;
  }
}

}  // namespace
}  // namespace understudy::test
