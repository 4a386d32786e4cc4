// What the units that read the command line share.
#pragma once

#include <CLI/CLI.hpp>
#include <chrono>
#include <functional>
#include <string>

#include "app/commands/command_bench.hpp"
#include "app/commands/command_call.hpp"
#include "app/commands/command_calls.hpp"
#include "app/commands/command_config.hpp"
#include "app/commands/command_db.hpp"
#include "app/commands/command_db_adopt.hpp"
#include "app/commands/command_db_rotate.hpp"
#include "app/commands/command_db_verify.hpp"
#include "app/commands/command_drill.hpp"
#include "app/commands/command_gateway.hpp"
#include "app/commands/command_node.hpp"
#include "app/commands/command_servers.hpp"
#include "app/commands/command_status.hpp"

namespace understudy::app {

/// What was asked for: a command sets `run`, which is called once the whole line is understood.
struct command_line {
  gateway_command gateway;
  node_command node;
  config_check_command check;
  call_command call;
  servers_command servers;
  calls_command calls;
  status_command status;
  db_command db;
  db_prepare_command prepare;
  bench_options bench;
  drill_options drill;
  std::function<int()> run;
};

inline constexpr const char* http_help = "The gateway's http (or admin) address";

/// A duration with its unit; a bare number means seconds.
CLI::Option* add_duration(CLI::App& command, const std::string& name,
                          std::chrono::milliseconds& into, const std::string& help);

/// `understudy node` and `understudy db ...`
void add_node(CLI::App& app, command_line& line);
void add_db(CLI::App& app, command_line& line);

}  // namespace understudy::app
