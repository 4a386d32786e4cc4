// What a deposed primary did alone is kept and taken back.
#include "db/files.hpp"
#include "db/support/diverged.hpp"

namespace understudy::db {
namespace {

using core::step_end;

class Repair : public Diverged {};

bool has(const std::string& text, const char* what) {
  return text.find(what) != std::string::npos;
}

TEST_F(Repair, TransactionsAreKeptAndTakenBack) {
  alone("BEGIN; INSERT INTO app.t VALUES (500),(501); UPDATE app.t SET id=777 WHERE id=5; COMMIT");
  alone("FLUSH BINARY LOGS");
  alone("UPDATE app.t SET id=778 WHERE id=777; DELETE FROM app.t WHERE id IN (7,8,500)");
  const agent_report report = all_.does(1, core::repair{id_of(2)});
  const core::sight seen = two_.see(1);
  EXPECT_EQ(seen.written, common_);
  EXPECT_TRUE(seen.read_only);
  EXPECT_FALSE(seen.replica);
  EXPECT_TRUE(two_.see(2).state.holds(seen.written));

  const std::string kept = read_text(report.kept).value_or("");
  EXPECT_EQ(std::filesystem::path(report.kept).filename().string().substr(0, 2), "1-");
  EXPECT_TRUE(has(kept, "### INSERT INTO `app`.`t`")) << report.kept;
  EXPECT_TRUE(has(kept, "@1=501"));
  EXPECT_TRUE(has(kept, "### DELETE FROM `app`.`t`"));
  EXPECT_TRUE(has(kept, "BINLOG '"));
  EXPECT_FALSE(has(kept, "@1=20 "));  // what both have
  expect_follows();
  EXPECT_EQ(rows_of(two_, 1).count(500), 0u);
  EXPECT_EQ(rows_of(two_, 1).count(5), 1u);
}

TEST_F(Repair, LargeTransactionsInSeveralFiles) {
  alone("INSERT INTO app.t SELECT seq FROM app.seq_1000_to_9000");
  alone("FLUSH BINARY LOGS");
  alone("UPDATE app.t SET id=id+100000 WHERE id<>3");
  alone("FLUSH BINARY LOGS");
  alone(
      "BEGIN; DELETE FROM app.t WHERE id>1500; INSERT INTO app.t SELECT seq FROM "
      "app.seq_1_to_5000 WHERE seq<>3; COMMIT");
  static_cast<void>(all_.does(1, core::repair{id_of(2)}));
  EXPECT_EQ(two_.see(1).written, common_);
  expect_follows();
}

TEST_F(Repair, WithNothingOfItsOwnItKeepsItsPlace) {
  const agent_report report = all_.does(1, core::repair{id_of(2)});
  EXPECT_EQ(report.kept, "");
  EXPECT_EQ(two_.see(1).written, common_);
  expect_follows();
}

TEST_F(Repair, WhereTheOthersLogDoesNotReachBackACopyIsDue) {
  // Once nothing of it is needed for a recovery.
  all_.administrator(2, "FLUSH BINARY LOGS");
  ASSERT_TRUE(eventually([&] {
    all_.administrator(2, "PURGE BINARY LOGS BEFORE NOW() + INTERVAL 1 DAY");
    const bool gone = all_.administrator(2, "SHOW BINARY LOGS") != "bin.000001";
    if (!gone) std::this_thread::sleep_for(100ms);
    return gone;
  }));
  two_.does(1, core::hold{});
  static_cast<void>(two_.carry_out(1, core::follow{id_of(2), true}));
  ASSERT_TRUE(eventually([&] { return two_.see(1).receive_error == 1236; }));
  const agent_report report = all_.carry_out(1, core::repair{id_of(2)});
  EXPECT_EQ(report.end, step_end::failed);
  EXPECT_TRUE(has(report.why, "does not reach back")) << report.why;
  EXPECT_EQ(two_.see(1).written, common_);
}

TEST_F(Repair, AChangeOfTheSchemaIsLeftAsItIs) {
  alone("INSERT INTO app.t VALUES (500)");
  alone("CREATE TABLE app.u (id INT PRIMARY KEY)");
  const core::gtid written = two_.see(1).written;
  const auto rows = rows_of(two_, 1);
  const agent_report report = all_.carry_out(1, core::repair{id_of(2)});
  EXPECT_EQ(report.end, step_end::failed);
  EXPECT_TRUE(has(report.why, "can not be taken back")) << report.why;
  EXPECT_TRUE(has(read_text(report.kept).value_or(""), "CREATE TABLE app.u")) << report.kept;
  expect_untouched(written, rows);
}

TEST_F(Repair, RowsThatCascadeAreLeftAsTheyAre) {
  all_.restarts(1);  // nothing was there to be cut off
  all_.does(1, core::repair{id_of(2)});
  ASSERT_TRUE(two_.client(2)
                  ->run("CREATE TABLE app.p (id INT PRIMARY KEY);"
                        "CREATE TABLE app.c (id INT PRIMARY KEY, p INT, FOREIGN KEY (p) "
                        "REFERENCES app.p (id) ON DELETE CASCADE);"
                        "INSERT INTO app.p VALUES (1); INSERT INTO app.c VALUES (1,1)",
                        soon())
                  .ok());
  expect_follows();
  all_.restarts(1);
  all_.administrator(1, "SET SESSION server_id=3001; DELETE FROM app.p");
  const core::gtid written = two_.see(1).written;
  const agent_report report = all_.carry_out(1, core::repair{id_of(2)});
  EXPECT_EQ(report.end, step_end::failed);
  EXPECT_TRUE(has(report.why, "cascade")) << report.why;
  EXPECT_EQ(two_.see(1).written, written);
  EXPECT_EQ(all_.administrator(1, "SELECT COUNT(*) FROM app.c"), "0");
}

TEST_F(Repair, RowsThatAreNotAsTheyWereLeaveItAsItWas) {
  alone("INSERT INTO app.t VALUES (500)");
  alone("INSERT INTO app.t VALUES (501)");
  // Somebody has removed what is to be taken back, with no trace.
  all_.administrator(1, "SET sql_log_bin=0; DELETE FROM app.t WHERE id=500");
  const core::gtid written = two_.see(1).written;
  const auto rows = rows_of(two_, 1);
  const agent_report report = all_.carry_out(1, core::repair{id_of(2)});
  EXPECT_EQ(report.end, step_end::failed);
  EXPECT_FALSE(report.why.empty());
  expect_untouched(written, rows);
}

TEST_F(Repair, TheAgentAndTheServerEndInTheMiddle) {
  alone("INSERT INTO app.t VALUES (500)");
  alone("DELETE FROM app.t WHERE id=3");
  for (const char* const place : {"keep", "flashback", "reset"}) {
    all_.watch = [&](std::string_view phase) {
      if (phase == place) throw agent_died();
    };
    EXPECT_THROW(static_cast<void>(all_.carry_out(1, core::repair{id_of(2)})), agent_died);
    all_.restart(1);
  }
  all_.watch = nullptr;
  // All was taken back, and its log does not know it. The next start puts that right.
  EXPECT_EQ(two_.see(1).written.seq, common_.seq + 2);
  EXPECT_EQ(rows_of(two_, 1).count(500), 0u);
  all_.restarts(1);
  EXPECT_EQ(two_.see(1).written, common_);
  expect_follows();
}

TEST_F(Repair, TheServerLosesItsLogInTheMiddle) {
  alone("INSERT INTO app.t VALUES (500)");
  all_.watch = [&](std::string_view phase) {
    if (phase == "reset") throw agent_died();
  };
  EXPECT_THROW(static_cast<void>(all_.carry_out(1, core::repair{id_of(2)})), agent_died);
  all_.restart(1);
  all_.watch = nullptr;
  // As if it had been killed before it was told its place.
  all_.administrator(1, "RESET MASTER");
  all_.restarts(1);
  EXPECT_EQ(two_.see(1).written, common_);
  expect_follows();
}

}  // namespace
}  // namespace understudy::db
