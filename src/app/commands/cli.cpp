#include "app/commands/cli.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <exception>
#include <string>
#include <string_view>
#include <vector>

#include "app/commands/cli_exit.hpp"
#include "app/commands/cli_parts.hpp"
#include "app/common/version.hpp"
#include "app/config/config_values.hpp"

namespace understudy::app {

CLI::Option* add_duration(CLI::App& command, const std::string& name,
                          std::chrono::milliseconds& into, const std::string& help) {
  const auto read = [&into, name](const std::string& text) {
    auto time = parse_duration(text);
    if (!time) time = parse_duration(text + "s");
    if (!time) {
      throw CLI::ValidationError(name, "\"" + text + "\" is no duration: write 250ms, 4s or 1m");
    }
    into = *time;
  };
  return command.add_option_function<std::string>(name, read, help)
      ->type_name("TIME")
      ->default_str(format_duration(into));
}

namespace {

constexpr const char* admin_exit_codes =
    "Exit codes: 0 done, 2 wrong usage, 3 the gateway was not reached, 4 it refused and says why.";

void add_gateway(CLI::App& app, command_line& line) {
  CLI::App* command = app.add_subcommand(
      "gateway", "Run a gateway: callers in front, servers behind, failover in between");
  gateway_command& to = line.gateway;
  command->add_option("-c,--config", to.config, "Configuration file (TOML)")->type_name("FILE");
  command->add_option("--server", to.servers, "A server that calls go to; repeat it")
      ->type_name("HOST:PORT");
  command
      ->add_option("--backup", to.backups,
                   "A server that takes over when no --server is usable; repeat it")
      ->type_name("HOST:PORT");
  command
      ->add_option("--idempotent", to.idempotent,
                   "Methods that may run twice, such as 'OrderInterface@get*'; repeat it. Methods "
                   "with @idempotent in their doc comment need no mention")
      ->type_name("PATTERN");
  command->add_option("--listen", to.listen, "Address for think-swoole callers [127.0.0.1:9500]")
      ->type_name("HOST:PORT");
  command
      ->add_option("--http", to.http,
                   "Address for JSON-RPC over HTTP, administration and metrics [127.0.0.1:9580]")
      ->type_name("HOST:PORT");
  command->add_option("--admin", to.admin, "An address of its own for administration [as --http]")
      ->type_name("HOST:PORT");
  command->footer(
      "Examples:\n"
      "  understudy gateway --server 127.0.0.1:9501 --backup 127.0.0.1:9502\n"
      "  understudy gateway --config /etc/understudy/gateway.toml\n"
      "\n"
      "On start it prints its addresses, one per line: `listening HOST:PORT`, `http HOST:PORT`.\n"
      "Port 0 takes any free port. Its log is one JSON object per line on standard error.\n"
      "SIGHUP loads the --config file again (a bad one is refused and the old one stays),\n"
      "SIGTERM lets running calls end and exits 0, a second SIGTERM ends at once.");
  command->callback([&line] {
    const gateway_command& given = line.gateway;
    const bool servers = !given.servers.empty() || !given.backups.empty();
    if (given.config.empty() && !servers) {
      throw CLI::ValidationError("gateway", "give --server HOST:PORT, or --config FILE");
    }
    if (!given.config.empty() && (servers || !given.idempotent.empty())) {
      throw CLI::ValidationError(
          "gateway",
          "--server, --backup and --idempotent do not go with --config: the file has them");
    }
    line.run = [&line] { return run_gateway(line.gateway); };
  });
}

void add_config(CLI::App& app, command_line& line) {
  CLI::App* config = app.add_subcommand("config", "Look at configuration files");
  config->require_subcommand(1);
  CLI::App* check = config->add_subcommand(
      "check", "Say everything that is wrong with a file; exit code 2 if anything is");
  check->add_option("FILE", line.check.file, "Configuration file (TOML)")->required();
  check->add_flag("--json", line.check.json, "Print JSON");
  check->callback([&line] { line.run = [&line] { return run_config_check(line.check); }; });
}

void add_call(CLI::App& app, command_line& line) {
  CLI::App* command = app.add_subcommand("call", "Call a method of a server or through a gateway");
  call_command& to = line.call;
  command->add_option("METHOD", to.method, "Interface@method, or @action_interface")->required();
  command->add_option("PARAMS", to.params, "JSON: an array, or an object of named arguments");
  command->add_option("--at", to.at, "Where it listens for frames")
      ->required()
      ->type_name("HOST:PORT");
  command->add_option("--context", to.context, "JSON object handed along with the call")
      ->type_name("JSON");
  command->add_option("--mode", to.mode, "direct, durable or queued, instead of what a rule says");
  command->add_option("--key", to.key, "Which call it is: the same key gives the same answer");
  command
      ->add_option_function<std::string>(
          "--wait",
          [&to](const std::string& text) {
            to.wait = parse_duration(text);
            if (!to.wait) throw CLI::ValidationError("--wait", "write 250ms, 4s or 1m");
          },
          "How long to wait for the answer of a durable call, before a ticket will do")
      ->type_name("TIME");
  add_duration(*command, "--timeout", to.timeout, "How long to wait, connecting included");
  command->add_option("--file", to.files, "A file for the next \"@file\" in PARAMS; repeat it")
      ->type_name("FILE");
  command->add_option("--save", to.save, "Where to put a file that is the result")
      ->type_name("FILE");
  command->add_flag("--json", to.json, "Print the whole answer as it came");
  command->footer(
      "Examples:\n"
      "  understudy call UserInterface@hello '[\"world\"]' --at 127.0.0.1:9500\n"
      "  understudy call UserInterface@upload '[\"@file\"]' --file photo.jpg --at 127.0.0.1:9500\n"
      "\n"
      "Exit codes: 0 a result or a ticket, 1 an error of the service, 2 wrong usage, 3 not "
      "reached\n"
      "(nothing was sent), 4 refused, 5 unknown: it was sent, and may have run.");
  command->callback([&line] { line.run = [&line] { return run_call(line.call); }; });
}

void add_servers(CLI::App& app, command_line& line) {
  CLI::App* servers = app.add_subcommand("servers", "List, drain and resume a gateway's servers");
  servers->require_subcommand(1);
  const auto add = [&](const std::string& name, const std::string& help,
                       int (*run)(const servers_command&), bool one) {
    CLI::App* command = servers->add_subcommand(name, help);
    if (one) {
      command->add_option("POOL", line.servers.pool, "The pool's name")->required();
      command->add_option("SERVER", line.servers.server, "HOST:PORT of the server")->required();
    }
    command->add_option("--at", line.servers.at, http_help)
        ->type_name("HOST:PORT")
        ->capture_default_str();
    command->add_flag("--json", line.servers.json, "Print JSON");
    command->footer(admin_exit_codes);
    command->callback([&line, run] { line.run = [&line, run] { return run(line.servers); }; });
  };
  add("list", "All servers and their states", run_servers_list, false);
  add("drain", "Send a server no new calls; running ones end", run_servers_drain, true);
  add("resume", "End a drain, or let a manual failback happen", run_servers_resume, true);
}

void add_calls(CLI::App& app, command_line& line) {
  CLI::App* calls = app.add_subcommand("calls", "Stored calls: list, show, retry, cancel, pause");
  calls->require_subcommand(1);
  calls_command& to = line.calls;
  const auto add = [&](const std::string& name, const std::string& help,
                       int (*run)(const calls_command&)) {
    CLI::App* command = calls->add_subcommand(name, help);
    command->add_option("--at", to.at, http_help)->type_name("HOST:PORT")->capture_default_str();
    command->add_flag("--json", to.json, "Print JSON");
    command->footer(admin_exit_codes);
    command->callback([&line, run] { line.run = [&line, run] { return run(line.calls); }; });
    return command;
  };
  const auto with_ticket = [&to](CLI::App* command) {
    command->add_option("TICKET", to.ticket, "As the caller was given it")->required();
    return command;
  };
  const auto with_service = [&to](CLI::App* command) {
    command->add_option("SERVICE", to.service, "Interface, or POOL/Interface")->required();
  };
  CLI::App* list = add("list", "Calls, in the order in which they came", run_calls_list);
  list->add_option("--service", to.service, "Only of this service");
  list->add_option("--state", to.state,
                   "Only those waiting, running, done, dead, cancelled or expired");
  list->add_option("--key", to.key,
                   "Only with this key; every call is looked at, unless --method is given");
  list->add_option("--method", to.method, "Interface@method of the key");
  list->add_option("--after", to.after, "Only those after this ticket");
  list->add_option("--count", to.count, "At most so many")->capture_default_str();
  with_ticket(add("show", "All that is known of one call", run_calls_show));
  with_ticket(add("retry", "Have a dead call tried again", run_calls_retry))
      ->add_flag("--as-new", to.as_new,
                 "As another call: servers do not know it, it may run twice");
  with_ticket(add("cancel", "End a call that waits", run_calls_cancel));
  with_ticket(add("purge", "Forget a dead call", run_calls_purge));
  add("stats", "Counts of each service", run_calls_stats);
  with_service(add("pause", "Begin no more calls of a service", run_calls_pause));
  with_service(add("resume", "End a pause", run_calls_resume));
  add("verify", "Count everything: is each accepted call accounted for?", run_calls_verify);
}

void add_status(CLI::App& app, command_line& line) {
  CLI::App* command = app.add_subcommand("status", "Pools, servers and recent events of a gateway");
  command->add_option("--at", line.status.at, http_help)
      ->type_name("HOST:PORT")
      ->capture_default_str();
  command->add_flag("--json", line.status.json, "Print the document of /status.json");
  command->footer(admin_exit_codes);
  command->callback([&line] { line.run = [&line] { return run_status(line.status); }; });
}

void add_bench(CLI::App& app, command_line& line) {
  CLI::App* command =
      app.add_subcommand("bench", "Measure a server or gateway from outside: rate and latency");
  bench_options& to = line.bench;
  command->add_option("METHOD", to.method, "Interface@method")->required();
  command->add_option("PARAMS", to.params, "JSON: an array, or an object of named arguments");
  command->add_option("--at", to.at, "Where it listens for frames, or with --http for HTTP")
      ->required()
      ->type_name("HOST:PORT");
  command->add_flag("--http", to.http, "Call by POST /rpc, on connections that stay");
  command->add_option("--mode", to.mode,
                      "durable or queued, asked of a gateway: calls are stored. Of a queued one "
                      "the ticket is the answer");
  command->add_flag("--keyed", to.keyed, "Each call has a key of its own");
  command->add_option("--batch", to.batch,
                      "Store so many calls with each request (CallsInterface@enqueueMany); 0: "
                      "call one by one");
  command->add_option("--connections", to.connections, "Connections")->capture_default_str();
  command->add_option("--depth", to.depth, "Calls outstanding on each connection")
      ->capture_default_str();
  command
      ->add_option("--rate", to.calls_per_second,
                   "Calls per second, however slow the answers are (open loop); 0: as fast as "
                   "they come (closed loop)")
      ->capture_default_str();
  add_duration(*command, "--duration", to.duration, "How long to measure");
  command->add_option("--calls", to.calls, "End after so many calls; 0: no limit")
      ->capture_default_str();
  add_duration(*command, "--warmup", to.warmup, "Not measured");
  add_duration(*command, "--timeout", to.timeout, "Of one call");
  command->add_option("--idle", to.idle, "Measure so many idle connections instead of calls");
  command->add_option("--pid", to.pid, "The server's process, for its memory; with --idle");
  command->add_flag("--json", to.json, "Print JSON");
  command->footer(
      "Examples:\n"
      "  understudy bench OrderInterface@get '[1]' --at 127.0.0.1:9500\n"
      "  understudy bench OrderInterface@get '[1]' --at 127.0.0.1:9500 --rate 500 --duration 1m\n"
      "  understudy bench OrderInterface@place '[1]' --at 127.0.0.1:9500 --mode queued --keyed\n"
      "\n"
      "Exit codes: 0 every call got a result, 1 some did not, 2 wrong usage, 3 not reached.");
  command->callback([&line] { line.run = [&line] { return run_bench(line.bench); }; });
}

void add_drill(CLI::App& app, command_line& line) {
  CLI::App* command = app.add_subcommand(
      "drill", "Start real servers here, break one under load, and say what a caller saw");
  drill_options& to = line.drill;
  command
      ->add_option("SCENARIO", to.scenarios,
                   fmt::format("Any of: {}", fmt::join(drill_scenario_names(), ", ")))
      ->required();
  command->add_option("--calls-per-second", to.calls_per_second, "The load")->capture_default_str();
  add_duration(*command, "--duration", to.duration, "How long the load lasts, at least");
  command->add_option("--kills", to.kills,
                      "How often kill-gateway kills it (20 times), or db-crash and db-switchover "
                      "change the primary (3 times)");
  command->add_option("--calls", to.calls, "How many wait in backlog")->capture_default_str();
  command->add_option("--seed", to.seed, "Of what happens at random instants")
      ->capture_default_str();
  command->add_option("--json", to.json, "Write the report as JSON; - is standard output")
      ->type_name("FILE");
  command->add_flag("--keep", to.keep, "Keep the folder with database and logs");
  command->add_option("--orders", to.orders, "The example server [beside this program]")
      ->type_name("FILE");
  command->footer(
      "Scenarios:\n" + drill_scenario_help() +
      "\n"
      "SCENARIO-trickle is the same with one call per second, SCENARIO-saturated with as many as\n"
      "the servers take (not for overload, disk-full and backlog). all: the first five.\n"
      "Exit codes: 0 every promise was kept, 1 one was broken, 2 wrong usage, 3 a process did not\n"
      "start or do what was waited for.");
  command->callback([&line] { line.run = [&line] { return run_drill(line.drill); }; });
}

// A sentence where a word stands in a command's place and is none; CLI11 would only ask for one.
std::string unknown_command(const CLI::App& app, const std::vector<std::string>& words) {
  const CLI::App* at = &app;
  for (const std::string& word : words) {
    const auto commands = at->get_subcommands([](const CLI::App*) { return true; });
    if (commands.empty() || word.starts_with('-')) break;
    const auto found = std::ranges::find(commands, word, &CLI::App::get_name);
    if (found == commands.end()) {
      std::vector<std::string_view> names;
      for (const CLI::App* command : commands) names.push_back(command->get_name());
      const std::string_view near = nearest(word, names);
      return fmt::format("there is no command \"{}\": {}", word,
                         near.empty() ? fmt::format("there are {}.", fmt::join(names, ", "))
                                      : fmt::format("did you mean \"{}\"?", near));
    }
    at = *found;
  }
  return {};
}

}  // namespace

int run_cli(int argc, const char* const* argv) {
  CLI::App app("RPC services that survive the loss of a server.", "understudy");
  app.set_version_flag("--version", "understudy " + std::string(version));
  app.require_subcommand(1);
  command_line line;
  add_gateway(app, line);
  add_config(app, line);
  add_call(app, line);
  add_servers(app, line);
  add_calls(app, line);
  add_status(app, line);
  add_node(app, line);
  add_db(app, line);
  add_bench(app, line);
  add_drill(app, line);
  // Last: commands inherit the footer that is there when they are made.
  app.footer(
      "Try it: understudy gateway --server 127.0.0.1:9501 --backup 127.0.0.1:9502\n"
      "Exit codes: 0 done, 1 a promise or check failed, 2 wrong usage or configuration,\n"
      "3 not reached, 4 refused, 5 outcome unknown. `understudy COMMAND --help` says more.");
  if (const auto problem = unknown_command(app, {argv + 1, argv + argc}); !problem.empty()) {
    return complain(exit_usage, problem);
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? exit_done : exit_usage;
  }
  return line.run();
}

}  // namespace understudy::app
