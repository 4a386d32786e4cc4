#include "app/commands/command_gateway.hpp"

#include <fmt/format.h>
#include <sys/resource.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <csignal>
#include <cstdio>
#include <stdexcept>

#include "app/commands/cli_exit.hpp"
#include "app/commands/command_config.hpp"
#include "app/common/log.hpp"
#include "app/config/config_values.hpp"
#include "app/gateway/gateway.hpp"
#include "net/address.hpp"
#include "wire/method_name.hpp"

namespace understudy::app {

namespace {

void add_servers(pool_config& pool, const std::vector<std::string>& addresses, unsigned priority,
                 std::vector<config_problem>& problems) {
  for (const std::string& address : addresses) {
    if (!net::split_server_address(address)) {
      problems.push_back({0, fmt::format("\"{}\" is no server address: write {}", address,
                                         net::server_address_form)});
    }
    core::server_options server;
    server.address = address;
    server.priority = priority;
    pool.servers.push_back(std::move(server));
  }
}

config_result config_of_servers(const gateway_command& command) {
  config_result result;
  pool_config pool;
  pool.name = pool.options.name = command_line_pool;
  add_servers(pool, command.servers, 0, result.problems);
  add_servers(pool, command.backups, 1, result.problems);
  for (const std::string& pattern : command.idempotent) {
    if (!wire::method_pattern_valid(pattern)) {
      result.problems.push_back(
          {0, fmt::format("\"{}\" is no pattern: write Interface@method, with * for any characters",
                          pattern)});
    }
    pool.idempotent.push_back(pattern);
  }
  result.config.emplace().pools.push_back(std::move(pool));
  return result;
}

// A file descriptor per connection: as many as this user may have without asking anyone.
void raise_file_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

void print_addresses(const gateway& running, const gateway_config& config) {
  if (!config.listen.empty()) fmt::print("listening {}\n", running.frames_address());
  for (const pool_config& pool : config.pools) {
    if (pool.listen.empty()) continue;
    fmt::print("listening {} pool {}\n", running.frames_address(pool.name), pool.name);
  }
  for (const database_config& each : config.databases) {
    for (const std::string endpoint : {"write", "read"}) {
      const std::string at = running.database_address(each.name, endpoint);
      if (!at.empty()) fmt::print("{} {} database {}\n", endpoint, at, each.name);
    }
  }
  if (!config.http.empty()) fmt::print("http {}\n", running.http_address());
  if (!config.admin.empty()) fmt::print("admin {}\n", running.admin_address());
  std::fflush(stdout);
}

// Follows the signals until the gateway has ended.
class gateway_signals {
 public:
  gateway_signals(gateway& running, const gateway_command& command)
      : running_(running), command_(command), signals_(loop_, SIGTERM, SIGINT, SIGHUP) {}

  void run() {
    wait();
    loop_.run();
  }

 private:
  void wait() {
    signals_.async_wait([this](const boost::system::error_code& error, int signal) {
      if (!error) got(signal);
    });
  }

  void got(int signal) {
    if (signal == SIGHUP) {
      reload();
    } else if (draining_) {
      loop_.stop();
      return;
    } else {
      draining_ = true;
      running_.drain([this] { boost::asio::post(loop_, [this] { loop_.stop(); }); });
    }
    wait();
  }

  void reload() {
    core::record record;
    if (command_.config.empty()) {
      record.kind = "reload_ignored";
      record.subject = "gateway";
      record.rule = "SIGHUP reads the file of --config again, and there is none";
      record.effect = "nothing has changed: restart it to change what the command line says";
      running_.events().write(record);
      return;
    }
    record.subject = command_.config;
    config_result result = gateway_config_of(command_);
    for (std::size_t i = 0; i < result.problems.size(); ++i) {
      const config_problem& problem = result.problems[i];
      record.evidence.emplace_back(fmt::format("problem_{}", i + 1),
                                   fmt::format("line {}: {}", problem.line, problem.message));
    }
    if (result.config) {
      const std::vector<std::string> refused = running_.reload(*result.config);
      for (std::size_t i = 0; i < refused.size(); ++i) {
        record.evidence.emplace_back(fmt::format("problem_{}", i + 1), refused[i]);
      }
    }
    const bool good = record.evidence.empty();
    record.kind = good ? "config_reloaded" : "config_refused";
    record.rule = "SIGHUP: all of a configuration or nothing of it";
    record.effect = good ? "the new configuration holds" : "nothing has changed";
    running_.events().write(record);
  }

  gateway& running_;
  const gateway_command& command_;
  boost::asio::io_context loop_{1};
  boost::asio::signal_set signals_;
  bool draining_ = false;
};

}  // namespace

config_result gateway_config_of(const gateway_command& command) {
  config_result result =
      command.config.empty() ? config_of_servers(command) : load_config(command.config);
  if (!result.config) return result;
  const auto override_address = [&](const std::optional<std::string>& from, std::string& to) {
    if (!from) return;
    if (!from->empty() && !net::split_address(*from, net::port_rule::any_for_zero)) {
      result.problems.push_back(
          {0, fmt::format("\"{}\" is no address: write HOST:PORT (port 0 takes any free one)",
                          *from)});
    }
    to = *from;
  };
  override_address(command.listen, result.config->listen);
  override_address(command.http, result.config->http);
  override_address(command.admin, result.config->admin);
  for (const config_problem& problem : check_config(*result.config)) {
    result.problems.push_back(problem);
  }
  if (!result.problems.empty()) result.config.reset();
  return result;
}

int run_gateway(const gateway_command& command) {
  config_result result = gateway_config_of(command);
  if (!result.config) {
    print_problems(command.config.empty() ? "understudy gateway" : command.config, result.problems);
    return exit_usage;
  }
  raise_file_limit();
  std::signal(SIGPIPE, SIG_IGN);  // whoever read our output may go before us
  json_log log;
  gateway running(*result.config);
  running.events().watch([&log](const event& e) { log.write(e); });
  gateway_signals signals(running, command);  // from here on no signal is missed
  try {
    running.start();
  } catch (const std::runtime_error& error) {
    return complain(exit_usage, error.what());
  }
  print_addresses(running, *result.config);
  signals.run();
  running.stop();
  return exit_done;
}

}  // namespace understudy::app
