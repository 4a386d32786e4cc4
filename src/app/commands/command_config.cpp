#include "app/commands/command_config.hpp"

#include <fmt/format.h>

#include <cstdio>

#include "app/commands/cli_exit.hpp"
#include "app/common/json_out.hpp"

namespace understudy::app {

namespace {

// What is allowed, but may not be what is wanted.
std::vector<std::string> remarks(const gateway_config& config) {
  std::vector<std::string> all;
  for (const call_rule& rule : config.rules) {
    const bool repeats =
        rule.mode != core::call_mode::direct && rule.unknown != core::on_unknown::dead;
    if (!repeats || rule.once) continue;
    all.push_back(fmt::format(
        "rule {}: a call whose outcome is unknown is tried again. Its methods have to use `once` "
        "(docs/ONCE.md) or be idempotent: then say once = true; otherwise on_unknown = \"dead\".",
        rule.match));
  }
  return all;
}

std::string to_json(const config_result& result) {
  std::string out;
  {
    json_object object(out);
    object.raw("valid", result.config ? "true" : "false");
    {
      json_array problems(object.key("problems"));
      for (const config_problem& problem : result.problems) {
        json_object entry(problems.element());
        entry.number("line", problem.line);
        entry.text("message", problem.message);
      }
    }
    json_array said(object.key("remarks"));
    if (result.config) {
      for (const std::string& remark : remarks(*result.config)) said.text(remark);
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
  for (const std::string& remark : remarks(*result.config)) fmt::print("{}\n", remark);
  return exit_done;
}

}  // namespace understudy::app
