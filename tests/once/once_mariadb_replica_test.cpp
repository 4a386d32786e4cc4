// Whether a replica has what once() has committed: a real primary and its replica.
#include <thread>

#include "db/support/cluster.hpp"
#include "once/mariadb_ledger.hpp"

namespace understudy::test {
namespace {

using namespace std::chrono_literals;

class OnceMariadbReplica : public testing::Test {
 protected:
  OnceMariadbReplica() {
    cluster_.replicate();
    options_ = at_port(cluster_.all().find(db::id_of(1))->at.port);
    options_.password = "app";
    options_.call_max = 20s;
    options_.on_local = [this](const std::string& ticket) { told_local_ += ticket + ";"; };
    once_mariadb(options_).create_tables({effects_table});
    operator_ = std::make_unique<db::session>();
    const auto failed = operator_->connect(cluster_.all().find(db::id_of(1))->at,
                                           db::test_supervisor(), db::soon());
    if (failed) throw std::runtime_error(failed.text);
  }

  /// The first field, asked by the supervisor's account.
  std::string ask(const std::string& sql) {
    const auto answer = operator_->run(sql, db::soon());
    if (!answer.ok()) return answer.failed.text;
    const auto& table = answer.tables.back();
    return table.rows.empty() ? "" : table.rows[0][0].value_or("NULL");
  }
  std::string count(const std::string& ticket) {
    const auto answer = cluster_.client(1)->run(
        "SELECT COUNT(*) FROM app.effects WHERE ticket = '" + ticket + "'", db::soon());
    return answer.ok() ? std::string(answer.tables.at(0).first()) : answer.failed.text;
  }
  /// Ends the wait of the application's commit, as another session of its account would.
  void let_go() {
    const auto client = cluster_.client(1);
    std::string id;
    ASSERT_TRUE(db::eventually([&] {
      id =
          ask("SELECT ID FROM information_schema.PROCESSLIST WHERE USER = 'app'"
              " AND INFO = 'COMMIT' AND STATE LIKE '%semi-sync%'");
      return !id.empty();
    }));
    EXPECT_TRUE(client->run("KILL QUERY " + id, db::soon()).ok());
  }

