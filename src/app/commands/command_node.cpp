#include "app/commands/command_node.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <utility>

#include "app/commands/cli_exit.hpp"
#include "app/commands/command_config.hpp"
#include "app/database/cluster_parts.hpp"
#include "db/server_copy.hpp"

namespace understudy::app {

namespace {

const database_node_config& node_of(const database_config& database, unsigned id) {
  for (const database_node_config& each : database.nodes) {
    if (core::number_of(each.id) != id) continue;
    if (!each.agent.empty() || !each.copies.empty()) return each;
    throw std::runtime_error(
        fmt::format("Node {} has no agent in the configuration: {{address = \"{}\", agent = "
                    "\"HOST:PORT\"}}; or, with copies = \"HOST:PORT\", one that gives copies only.",
                    id, each.address));
  }
  throw std::runtime_error(
      fmt::format("There is no node {} in [database.{}] nodes.", id, database.name));
}

db::process_options process_of(const node_config& how, const database_node_config& node,
                               const cluster_secret& secret, const std::string& user) {
  const db::endpoint at = endpoint_of(node.address);
  db::process_options out;
  out.settings.node = node.id;
  out.settings.folder = std::filesystem::absolute(how.folder);
  out.settings.bind = how.bind.empty() ? at.host : how.bind;
  out.settings.port = at.port;
  out.settings.more = how.settings;
  out.program = how.program;
  out.installer = how.tools + "/mariadb-install-db";
  out.user = how.user;
  out.supervisor = {user, secret.supervisor};
  return out;
}

// Of a server that somebody else runs.
std::shared_ptr<db::copy_source> copies_of(const node_config& how) {
  if (how.socket.empty()) {
    throw std::runtime_error(
        "The node has copies, so that its server is somebody else's: the section [node] needs "
        "that server's socket.");
  }
  db::server_copy_options out;
  out.socket = how.socket;
  out.tools = how.tools;
  out.folder = std::filesystem::absolute(how.folder);
  return std::make_shared<db::server_copy>(std::move(out));
}

void say(const std::string& sentence) {
  fmt::print(stderr, "{}\n", sentence);
}

// An agent, until it is told to end.
class node_runner {
 public:
  node_runner(agent::node_options options, std::string secret_file)
      : options_(std::move(options)), secret_file_(std::move(secret_file)) {
    begin();
  }

  void run() {
    fmt::print("agent {}\ncopies {}\n", running_->address(), running_->address_of_copies());
    std::fflush(stdout);
    wait();
    loop_.run();
    running_->stop();
    if (!broken_.empty()) throw std::runtime_error(broken_);
  }

 private:
  void begin() {
    running_ = std::make_unique<agent::node_agent>(options_);
    running_->start();
    if (const std::string damaged = running_->damaged(); !damaged.empty()) say(damaged);
  }
  void wait() {
    signals_.async_wait([this](const boost::system::error_code& error, int signal) {
      if (error || signal != SIGHUP) return;
      try {
        reload();
      } catch (const std::runtime_error& wrong) {
        say(wrong.what());
        if (running_->address().empty()) {
          broken_ = wrong.what();
          return;
        }
      }
      wait();
    });
  }
  void reload() {
    auto next = with_secret(options_, read_cluster_secret(secret_file_));
    if (!next) {
      running_->reload_tls();
      return say("The certificates were read again.");
    }
    // Ports of its own choice are kept.
    next->listen = running_->address();
    next->listen_copies = running_->address_of_copies();
    const agent::node_options before = std::exchange(options_, std::move(*next));
    running_->stop();
    try {
      begin();
    } catch (const std::runtime_error&) {
      options_ = before;
      begin();
      throw;
    }
    say(options_.secret_before.empty()
            ? "The secret of before is not heard any more."
            : "The secret was read again: until the next SIGHUP the one of before is heard, too.");
  }

  agent::node_options options_;
  std::string secret_file_;
  boost::asio::io_context loop_{1};
  boost::asio::signal_set signals_{loop_, SIGTERM, SIGINT, SIGHUP};
  std::unique_ptr<agent::node_agent> running_;
  std::string broken_;  ///< why there is no agent any more
};

}  // namespace

const database_config& database_of(const gateway_config& config, const std::string& name) {
  if (name.empty() && config.databases.size() == 1) return config.databases.front();
  const auto found = std::ranges::find(config.databases, name, &database_config::name);
  if (found != config.databases.end()) return *found;
  throw std::runtime_error(
      name.empty() ? "Say which database is meant: --database NAME."
                   : fmt::format("There is no section [database.{}] in the configuration.", name));
}

agent::node_options node_options_of(const gateway_config& config, const node_command& command) {
  const database_config& database = database_of(config, command.database);
  const database_node_config& node = node_of(database, command.id);
  if (config.node.folder.empty()) {
    throw std::runtime_error(
        "The section [node] needs a folder: where the server's data is to be.");
  }
  const cluster_secret secret = read_cluster_secret(database.password_file);
  agent::node_options out;
  out.id = node.id;
  out.listen = node.agent.empty() ? node.copies : node.agent;
  if (node.agent.empty()) out.only_copies = copies_of(config.node);
  out.listen_copies = config.node.copy_listen;
  out.work.server = process_of(config.node, node, secret, database.user);
  out.work.all = members_of(database, secret);
  out.work.tools = config.node.tools;
  out.secret = secret.agent;
  out.tls = tls_of(database);
  for (const database_node_config& each : database.nodes) {
    const std::string& place = each.agent.empty() ? each.copies : each.agent;
    if (!place.empty()) out.agents[each.id] = place;
  }
  out.log = say;
  return out;
}

std::optional<agent::node_options> with_secret(const agent::node_options& of,
                                               const cluster_secret& next) {
  const bool changed = of.secret != next.agent;
  if (!changed && of.secret_before.empty()) return std::nullopt;
  agent::node_options out = of;
  out.secret_before = changed ? of.secret : std::string();
  out.secret = next.agent;
  out.work.server.supervisor.password = next.supervisor;
  out.work.all.supervisor.password = next.supervisor;
  out.work.all.replication_password = next.replication;
  return out;
}

int run_node(const node_command& command) {
  const config_result read = load_config(command.config);
  if (!read.config) {
    print_problems(command.config, read.problems);
    return exit_usage;
  }
  std::signal(SIGPIPE, SIG_IGN);
  try {
    agent::node_options options = node_options_of(*read.config, command);
    std::filesystem::create_directories(options.work.server.settings.folder);
    node_runner(std::move(options), database_of(*read.config, command.database).password_file)
        .run();
  } catch (const std::exception& error) {
    return complain(exit_usage, error.what());
  }
  return exit_done;
}

}  // namespace understudy::app
