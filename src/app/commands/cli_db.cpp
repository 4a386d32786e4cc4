// `understudy db ...` on the command line.
#include "app/commands/cli_parts.hpp"

namespace understudy::app {

namespace {

using run_function = int (*)(const db_command&);

constexpr const char* order_exit_codes =
    "What happens is told on standard error as it does.\n"
    "Exit codes: 0 done, 1 a check failed, 2 wrong usage, 3 the gateway was not reached,\n"
    "4 refused (says why), 5 not done in time, and may be yet.";

constexpr const char* verify_exit_codes =
    "Commits are held for some milliseconds, once. Progress is told on standard error.\n"
    "Exit codes: 0 all is the same, 1 there are differences, or something was not compared,\n"
    "2 wrong usage, 3 the gateway was not reached, 4 refused (says why), 5 not done in time: it\n"
    "goes on.";

class db_line {
 public:
  db_line(CLI::App& db, command_line& line) : db_(db), line_(line), to_(line.db) {}

  CLI::App* add(CLI::App& under, const std::string& name, const std::string& help,
                run_function run) {
    CLI::App* command = under.add_subcommand(name, help);
    command->add_option("-d,--database", to_.name, "Which one [the only one]")->type_name("NAME");
    command->add_option("--at", to_.at, http_help)->type_name("HOST:PORT")->capture_default_str();
    command->add_flag("--json", to_.json, "Print JSON");
    command->callback([&line = line_, run] { line.run = [&line, run] { return run(line.db); }; });
    return command;
  }
  CLI::App* order(CLI::App& under, const std::string& name, const std::string& help,
                  run_function run) {
    CLI::App* command = add(under, name, help, run);
    add_duration(*command, "--patience", to_.patience, "How long to wait until it is done");
    command->footer(order_exit_codes);
    return command;
  }
  CLI::App* order(const std::string& name, const std::string& help, run_function run) {
    return order(db_, name, help, run);
  }
  // `name` as CLI11 has it: "NODE" is a place in the line, "--to" an option.
  static CLI::Option* node(CLI::App* of, const std::string& name, unsigned& into,
                           const std::string& help) {
    return of->add_option(name, into, help)
        ->check(CLI::Range(1U, core::node_number_max))
        ->type_name("NUMBER");
  }
  CLI::App* job(const std::string& name, const std::string& help, run_function run) {
    CLI::App* command = add(db_, name, help, run);
    add_duration(*command, "--patience", to_.job_patience, "How long to wait until it is done");
    return command;
  }
  void add_all();
  void add_prepare();
  void add_jobs();
  void add_nodes();