  db::cluster cluster_{2};
  mariadb_options options_;
  std::string told_local_;
  std::unique_ptr<db::session> operator_;
};

TEST_F(OnceMariadbReplica, ACommitIsProvedByItsAcknowledgement) {
  options_.require_replica = true;
  once_mariadb database(options_);
  EXPECT_EQ(add(database, "c-1", 7), 7);
  EXPECT_EQ(add(database, "c-1", 8), 7);
  EXPECT_EQ(add(database, "", 9), 9);
  EXPECT_EQ(database.counts().local, 0u);
  EXPECT_EQ(told_local_, "");
}

TEST_F(OnceMariadbReplica, WithoutAnAcknowledgementTheOutcomeIsUnknown) {
  options_.call_max = 1s;
  options_.lock_wait = 1s;
  once_mariadb database(options_);
  cluster_.freeze(2);
  EXPECT_EQ(code_of([&] { add(database, "c-1", 7); }), code::outcome_unknown);
  EXPECT_NE(code_of([&] { add(database, "c-1", 8); }), 0) << "nobody can know yet";
  cluster_.thaw(2);
  options_.call_max = 20s;
  once_mariadb patient(options_);
  EXPECT_TRUE(db::eventually([&] { return code_of([&] { add(patient, "c-1", 9); }) == 0; }));
  EXPECT_EQ(add(patient, "c-1", 9), 7);
  EXPECT_EQ(count("c-1"), "2");
}

TEST_F(OnceMariadbReplica, AKilledWaitIsNoProof) {
  options_.call_max = 3s;
  once_mariadb database(options_);
  cluster_.freeze(2);
  std::int64_t got = 0;
  std::thread caller([&] { got = add(database, "c-1", 7); });
  let_go();
  caller.join();
  EXPECT_EQ(got, 7) << "it is committed, and the server says so";
  EXPECT_EQ(told_local_, "c-1;");
  EXPECT_EQ(database.counts().local, 1u);
  cluster_.thaw(2);
}

TEST_F(OnceMariadbReplica, AKilledWaitIsRefusedWhereAReplicaMustHaveIt) {
  options_.call_max = 3s;
  options_.require_replica = true;
  once_mariadb database(options_);
  cluster_.freeze(2);
  std::int64_t code = 0;
  std::thread caller([&] { code = code_of([&] { add(database, "c-1", 7); }); });
  let_go();
  caller.join();
  EXPECT_EQ(code, code::outcome_unknown);
  EXPECT_EQ(code_of([&] { add(database, "c-1", 8); }), code::outcome_unknown)
      << "a repeat is no proof, either";
  cluster_.thaw(2);
  EXPECT_TRUE(db::eventually([&] { return code_of([&] { add(database, "c-1", 9); }) == 0; }));
  EXPECT_EQ(add(database, "c-1", 9), 7);
  EXPECT_EQ(count("c-1"), "2");
}

TEST_F(OnceMariadbReplica, NoClockOfTheServersLetsACommitGo) {
  ASSERT_EQ(ask("SET GLOBAL max_statement_time = 0.3"), "");
  options_.call_max = 2s;
  once_mariadb database(options_);
  EXPECT_EQ(database.read([](mariadb_session& in) {
    return in.run("SELECT @@max_statement_time").at(0).at(0);
  }),
            "0.300000");
  cluster_.freeze(2);
  EXPECT_EQ(code_of([&] { add(database, "c-1", 7); }), code::outcome_unknown);
  EXPECT_EQ(told_local_, "");
  cluster_.thaw(2);
}

TEST_F(OnceMariadbReplica, ALaterCommitProvesTheOnesBefore) {
  options_.require_replica = true;
  once_mariadb database(options_);
  cluster_.freeze(2);
  std::int64_t got = 0;
  std::thread caller([&] { got = add(database, "c-1", 7); });
  let_go();
  EXPECT_TRUE(db::eventually([&] {
    return ask("SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE USER = 'app'"
               " AND INFO LIKE 'INSERT INTO understudy_once_beat%'") == "1";
  })) << "it asks again, with a commit of its own";
  cluster_.thaw(2);
  caller.join();
  EXPECT_EQ(got, 7);
  EXPECT_EQ(database.counts().local, 0u);
  EXPECT_EQ(told_local_, "");
}

TEST_F(OnceMariadbReplica, ALoneServerIsLocalFromTheStart) {
  ASSERT_EQ(ask("SET GLOBAL rpl_semi_sync_master_enabled = OFF"), "");
  once_mariadb database(options_);
  EXPECT_EQ(add(database, "c-1", 7), 7);
  EXPECT_EQ(database.counts().local, 1u);
  EXPECT_EQ(told_local_, "") << "it was promised nothing else";
  options_.require_replica = true;
  once_mariadb strict(options_);
  EXPECT_EQ(code_of([&] { add(strict, "c-2", 7); }), code::overloaded);
  EXPECT_EQ(code_of([&] { add(strict, "", 7); }), code::overloaded);
  EXPECT_EQ(count("c-2"), "0") << "nothing was done";
  EXPECT_EQ(code_of([&] { add(strict, "c-1", 7); }), code::outcome_unknown);
}

TEST_F(OnceMariadbReplica, AServerThatOnlyReadsForAWhileIsWaitedFor) {
  once_mariadb database(options_);
  EXPECT_EQ(add(database, "c-1", 7), 7);
  ASSERT_EQ(ask("SET GLOBAL read_only = 1"), "");
  std::int64_t got = 0;
  std::thread caller([&] { got = add(database, "c-2", 8); });
  const std::string lost =
      "SELECT VARIABLE_VALUE FROM information_schema.GLOBAL_STATUS"
      " WHERE VARIABLE_NAME = 'CONNECTIONS'";
  const int before = std::stoi(ask(lost));
  EXPECT_TRUE(db::eventually([&] { return std::stoi(ask(lost)) > before + 3; }));
  ASSERT_EQ(ask("SET GLOBAL read_only = 0"), "");
  caller.join();
  EXPECT_EQ(got, 8);
  EXPECT_EQ(database.counts().repeated, 0u) << "the work never began before";
}

TEST_F(OnceMariadbReplica, ACommitThatMeetsAServerThatOnlyReadsIsRunAgain) {
  once_mariadb database(options_);
  int runs = 0;
  std::thread opens;
  once(attempt_of("c-1"), database, [&](mariadb_session& in) {
    take_effect(in, "c-1");
    const bool first = ++runs == 1;
    EXPECT_EQ(ask(first ? "SET GLOBAL read_only = 1" : "DO 0"), "");
    if (first)
      opens = std::thread([&] {
        std::this_thread::sleep_for(300ms);
        EXPECT_EQ(ask("SET GLOBAL read_only = 0"), "");
      });
  });
  opens.join();
  EXPECT_EQ(runs, 2);
  EXPECT_EQ(count("c-1"), "2");
}

}  // namespace
}  // namespace understudy::test
