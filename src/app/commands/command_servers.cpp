#include "app/commands/command_servers.hpp"

#include <fmt/format.h>

#include <boost/json/serialize.hpp>
#include <cstdio>

#include "app/commands/cli_admin.hpp"
#include "app/commands/cli_exit.hpp"
#include "app/commands/cli_text.hpp"
#include "app/config/config_values.hpp"
#include "net/address.hpp"

namespace understudy::app {

namespace {

int change(const servers_command& command, std::string_view verb, std::string_view effect) {
  if (!net::split_server_address(command.server)) {
    return complain(exit_usage, fmt::format("\"{}\" is no server address: write {} as "
                                            "`understudy servers list` shows it.",
                                            command.server, net::server_address_form));
  }
  const admin_answer answer = ask_admin(
      command.at, "POST", fmt::format("/servers/{}/{}/{}", command.pool, command.server, verb));
  if (answer.exit != exit_done) return complain(answer.exit, answer.sentence);
  if (command.json) {
    fmt::print("{{}}\n");
  } else {
    fmt::print("{} of pool {}: {}\n", command.server, command.pool, effect);
  }
  return exit_done;
}

}  // namespace

int run_servers_list(const servers_command& command) {
  admin_answer answer;
  const boost::json::value status = ask_status(command.at, answer);
  if (answer.exit != exit_done) return complain(answer.exit, answer.sentence);
  if (command.json) {
    fmt::print("{}\n", boost::json::serialize(array_of(status, "pools")));
    return exit_done;
  }
  const bool colours = colours_wanted();
  text_table table({"POOL", "SERVER", "STATE", "PRIORITY", "WEIGHT", "IN FLIGHT"});
  for (const auto& pool : array_of(status, "pools")) {
    for (const auto& server : array_of(pool, "servers")) {
      const std::string state = text_of(server, "state");
      table.add({text_of(pool, "name"), text_of(server, "address"),
                 coloured(state, tone_of_state(state), colours),
                 fmt::format("{}", number_of(server, "priority")),
                 fmt::format("{}", number_of(server, "weight")),
                 fmt::format("{}", number_of(server, "in_flight"))});
    }
  }
  fmt::print("{}", table.text());
  return exit_done;
}

int run_servers_drain(const servers_command& command) {
  return change(command, "drain", "no new calls go there, running ones end.");
}

int run_servers_resume(const servers_command& command) {
  return change(command, "resume", "it takes calls again as soon as its probes are good.");
}

}  // namespace understudy::app
