// Nodes that have the same data, and nodes that have not.
#include "db/verify.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "db/definitions.hpp"
#include "db/settings.hpp"
#include "db/support/cluster.hpp"
#include "db/support/load.hpp"

namespace understudy::db {
namespace {

constexpr const char* every_type =
    "CREATE TABLE app.w (a VARCHAR(20) CHARACTER SET latin1, n INT, f FLOAT, d DOUBLE, b BIT(9), "
    "e ENUM('x','y'), s SET('p','q'), j JSON, g GEOMETRY, dt DATETIME(6), ts TIMESTAMP(3) NULL, "
    "l LONGBLOB, t TEXT, y YEAR, u UUID, i INET6, m DECIMAL(20,5), ti TIME(2), v INT AS (n+1), "
    "p INT AS (n+2) STORED, h INT INVISIBLE, PRIMARY KEY (a, n)) DEFAULT CHARSET utf8mb4";

class Verify : public ::testing::Test {
 protected:
  cluster three_{3};

  void SetUp() override { three_.replicate(); }

  /// By the server's own administrator, on any node.
  void as_root(unsigned node, const std::string& sql) {
    session on;
    ASSERT_FALSE(on.connect({socket_file(three_.options(node).settings.folder).string(), 0},
                            {"root", ""}, soon()));
    const reply done = on.run(sql, soon(60s));
    ASSERT_TRUE(done.ok()) << done.failed.text << ": " << sql;
  }
  /// The same, not replicated.
  void alone(unsigned node, const std::string& sql) { as_root(node, "SET sql_log_bin=0;" + sql); }
  void write(const std::string& sql) { as_root(1, "USE app;" + sql); }
  [[nodiscard]] verify_task task() {
    verify_task out;
    out.all = three_.all();
    out.primary = id_of(1);
    out.replicas = {id_of(2), id_of(3)};
    // A loaded machine takes longer; what is measured is told, not tested.
    out.pause_max = 10s;
    out.deadline = soon(120s);
    return out;
  }
  static void expect_equal(const verify_report& report) {
    EXPECT_EQ(report.failed, "");
    for (const auto& each : report.differences) {
      ADD_FAILURE() << each.object << " " << each.database << "." << each.name << " (" << each.from
                    << ".." << each.to << ")";
    }
    for (const auto& each : report.gaps) ADD_FAILURE() << each.table << ": " << each.why;
    EXPECT_TRUE(report.equal());
  }
  [[nodiscard]] static std::vector<verify_difference> of(const verify_report& report,
                                                         std::string_view table) {
    std::vector<verify_difference> out;
    for (const auto& each : report.differences) {
      if (each.name == table) out.push_back(each);
    }
    return out;
  }
};

TEST_F(Verify, TheSameUnderWritersIsTheSame) {
  write(
      "CREATE TABLE app.k (id INT PRIMARY KEY, n BIGINT) SELECT seq AS id, 0 AS n FROM "
      "seq_1_to_200");
  std::vector<std::unique_ptr<load>> writers;
  for (int i = 0; i < 3; ++i) {
    writers.push_back(std::make_unique<load>(three_, 1, 1 + i * 10'000'000));
  }
  std::atomic<bool> over = false;
  std::jthread changes([&] {
    const auto client = three_.client(1);
    while (!over) {
      if (!client->run("UPDATE app.k SET n=n+1 WHERE id=1+FLOOR(RAND()*200)", soon()).ok()) break;
    }
  });
  core::gtid last;
  core::duration longest{};
  for (int round = 0; round < 5; ++round) {
    const std::size_t before = writers[0]->count();
    ASSERT_TRUE(eventually([&] { return writers[0]->count() > before + 50; }));
    const verify_report report = verify(task());
    expect_equal(report);
    EXPECT_EQ(report.compared.size(), 2u);
    EXPECT_GT(report.at.seq, last.seq);
    EXPECT_GE(report.tables, 3u);  // and the journal
    EXPECT_GT(report.rows, 200u);
    last = report.at;
    longest = std::max(longest, report.pause);
  }
  over = true;
  changes.join();
  for (const auto& each : writers) {
    EXPECT_FALSE(each->ended());
    each->stop();
  }
  RecordProperty(
      "longest_pause_us",
      static_cast<int>(std::chrono::duration_cast<std::chrono::microseconds>(longest).count()));
}

TEST_F(Verify, OneRowInManyIsFound) {
  write(
      "CREATE TABLE app.big (id BIGINT PRIMARY KEY, text VARCHAR(40)) "
      "SELECT seq AS id, CONCAT('row ', seq) AS text FROM seq_1_to_100000");
  verify_report report = verify(task());
  expect_equal(report);
  EXPECT_GE(report.rows, 100'000u);
  alone(2, "UPDATE app.big SET text='other' WHERE id=54321");
  alone(3, "DELETE FROM app.big WHERE id=99999; INSERT INTO app.big VALUES (100005,'more')");
  report = verify(task());
  EXPECT_EQ(report.failed, "");
  EXPECT_FALSE(report.equal());
  ASSERT_EQ(report.differences.size(), 3u);
  for (const auto& each : report.differences) {
    EXPECT_EQ(each.kind, difference_kind::rows);
    EXPECT_EQ(each.database + "." + each.name, "app.big");
    EXPECT_TRUE(each.exact);
  }
  const verify_difference& changed = report.differences[0];
  EXPECT_EQ(changed.node, id_of(2));
  EXPECT_EQ(changed.from, "54320");
  EXPECT_EQ(changed.to, "54321");
  EXPECT_EQ(changed.rows_primary, 1u);
  EXPECT_EQ(changed.rows_node, 1u);
  const verify_difference& gone = report.differences[1];
  EXPECT_EQ(gone.node, id_of(3));
  EXPECT_EQ(gone.to, "99999");
  EXPECT_EQ(gone.rows_node, 0u);
  const verify_difference& more = report.differences[2];
  EXPECT_EQ(more.from, "100000");
  EXPECT_EQ(more.to, "");
  EXPECT_EQ(more.rows_primary, 0u);
  EXPECT_EQ(more.rows_node, 1u);
}

TEST_F(Verify, EveryKindOfValueCounts) {
  write(every_type);
  write(
      "INSERT INTO app.w (a,n,f,d,b,e,s,j,g,dt,ts,l,t,y,u,i,m,ti,h) VALUES "
      "('\xC3\xA4',1,1.5,0.1,5,'x','p,q','{\"a\":1}',POINT(1,2),'2024-01-02 03:04:05.678901',"
      "'2024-01-02 03:04:05.678',X'00FF','text',2024,"
      "'123e4567-e89b-12d3-a456-426655440000','::1',1.5,'01:02:03.45',7),"
      "('a''b\\\\',2,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,"
      "NULL,NULL)");
  verify_task each_row = task();
  each_row.chunk_rows = 1;
  expect_equal(verify(each_row));
  for (const char* const change :
       {"f=1.5000001", "d=0.10000000000000002", "b=6", "e='y'", "s='p'", "j='{\"a\": 1}'",
        "g=POINT(1,3)", "dt='2024-01-02 03:04:05.678902'", "ts='2024-01-02 03:04:05.679'",
        "l=X'00FE'", "t='Text'", "t=NULL", "y=2025", "u='123e4567-e89b-12d3-a456-426655440001'",
        "i='::2'", "m=1.50001", "ti='01:02:03.46'", "h=8"}) {
    alone(2, std::string("UPDATE app.w SET ") + change + " WHERE n=1");
    const verify_report report = verify(each_row);
    ASSERT_EQ(report.differences.size(), 1u) << change << report.failed;
    EXPECT_EQ(report.differences[0].node, id_of(2));
    EXPECT_NE(report.differences[0].to.find("1"), std::string::npos) << change;
    alone(2,
          "REPLACE INTO app.w (a,n,f,d,b,e,s,j,g,dt,ts,l,t,y,u,i,m,ti,h) VALUES "
          "('\xC3\xA4',1,1.5,0.1,5,'x','p,q','{\"a\":1}',POINT(1,2),"
          "'2024-01-02 03:04:05.678901','2024-01-02 03:04:05.678',X'00FF','text',2024,"
          "'123e4567-e89b-12d3-a456-426655440000','::1',1.5,'01:02:03.45',7)");
  }
  alone(2, "UPDATE app.w SET t='' WHERE n=2");
  ASSERT_EQ(verify(each_row).differences.size(), 1u);
}

TEST_F(Verify, ChunksOfEveryKindOfKeyAreTheWholeTable) {
  const std::vector<std::pair<const char*, const char*>> keys{
      {"BIGINT UNSIGNED", "seq*1000000000000000000"},
      {"INT", "CAST(seq AS SIGNED)-7"},
      {"DECIMAL(20,5)", "seq/7"},
      {"VARCHAR(20) COLLATE utf8mb4_general_ci", "CONCAT('\xC3\xA4','''\\\\',seq)"},
      {"CHAR(9) CHARACTER SET latin1", "CONCAT('\xC3\xA4 ',seq)"},
      {"VARBINARY(9)", "UNHEX(CONCAT('00FF27',LPAD(HEX(seq),2,'0')))"},
      {"DATE", "DATE '2024-02-27' + INTERVAL seq DAY"},
      {"DATETIME(6)", "TIMESTAMP '2024-02-27 01:02:03.000007' + INTERVAL seq MICROSECOND"},
      {"TIMESTAMP(3)", "TIMESTAMP '2024-10-27 00:30:00.001' + INTERVAL seq*10 MINUTE"},
      {"TIME(2)", "SEC_TO_TIME(seq*3000)"},
      {"YEAR", "2000+seq"},
      {"UUID", "CONCAT('123e4567-e89b-12d3-a456-4266554400',LPAD(seq,2,'0'))"},
      {"INET6", "CONCAT('::',seq)"},
      {"ENUM('c','b','a','d','e','f','g','h','i','j','k','l','m')", "seq"},
      {"DOUBLE", "seq/3"}};
  constexpr unsigned rows = 9;
  for (const auto& [type, value] : keys) {
    write("DROP TABLE IF EXISTS w; CREATE TABLE w (k " + std::string(type) +
          ", n INT, PRIMARY KEY (k, n)); INSERT INTO w SELECT " + value + ", 1 FROM seq_1_to_" +
          std::to_string(rows) + "; INSERT INTO w SELECT k, 2 FROM w");
    for (const unsigned size : {1U, 5U, 18U}) {
      verify_task some = task();
      some.chunk_rows = size;
      const verify_report report = verify(some);
      expect_equal(report);
      EXPECT_EQ(report.rows, 2 * rows + 1) << type << " by " << size;  // and the journal's
    }
  }
}

TEST_F(Verify, ChangesOfTablesGoOnMeanwhile) {
  write("CREATE TABLE app.big (id BIGINT PRIMARY KEY) SELECT seq AS id FROM seq_1_to_3000");
  unsigned changes = 0;
  verify_task slow = task();
  slow.chunk_rows = 10;
  slow.progress = [&](const verify_progress& now) {
    // What a snapshot can be read after, and what it can not be read after.
    const char* sql = nullptr;
    if (changes == 0 && now.rows > 1000) sql = "ALTER TABLE app.big ADD x INT";
    if (changes == 1 && now.rows > 2000) sql = "ALTER TABLE app.big FORCE, ALGORITHM=COPY";
    if (sql == nullptr) return;
    ++changes;
    write(std::string("SET lock_wait_timeout=10; ") + sql);
    const core::gtid written = three_.see(1).written;
    for (const unsigned n : {2U, 3U}) {
      EXPECT_TRUE(eventually([&] { return three_.see(n).state.holds(written); })) << sql;
    }
  };
  const verify_report report = verify(slow);
  EXPECT_EQ(changes, 2u);
  EXPECT_EQ(report.failed, "");
  EXPECT_TRUE(report.differences.empty());
  ASSERT_EQ(report.gaps.size(), 1u);
  EXPECT_EQ(report.gaps[0].table, "app.big");
  EXPECT_NE(report.gaps[0].why.find("definition has changed"), std::string::npos)
      << report.gaps[0].why;
}

TEST_F(Verify, ChangesThatAnXorWouldHideAreFound) {
  write("CREATE TABLE app.p (a INT, b INT)");
  write("INSERT INTO app.p VALUES (1,1),(1,1),(2,3)");
  expect_equal(verify(task()));
  alone(3, "UPDATE app.p SET a=5, b=5 WHERE a=1");
  const verify_report report = verify(task());
  ASSERT_EQ(report.differences.size(), 1u);  // of a table without a key: as a whole
  EXPECT_EQ(report.differences[0].rows_primary, 3u);
  EXPECT_EQ(report.differences[0].from + report.differences[0].to, "");
}

TEST_F(Verify, DefinitionsAreCompared) {
  write(
      "CREATE TABLE app.d (id INT AUTO_INCREMENT PRIMARY KEY, a INT);"
      "CREATE TABLE app.gone (id INT PRIMARY KEY);"
      "CREATE SEQUENCE app.numbers;"
      "CREATE VIEW app.v AS SELECT a FROM app.d;"
      "CREATE PROCEDURE app.f() SELECT 1;"
      "CREATE TRIGGER app.tr BEFORE INSERT ON app.d FOR EACH ROW SET NEW.a=1;"
      "CREATE EVENT app.ev ON SCHEDULE EVERY 1 DAY DO SELECT 1;"
      "INSERT INTO app.d (a) VALUES (1); DO NEXTVAL(app.numbers)");
  // What differs by design does not count.
  alone(2, "ALTER TABLE app.d AUTO_INCREMENT=500");
  expect_equal(verify(task()));
  alone(2,
        "ALTER TABLE app.d ADD KEY (a); DROP TABLE app.gone; ALTER VIEW app.v AS SELECT id FROM "
        "app.d; DROP PROCEDURE app.f; CREATE PROCEDURE app.f() SELECT 2; DROP TRIGGER app.tr; "
        "DROP EVENT app.ev; CREATE DATABASE other; DROP SEQUENCE app.numbers");
  const verify_report report = verify(task());
  const auto has = [&](std::string_view object, std::string_view name, difference_kind kind) {
    return std::count_if(
        report.differences.begin(), report.differences.end(), [&](const verify_difference& each) {
          return each.object == object && each.kind == kind &&
                 (each.name == name || each.database == name) && each.node == id_of(2);
        });
  };
  EXPECT_EQ(report.failed, "");
  EXPECT_EQ(has("table", "d", difference_kind::definition), 1);
  EXPECT_EQ(has("table", "gone", difference_kind::missing), 1);
  EXPECT_EQ(has("view", "v", difference_kind::definition), 1);
  EXPECT_EQ(has("procedure", "f", difference_kind::definition), 1);
  EXPECT_EQ(has("trigger", "tr", difference_kind::missing), 1);
  EXPECT_EQ(has("event", "ev", difference_kind::missing), 1);
  EXPECT_EQ(has("sequence", "numbers", difference_kind::missing), 1);
  EXPECT_EQ(has("database", "other", difference_kind::extra), 1);
  EXPECT_EQ(report.differences.size(), 8u);
}

TEST_F(Verify, TablesWithoutSnapshotsAreMarked) {
  for (const unsigned n : {1U, 2U, 3U}) {
    alone(n,
          "SET enforce_storage_engine=NULL; CREATE TABLE app.m (id INT PRIMARY KEY) ENGINE=MyISAM; "
          "INSERT INTO app.m VALUES (1)");
  }
  verify_report report = verify(task());
  expect_equal(report);
  EXPECT_EQ(report.inexact, std::vector<std::string>{"app.m"});
  alone(2, "DELETE FROM app.m");
  report = verify(task());
  ASSERT_EQ(report.differences.size(), 1u);
  EXPECT_FALSE(report.differences[0].exact);
}

TEST_F(Verify, AReplicaThatDoesNotApplyIsNamed) {
  write("INSERT INTO app.t VALUES (1)");
  alone(2, "STOP SLAVE SQL_THREAD");
  verify_report report = verify(task());
  EXPECT_EQ(report.failed, "");
  EXPECT_EQ(report.compared, std::vector<core::node_id>{id_of(3)});
  ASSERT_EQ(report.gaps.size(), 1u);
  EXPECT_EQ(report.gaps[0].node, id_of(2));
  EXPECT_NE(report.gaps[0].why.find("SQL thread"), std::string::npos);
  EXPECT_FALSE(report.equal());
  alone(2, "START SLAVE SQL_THREAD");
  // One that falls behind while it is waited for: it runs, and waits for a lock.
  session locks;
  ASSERT_FALSE(locks.connect({socket_file(three_.options(2).settings.folder).string(), 0},
                             {"root", ""}, soon()));
  ASSERT_TRUE(eventually([&] { return three_.see(2).state.holds(three_.see(1).written); }));
  ASSERT_TRUE(locks.run("LOCK TABLES app.t WRITE", soon()).ok());
  write("INSERT INTO app.t VALUES (2)");
  verify_task hasty = task();
  hasty.patience = 1s;
  report = verify(hasty);
  EXPECT_EQ(report.compared, std::vector<core::node_id>{id_of(3)});
  ASSERT_EQ(report.gaps.size(), 1u);
  EXPECT_NE(report.gaps[0].why.find("behind"), std::string::npos) << report.gaps[0].why;
}

TEST_F(Verify, AFrozenReplicaIsNamedAndAFrozenPrimaryEndsIt) {
  three_.freeze(3);
  verify_report report = verify(task());
  EXPECT_EQ(report.compared, std::vector<core::node_id>{id_of(2)});
  ASSERT_EQ(report.gaps.size(), 1u);
  EXPECT_EQ(report.gaps[0].node, id_of(3));
  three_.freeze(1);
  report = verify(task());
  EXPECT_NE(report.failed.find("the primary"), std::string::npos) << report.failed;
  three_.thaw(1);
  three_.thaw(3);
}

TEST_F(Verify, CommitsThatNobodyAcknowledgesAreNotWaitedFor) {
  for (const unsigned n : {2U, 3U}) three_.does(n, core::follow{id_of(1), false});
  ASSERT_TRUE(eventually([&] { return three_.see(1).ackers == 0; }));
  load waits(three_, 1, 1);
  ASSERT_TRUE(eventually([&] {
    session on;
    if (on.connect(three_.all().nodes[0].at, test_supervisor(), soon())) return false;
    const reply now = on.run("SHOW STATUS LIKE 'Rpl_semi_sync_master_wait_sessions'", soon());
    return now.ok() && now.tables.at(0).first(0, 1) == "1";
  }));
  verify_task hasty = task();
  hasty.pause_max = 1s;
  const verify_report report = verify(hasty);
  EXPECT_NE(report.failed.find("commits on the primary do not end"), std::string::npos)
      << report.failed;
  EXPECT_EQ(report.attempts, 3u);
  for (const unsigned n : {2U, 3U}) three_.joins(n, 1);
  // What they have received without acknowledging it is acknowledged with the next.
  load next(three_, 1, 1'000'000);
  EXPECT_TRUE(eventually([&] { return waits.count() > 20; }));
}

TEST_F(Verify, WithoutPrivilegesOrAPrimaryItSaysSo) {
  alone(2, "REVOKE SELECT ON *.* FROM understudy@'%'");
  verify_report report = verify(task());
  ASSERT_EQ(report.gaps.size(), 1u);
  EXPECT_NE(report.gaps[0].why.find("GRANT SELECT ON *.* TO 'understudy'@'%'"), std::string::npos)
      << report.gaps[0].why;
  verify_task other = task();
  other.primary = id_of(3);
  other.replicas = {id_of(1)};
  report = verify(other);
  EXPECT_NE(report.failed.find("it is a replica"), std::string::npos) << report.failed;
}

TEST_F(Verify, ItCanBeStopped) {
  write("CREATE TABLE app.big (id BIGINT PRIMARY KEY) SELECT seq AS id FROM seq_1_to_20000");
  interrupt stop;
  verify_task stopped_one = task();
  stopped_one.stop = &stop;
  stopped_one.chunk_rows = 10;
  stopped_one.progress = [&](const verify_progress& now) {
    if (now.rows > 100) stop.stop();
  };
  const verify_report report = verify(stopped_one);
  EXPECT_TRUE(report.stopped);
  EXPECT_FALSE(report.equal());
  EXPECT_GT(report.rows, 100u);
  EXPECT_LT(report.rows, 20'000u);
}

TEST(Definitions, TheNextNumberIsNoPartOfThem) {
  EXPECT_EQ(without_next_number("CREATE TABLE `a` (\n  `b` int COMMENT ' AUTO_INCREMENT=3'\n) "
                                "ENGINE=InnoDB AUTO_INCREMENT=17 DEFAULT"),
            "CREATE TABLE `a` (\n  `b` int COMMENT ' AUTO_INCREMENT=3'\n) ENGINE=InnoDB DEFAULT");
  EXPECT_EQ(without_next_number("CREATE TABLE x"), "CREATE TABLE x");
}

}  // namespace
}  // namespace understudy::db
