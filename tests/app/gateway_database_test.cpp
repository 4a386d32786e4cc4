// A gateway that supervises a database: over HTTP, through its endpoints, and with real servers.
#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <filesystem>
#include <fstream>
#include <memory>
#include <thread>

#include "app/commands/command_node.hpp"
#include "app/gateway_support.hpp"
#include "db/server_process.hpp"
#include "support/free_port.hpp"

namespace understudy::test {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;
using namespace std::chrono_literals;

struct GatewayDatabase : testing::Test {
  fs::path folder;
  app::gateway_config config = free_ports();
  std::unique_ptr<app::gateway> gateway;
  std::vector<std::unique_ptr<agent::node_agent>> agents;

  GatewayDatabase() {
    std::string name = (fs::temp_directory_path() / "understudy-gdb-XXXXXX").string();
    folder = ::mkdtemp(name.data());
    std::ofstream(folder / "secret") << "a-secret-of-thirty-two-characters";
    fs::permissions(folder / "secret", fs::perms::owner_read);
    config.coordination.folder = (folder / "coordination").string();
    app::database_config database;
    database.name = "main";
    database.password_file = (folder / "secret").string();
    database.write = database.read = "127.0.0.1:0";
    database.hold_down = 0ms;
    config.databases.push_back(database);
  }
  ~GatewayDatabase() override {
    gateway.reset();
    agents.clear();
    // Whoever has started them.
    for (const auto& each : config.databases[0].nodes) {
      if (each.agent.empty()) continue;
      db::server_process(options_of(core::number_of(each.id)).work.server).kill();
    }
    std::error_code ignored;
    fs::remove_all(folder, ignored);
  }