 private:
  CLI::App& db_;
  command_line& line_;
  db_command& to_;
};

void db_line::add_all() {
  add(db_, "status", "Who is primary, who acknowledges, and how far each node is", run_db_status);
  node(order("bootstrap", "Make a cluster of empty nodes", run_db_bootstrap), "--primary", to_.node,
       "The first primary [the first node]");
  node(order("adopt", "Make a cluster of a server that has data, and of empty nodes", run_db_adopt),
       "NODE", to_.node, "Who has the data")
      ->required();
  node(order("switchover", "Hand over to another node: nothing fails", run_db_switchover), "--to",
       to_.node, "Who is to be primary [who fits best]");
  order("takeover", "Give the primary up now, though it may be well", run_db_takeover);
  order("maintenance", "No takeover but by an operator's word, or end that", run_db_maintenance)
      ->add_option("STATE", to_.state, "on or off")
      ->required()
      ->check(CLI::IsMember({"on", "off"}));
  node(
      order("rejoin", "Try at once to mend a node, what would be tried again later", run_db_rejoin),
      "NODE", to_.node, "Which one")
      ->required();
  CLI::App* clone = order("clone", "Make a node anew, as a copy of another", run_db_clone);
  node(clone, "NODE", to_.node, "Which one; its own data goes")->required();
  node(clone, "--from", to_.other, "The donor [a member, or else the primary]");
  add_prepare();
  add_jobs();
  add_nodes();
}

void db_line::add_jobs() {
  CLI::App* verify = job("verify", "Whether all nodes have the same data", run_db_verify);
  verify->add_flag("--stop", to_.stop, "End the long work that runs, of whatever kind");
  verify->footer(verify_exit_codes);
  CLI::App* rotate =
      job("rotate-password", "Another secret for a cluster, while it works", run_db_rotate);
  CLI::Option* file = rotate->add_option(
      "--new", to_.file, "A file on the gateway's host, with the new secret in its first line");
  CLI::Option* finish = rotate->add_flag(
      "--finish", to_.finish, "Make the old one invalid, once all hosts have the new one");
  file->type_name("FILE")->excludes(finish);
  rotate->require_option(1, 0);
  rotate->footer(
      "Both are good until --finish, which refuses while something still uses the old one.\n"
      "Exit codes: 0 done, 1 something was in the way (says what), 2 wrong usage, 3 the gateway "
      "was\n"
      "not reached, 4 refused (says why), 5 not done in time: it goes on.");
}

void db_line::add_prepare() {
  db_prepare_command& to = line_.prepare;
  CLI::App* command = db_.add_subcommand(
      "prepare", "On the host of a server that has data: what is in the way of adopting it");
  command
      ->add_option("-c,--config", to.config, "Configuration file (TOML), as the gateways have it")
      ->required()
      ->type_name("FILE");
  command->add_option("-d,--database", to.database, "Which one [the only one]")->type_name("NAME");
  node(command, "--id", to.node, "Which node the server is to be")->required();
  command->add_option("--socket", to.socket, "Of the server")
      ->type_name("FILE")
      ->default_val("/run/mysqld/mysqld.sock");
  command->add_option("--user", to.user, "As whom to log in there")
      ->type_name("NAME")
      ->capture_default_str();
  command->add_flag("--yes", to.yes, "Do what can be done while it runs; else it is only shown");
  command->add_flag("--json", to.json, "Print JSON");
  command->footer(
      "Exit codes: 0 it can be adopted, 2 wrong usage or configuration, 3 the server was not\n"
      "reached, 4 something is in the way.");
  command->callback(
      [&line = line_] { line.run = [&line] { return run_db_prepare(line.prepare); }; });
}

void db_line::add_nodes() {
  CLI::App* nodes = db_.add_subcommand("node", "Add, remove or replace a node");
  nodes->require_subcommand(1);
  node(order(*nodes, "add", "Make a node that is configured part of the cluster", run_db_node_add),
       "NODE", to_.node, "Which one")
      ->required();
  node(order(*nodes, "remove", "Let a node go; it is not to be the primary", run_db_node_remove),
       "NODE", to_.node, "Which one")
      ->required();
  CLI::App* replace = order(*nodes, "replace", "Add one, and remove another when that is a member",
                            run_db_node_replace);
  node(replace, "OLD", to_.node, "Who leaves")->required();
  node(replace, "NEW", to_.other, "Who comes")->required();
}

}  // namespace

void add_node(CLI::App& app, command_line& line) {
  CLI::App* command = app.add_subcommand(
      "node", "Run the agent of a database node: it owns that node's MariaDB server");
  node_command& to = line.node;
  command
      ->add_option("-c,--config", to.config, "Configuration file (TOML), as the gateways have it")
      ->required()
      ->type_name("FILE");
  command->add_option("--id", to.id, "Which node of the database")
      ->required()
      ->check(CLI::Range(1U, core::node_number_max))
      ->type_name("NUMBER");
  command->add_option("-d,--database", to.database, "Which one [the only one]")->type_name("NAME");
  command->footer(
      "On start it prints `agent HOST:PORT` and `copies HOST:PORT`. It starts no server by "
      "itself:\n"
      "the gateway that supervises says so. SIGHUP reads the certificates and the secret again;\n"
      "SIGTERM ends the agent, and the server runs on, and is found again by the next agent.");
  command->callback([&line] { line.run = [&line] { return run_node(line.node); }; });
}

void add_db(CLI::App& app, command_line& line) {
  CLI::App* db = app.add_subcommand("db", "Databases: who is primary, and what an operator wants");
  db->require_subcommand(1);
  db_line(*db, line).add_all();
}

}  // namespace understudy::app
