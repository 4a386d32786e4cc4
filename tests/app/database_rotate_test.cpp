// `understudy db rotate-password`, through a gateway, with real servers and agents.
#include <gtest/gtest.h>

#include "app/commands/command_db_rotate.hpp"
#include "app/database_support.hpp"

namespace understudy::test {
namespace {

struct DatabaseRotate : testing::Test, database_stand {
  static constexpr const char* old_secret = "a-secret-of-thirty-two-characters";
  static constexpr const char* new_secret = "quite-another-secret-for-the-cluster";

  [[nodiscard]] static core::time_point soon() {
    return std::chrono::steady_clock::now() + std::chrono::seconds(20);
  }
  std::string rotate(int& exit, const std::string& file) {
    app::db_command asked = command();
    asked.file = file;
    asked.finish = file.empty();
    return printed(exit, [&] { return app::run_db_rotate(asked); });
  }
  [[nodiscard]] unsigned login_as(unsigned node, const std::string& password) const {
    const std::string& address = config.databases[0].nodes.at(node - 1).address;
    db::session on;
    return on.connect({"127.0.0.1", port_of(address)}, {"understudy", password}, soon()).code;
  }
};

TEST_F(DatabaseRotate, NothingIsCutAndTheOldSecretIsOfNoUseAfterwards) {
  start(3);
  ASSERT_EQ(fetch(*gateway, "POST", "/databases/main/bootstrap").status, 202);
  ASSERT_TRUE(eventually([&] { return settled(2); })) << history();
  as_root(socket_of(1),
          "CREATE DATABASE app; CREATE TABLE app.t (id INT PRIMARY KEY);"
          "CREATE USER app@'%' IDENTIFIED BY 'app'; GRANT ALL ON app.* TO app@'%'");
  db::session application;
  const std::string write = gateway->database_address("main", "write");
  ASSERT_FALSE(application.connect({"127.0.0.1", port_of(write)}, {"app", "app"}, soon()));
  std::vector<agent::node_options> with_old;
  for (unsigned id = 1; id <= 3; ++id) with_old.push_back(options_of(id));

  int exit = -1;
  (void)rotate(exit, (folder / "nothing").string());
  EXPECT_EQ(exit, 4);
  write_secret("next", new_secret);
  std::string begun;
  (void)eventually([&] {  // a replica that connects anew at that moment is in the way
    begun = rotate(exit, (folder / "next").string());
    return exit == 0;
  });
  ASSERT_EQ(exit, 0) << begun << history();
  EXPECT_NE(begun.find("rotate-password --finish"), std::string::npos);
  for (unsigned id = 1; id <= 3; ++id) {
    EXPECT_EQ(login_as(id, old_secret), 0U) << id;
    EXPECT_EQ(login_as(id, new_secret), 0U) << id;
  }
  (void)rotate(exit, "");
  EXPECT_EQ(exit, 4) << "the file has the old one";
  write_secret("secret", new_secret);
  (void)rotate(exit, "");
  EXPECT_EQ(exit, 4) << "this gateway has the old one";

  EXPECT_TRUE(gateway->reload(config).empty());
  const std::string late = rotate(exit, "");
  EXPECT_EQ(exit, 1) << "agents have the old one";
  EXPECT_NE(late.find("node 2: its agent: "), std::string::npos) << late;
  EXPECT_EQ(login_as(1, old_secret), 0U);
  for (unsigned id = 1; id <= 3; ++id) {
    const auto next = app::with_secret(with_old[id - 1], app::make_cluster_secret(new_secret));
    ASSERT_TRUE(next);
    agents[id - 1]->stop();
    agents[id - 1] = std::make_unique<agent::node_agent>(*next);
    agents[id - 1]->start();
  }
  std::string done;
  (void)eventually([&] {
    done = rotate(exit, "");
    return exit == 0;
  });
  ASSERT_EQ(exit, 0) << done << history();
  constexpr unsigned access_denied = 1045;
  for (unsigned id = 1; id <= 3; ++id) {
    EXPECT_EQ(login_as(id, old_secret), access_denied) << id;
    EXPECT_EQ(login_as(id, new_secret), 0U) << id;
  }
  const db::reply wrote = application.run("INSERT INTO app.t VALUES (1)", soon());
  EXPECT_TRUE(wrote.ok()) << wrote.failed.text;

  // All that it takes to replace a primary and to take it back works with the new one.
  EXPECT_TRUE(eventually([&] { return settled(2); })) << history();
  db::server_process(options_of(1).work.server).kill();
  EXPECT_TRUE(eventually([&] {
    return get("/databases/main").at("primary").to_number<int>() != 1 && settled(2);
  })) << history();
}

}  // namespace
}  // namespace understudy::test
