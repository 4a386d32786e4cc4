#include "app/command_config.hpp"

#include <fmt/format.h>

#include <cstdio>

#include "app/cli_exit.hpp"
#include "app/json_out.hpp"

namespace understudy::app {

namespace {

std::string to_json(const config_result& result) {
  std::string out;
  {
    json_object object(out);
    object.raw("valid", result.config ? "true" : "false");
    json_array problems(object.key("problems"));
    for (const config_problem& problem : result.problems) {
      json_object entry(problems.element());
      entry.number("line", problem.line);
      entry.text("message", problem.message);
    }
  }
  return out;
}

}  // namespace

void print_problems(const std::string& file, const std::vector<config_problem>& problems) {
  for (const config_problem& problem : problems) {
    if (problem.line > 0) {
      fmt::print(stderr, "{}:{}: {}\n", file, problem.line, problem.message);
    } else {
      fmt::print(stderr, "{}: {}\n", file, problem.message);
    }
  }
}

int run_config_check(const config_check_command& command) {
  const config_result result = load_config(command.file);
  if (command.json) fmt::print("{}\n", to_json(result));
  if (!result.config) {
    if (!command.json) print_problems(command.file, result.problems);
    return exit_usage;
  }
  if (command.json) return exit_done;
  std::size_t servers = 0;
  for (const pool_config& pool : result.config->pools) servers += pool.servers.size();
  fmt::print("{} is good: pools: {}, servers: {}.\n", command.file, result.config->pools.size(),
             servers);
  return exit_done;
}

}  // namespace understudy::app
