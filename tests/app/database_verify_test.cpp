// `understudy db verify`, through a gateway, with real servers.
#include <gtest/gtest.h>

#include "app/commands/command_db_verify.hpp"
#include "app/database/database_reports.hpp"
#include "app/database_support.hpp"

namespace understudy::test {
namespace {

namespace json = boost::json;

struct DatabaseVerify : testing::Test, database_stand {
  std::string verify(int& exit, bool as_json = false) {
    app::db_command asked = command();
    asked.json = as_json;
    return printed(exit, [&] { return app::run_db_verify(asked); });
  }
};

TEST_F(DatabaseVerify, FindsARowThatOnlyOneNodeHas) {
  start(3);
  ASSERT_EQ(fetch(*gateway, "GET", "/databases/main/job").status, 404);
  ASSERT_EQ(fetch(*gateway, "POST", "/databases/main/verify").status, 409);
  int exit = -1;
  (void)verify(exit);
  EXPECT_EQ(exit, 4) << "there is no primary";
  ASSERT_EQ(fetch(*gateway, "POST", "/databases/main/bootstrap").status, 202);
  ASSERT_TRUE(eventually([&] { return whole(2); })) << history();
  as_root(socket_of(1),
          "CREATE DATABASE app; CREATE TABLE app.t (id INT PRIMARY KEY, v INT);"
          "INSERT INTO app.t SELECT seq, seq FROM app.seq_1_to_1000");

  const std::string same = verify(exit);
  EXPECT_EQ(exit, 0) << same;
  EXPECT_NE(same.find("All nodes have the same data.\n"), std::string::npos) << same;
  EXPECT_NE(same.find("node 2, 3"), std::string::npos) << same;
  EXPECT_NE(same.find("Commits were held for "), std::string::npos) << same;
  const json::value job = get("/databases/main/job");
  EXPECT_EQ(job.at("kind").as_string(), "verify");
  EXPECT_TRUE(job.at("ended").as_bool());
  EXPECT_TRUE(job.at("ok").as_bool());
  EXPECT_GE(job.at("rows").to_number<int>(), 1000);

  as_root(socket_of(3), "SET sql_log_bin=0; UPDATE app.t SET v=0 WHERE id=500");
  const std::string found = verify(exit);
  EXPECT_EQ(exit, 1) << found;
  EXPECT_NE(found.find("There are differences.\n"), std::string::npos) << found;
  EXPECT_NE(found.find("node 3: table app.t, key above 499 and up to 500: 1 rows on the primary, 1 "
                       "on the node, and they differ\n"),
            std::string::npos)
      << found;
  EXPECT_EQ(found.find("node 2: table"), std::string::npos) << found;
  const json::value report = json::parse(verify(exit, true));
  EXPECT_EQ(exit, 1);
  EXPECT_FALSE(report.at("equal").as_bool());
  EXPECT_EQ(report.at("differences").as_array().size(), 1U);
  EXPECT_EQ(report.at("differences").at(0).at("node").to_number<int>(), 3);

  EXPECT_EQ(fetch(*gateway, "DELETE", "/databases/main/job").status, 202);
  EXPECT_EQ(fetch(*gateway, "POST", "/databases/main/job").status, 405);
  EXPECT_EQ(fetch(*gateway, "GET", "/databases/other/job").status, 404);
}

TEST(VerifyText, SaysWhatIsWhere) {
  db::verify_report report;
  report.at = *core::parse_gtid("0-1001-7");
  report.attempts = 2;
  report.pause = std::chrono::microseconds(3400);
  report.compared = {core::node_id{2}};
  report.tables = 3;
  report.rows = 70;
  const auto text = [&] {
    std::string out;
    app::append_json(out, report);
    return app::verify_text(json::parse(out));
  };
  EXPECT_EQ(text(),
            "All nodes have the same data.\n"
            "Compared with the primary as of transaction 0-1001-7: node 2; 3 tables, 70 rows.\n"
            "Commits were held for 3.4 ms, in the last of 2 attempts.\n");
  report.gaps.push_back({core::node_id{3}, "", "it is behind"});
  EXPECT_NE(text().find("not compared: node 3: it is behind\n"), std::string::npos) << text();
  EXPECT_EQ(text().find("All nodes"), std::string::npos);
  db::verify_difference gone;
  gone.node = core::node_id{2};
  gone.kind = db::difference_kind::missing;
  gone.object = "view";
  gone.database = "shop";
  gone.name = "v";
  report.differences.push_back(gone);
  EXPECT_NE(text().find("node 2: view shop.v is missing\n"), std::string::npos) << text();
  report.differences.assign(app::differences_told_max + 1, gone);
  EXPECT_NE(text().find("There are more differences"), std::string::npos);
  report = {};
  report.failed = "the primary can not be read";
  EXPECT_EQ(text(), "It was not done: the primary can not be read.\n");
}

}  // namespace
}  // namespace understudy::test
