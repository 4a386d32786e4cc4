// A gateway that supervises real servers, each under an agent in this process.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "app/commands/command_db.hpp"
#include "app/commands/command_node.hpp"
#include "app/gateway_support.hpp"
#include "db/server_process.hpp"
#include "support/free_port.hpp"

namespace understudy::test {

/// The database is called `main`. Each node's folder is `folder` / its number.
struct database_stand {
  std::filesystem::path folder;
  app::gateway_config config = free_ports();
  std::unique_ptr<app::gateway> gateway;
  std::vector<std::unique_ptr<agent::node_agent>> agents;

  database_stand() {
    std::string name =
        (std::filesystem::temp_directory_path() / "understudy-works-XXXXXX").string();
    folder = ::mkdtemp(name.data());
    write_secret("secret", "a-secret-of-thirty-two-characters");
    config.coordination.folder = (folder / "coordination").string();
    app::database_config database;
    database.name = "main";
    database.password_file = (folder / "secret").string();
    database.write = database.read = "127.0.0.1:0";
    database.hold_down = std::chrono::milliseconds(0);
    config.databases.push_back(database);
  }
  ~database_stand() {
    gateway.reset();
    agents.clear();
    // Whoever has started them.
    for (const auto& each : config.databases[0].nodes) {
      if (each.agent.empty()) continue;
      db::server_process(options_of(core::number_of(each.id)).work.server).kill();
    }
    std::error_code ignored;
    std::filesystem::remove_all(folder, ignored);
  }
  database_stand(const database_stand&) = delete;
  database_stand& operator=(const database_stand&) = delete;

  void write_secret(const std::string& name, const std::string& text) const {
    namespace fs = std::filesystem;
    fs::remove(folder / name);
    std::ofstream(folder / name) << text << "\n";
    fs::permissions(folder / name, fs::perms::owner_read | fs::perms::owner_write);
  }
  app::database_node_config& add_node(bool with_agent) {
    app::database_node_config node;
    node.id = core::node_id{static_cast<std::uint16_t>(config.databases[0].nodes.size() + 1)};
    node.address = "127.0.0.1:" + std::to_string(free_port());
    if (with_agent) node.agent = "127.0.0.1:" + std::to_string(free_port());
    return config.databases[0].nodes.emplace_back(node);
  }
  [[nodiscard]] agent::node_options options_of(unsigned id) const {
    app::gateway_config mine = config;
    mine.node.folder = (folder / std::to_string(id)).string();
    mine.node.user = "root";
    mine.node.settings = {"innodb_log_file_size = 8M", "innodb_buffer_pool_size = 16M"};
    app::node_command command;
    command.id = id;
    agent::node_options out = app::node_options_of(mine, command);
    out.log = nullptr;
    return out;
  }
  void start_agent(agent::node_options options) {
    std::filesystem::create_directories(options.work.server.settings.folder);
    agents.push_back(std::make_unique<agent::node_agent>(std::move(options)));
    agents.back()->start();
  }
  /// `count` nodes with agents, and the gateway.
  void start(unsigned count) {
    for (unsigned i = 0; i < count; ++i) add_node(true);
    for (unsigned id = 1; id <= count; ++id) start_agent(options_of(id));
    start_gateway();
  }
  void start_gateway() {
    gateway = std::make_unique<app::gateway>(config);
    gateway->start();
  }
  [[nodiscard]] app::db_command command() const {
    app::db_command out;
    out.at = gateway->http_address();
    out.patience = out.job_patience = std::chrono::minutes(2);
    return out;
  }
  [[nodiscard]] boost::json::value get(const std::string& path) const {
    return boost::json::parse(fetch(*gateway, "GET", path).body);
  }
  [[nodiscard]] bool whole(std::size_t members) const {
    const boost::json::value now = get("/databases/main");
    return now.at("phase").as_string() == "stable" && now.at("sync").as_array().size() == members;
  }
  template <typename Condition>
  [[nodiscard]] static bool eventually(Condition so) {
    const auto until = std::chrono::steady_clock::now() + std::chrono::minutes(2);
    while (!so()) {
      if (std::chrono::steady_clock::now() > until) return false;
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    return true;
  }
  /// As root, over a server's socket.
  static void as_root(const std::filesystem::path& socket, const std::string& sql) {
    db::session root;
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    const db::fault failed = root.connect({socket.string(), 0}, {"root", ""}, deadline);
    ASSERT_FALSE(failed) << failed.text;
    const db::reply done = root.run(sql, deadline);
    ASSERT_TRUE(done.ok()) << done.failed.text << ": " << sql;
  }
  [[nodiscard]] std::filesystem::path socket_of(unsigned id) const {
    return db::socket_file(folder / std::to_string(id));
  }
  [[nodiscard]] std::string history() const {
    std::string out;
    for (const auto& e : gateway->events().since(0)) out += app::to_json(e) + "\n";
    return out;
  }
};

/// What a command prints on standard output, and its exit code.
template <typename Run>
std::string printed(int& exit, Run run) {
  testing::internal::CaptureStdout();
  exit = run();
  return testing::internal::GetCapturedStdout();
}

}  // namespace understudy::test