  agent::node_options options_of(unsigned id) {
    app::gateway_config mine = config;
    mine.node.folder = (folder / std::to_string(id)).string();
    mine.node.user = "root";
    mine.node.settings = {"innodb_log_file_size = 8M", "innodb_buffer_pool_size = 16M"};
    app::node_command command;
    command.id = id;
    return app::node_options_of(mine, command);
  }
  void add_nodes(unsigned count, bool with_agents) {
    for (unsigned id = 1; id <= count; ++id) {
      app::database_node_config node;
      node.id = core::node_id{static_cast<std::uint16_t>(id)};
      node.address = "127.0.0.1:" + std::to_string(free_port());
      if (with_agents) node.agent = "127.0.0.1:" + std::to_string(free_port());
      config.databases[0].nodes.push_back(node);
    }
    for (unsigned id = 1; with_agents && id <= count; ++id) {
      agent::node_options options = options_of(id);
      fs::create_directories(options.work.server.settings.folder);
      options.log = nullptr;
      agents.push_back(std::make_unique<agent::node_agent>(std::move(options)));
      agents.back()->start();
    }
  }
  void start() {
    gateway = std::make_unique<app::gateway>(config);
    gateway->start();
  }
  json::value status() {
    const auto response = fetch(*gateway, "GET", "/databases/main");
    EXPECT_EQ(response.status, 200) << response.body;
    return json::parse(response.body);
  }
  std::string text(const json::value& of, const char* name) {
    const auto* const found = of.as_object().if_contains(name);
    return found != nullptr && found->is_string() ? std::string(found->get_string()) : "";
  }
  template <typename Condition>
  bool eventually(Condition so) {
    const auto until = std::chrono::steady_clock::now() + 90s;
    while (!so()) {
      if (std::chrono::steady_clock::now() > until) return false;
      std::this_thread::sleep_for(20ms);
    }
    return true;
  }
  bool whole(std::size_t members) {
    const json::value now = status();
    return text(now, "phase") == "stable" && now.at("sync").as_array().size() == members;
  }
  // As an application would.
  db::reply run(const std::string& endpoint, const std::string& sql) {
    const std::string at = gateway->database_address("main", endpoint);
    db::session session;
    const auto deadline = std::chrono::steady_clock::now() + 20s;
    db::reply out;
    out.failed = session.connect({"127.0.0.1", port_of(at)}, {"app", "app"}, deadline);
    return out.failed ? out : session.run(sql, deadline);
  }
  std::string history() {
    std::string out;
    for (const auto& e : gateway->events().since(0)) out += app::to_json(e) + "\n";
    return out;
  }
};

TEST_F(GatewayDatabase, TellsOfNodesThatDoNotAnswer) {
  add_nodes(2, false);
  start();
  const json::value now = status();
  EXPECT_EQ(text(now, "phase"), "unknown");
  ASSERT_EQ(now.at("nodes").as_array().size(), 2U);
  EXPECT_EQ(text(now.at("nodes").at(0), "state"), "silent");
  EXPECT_EQ(text(now.at("nodes").at(0), "agent"), "");
  EXPECT_EQ(now.at("endpoints").as_array().size(), 2U);
  EXPECT_EQ(fetch(*gateway, "GET", "/databases/other").status, 404);
  EXPECT_EQ(json::parse(fetch(*gateway, "GET", "/databases").body).as_array().size(), 1U);
}

TEST_F(GatewayDatabase, RefusesOrdersWithASentence) {
  add_nodes(2, false);
  start();
  const auto order = [this](const char* name, const char* body) {
    const auto answer = fetch(*gateway, "POST", std::string("/databases/main/") + name, body);
    return std::to_string(answer.status) + " " + answer.body;
  };
  EXPECT_EQ(order("switchover", "").substr(0, 3), "409");
  EXPECT_NE(order("switchover", "").find("There is no cluster yet"), std::string::npos);
  EXPECT_EQ(order("switchover", "{\"to\":0}").substr(0, 3), "400");
  EXPECT_EQ(order("switchover", "{\"onto\":1}").substr(0, 3), "400");
  EXPECT_EQ(order("maintenance", "{}").substr(0, 3), "400");
  EXPECT_EQ(order("clone", "").substr(0, 3), "400");
  EXPECT_EQ(order("dance", "").substr(0, 3), "404");
  EXPECT_EQ(fetch(*gateway, "POST", "/databases/other/takeover").status, 404);
  EXPECT_EQ(fetch(*gateway, "GET", "/databases/main/takeover").status, 405);
}

TEST_F(GatewayDatabase, WithoutOneThereIsNothingToAsk) {
  config.databases.clear();
  config.pools.push_back(quick_pool());
  start();
  EXPECT_EQ(fetch(*gateway, "GET", "/databases").status, 403);
  config.databases.emplace_back();  // for the end
}

TEST_F(GatewayDatabase, AReloadMakesItAnewWhereItDiffers) {
  add_nodes(2, false);
  start();
  const std::string before = gateway->database_address("main", "write");
  EXPECT_TRUE(gateway->reload(config).empty());
  EXPECT_EQ(gateway->database_address("main", "write"), before);
  config.databases[0].read = "";
  EXPECT_TRUE(gateway->reload(config).empty());
  EXPECT_EQ(gateway->database_address("main", "read"), "");
  EXPECT_EQ(status().at("endpoints").as_array().size(), 1U);
  config.coordination.folder += "2";
  EXPECT_FALSE(gateway->reload(config).empty());
}

TEST_F(GatewayDatabase, AReloadThatCanNotBeDoneChangesNothing) {
  config.databases[0].write = "127.0.0.1:" + std::to_string(free_port());
  add_nodes(2, false);
  start();
  app::gateway_config worse = config;
  worse.databases[0].password_file += ".gone";
  worse.databases[0].read = "";
  EXPECT_FALSE(gateway->reload(worse).empty());
  EXPECT_EQ(gateway->database_address("main", "write"), config.databases[0].write);
  EXPECT_NE(gateway->database_address("main", "read"), "");
  EXPECT_EQ(status().at("endpoints").as_array().size(), 2U);
}

TEST_F(GatewayDatabase, ASecretThatCanNotBeReadEndsTheStart) {
  add_nodes(2, false);
  fs::remove(folder / "secret");
  EXPECT_THROW(start(), std::runtime_error);
}

TEST_F(GatewayDatabase, ServesThroughATakeover) {
  add_nodes(3, true);
  start();
  ASSERT_EQ(fetch(*gateway, "POST", "/databases/main/bootstrap").status, 202);
  ASSERT_TRUE(eventually([&] { return whole(2); })) << history();
  {
    db::session root;
    const auto deadline = std::chrono::steady_clock::now() + 20s;
    ASSERT_FALSE(
        root.connect({(folder / "1" / "mariadbd.sock").string(), 0}, {"root", ""}, deadline));
    const auto made = root.run(
        "CREATE DATABASE app; CREATE TABLE app.t (id INT PRIMARY KEY);"
        "CREATE USER app@'%' IDENTIFIED BY 'app'; GRANT ALL ON app.* TO app@'%'",
        deadline);
    ASSERT_TRUE(made.ok()) << made.failed.text;
  }
  ASSERT_TRUE(run("write", "INSERT INTO app.t VALUES (1)").ok());
  // What a replica has received it may have to apply yet: the account, too.
  EXPECT_TRUE(eventually([&] {
    const auto read = run("read", "SELECT @@read_only");
    return read.ok() && read.tables.at(0).first(0) == "1";
  }));

  db::server_process(options_of(1).work.server).kill();
  // It waits for the next primary.
  const auto second = run("write", "INSERT INTO app.t VALUES (2)");
  EXPECT_TRUE(second.ok()) << second.failed.text << history();
  EXPECT_NE(status().at("primary").to_number<int>(), 1);
  EXPECT_TRUE(eventually([&] { return whole(2); })) << "it comes back by itself\n" << history();
  EXPECT_TRUE(eventually([&] {
    const auto rows = run("read", "SELECT COUNT(*) FROM app.t");
    return rows.ok() && rows.tables.at(0).first(0) == "2";
  }));
  EXPECT_TRUE(has_event(*gateway, "takeover"));
}

}  // namespace
}  // namespace understudy::test
