#include "app/commands/command_db.hpp"

#include <fmt/format.h>

#include <boost/json/parse.hpp>
#include <cstdio>

#include "app/commands/cli_admin.hpp"
#include "app/commands/cli_exit.hpp"
#include "app/commands/cli_text.hpp"
#include "app/commands/db_job.hpp"
#include "app/commands/db_order.hpp"

namespace understudy::app {

namespace json = boost::json;

namespace {

const json::value* node_of(const json::value& database, unsigned id) {
  for (const json::value& each : array_of(database, "nodes")) {
    if (number_of(each, "id") == id) return &each;
  }
  return nullptr;
}

bool is_member(const json::value& database, unsigned id) {
  const json::value* const node = node_of(database, id);
  return node != nullptr && is_true(*node, "member");
}

// Of a cluster, not only of the configuration.
bool belongs(const json::value& database, unsigned id) {
  const json::value* const node = node_of(database, id);
  return node != nullptr && text_of(*node, "role") != "none";
}

bool has_new_primary(const json::value& before, const json::value& now) {
  return number_of(now, "epoch") > number_of(before, "epoch") && serves(now);
}

tone tone_of_phase(std::string_view phase) {
  if (phase == "stable") return tone::good;
  return phase == "solo" || phase == "switchover" ? tone::careful : tone::bad;
}

std::string receives(const json::value& node) {
  if (text_of(node, "role") == "primary") return is_true(node, "read_only") ? "closed" : "serves";
  const std::string is = text_of(node, "receiving");
  if (is.empty()) return "follows nobody";
  return is + (is_true(node, "applying") ? "" : ", applies nothing");
}

void print_nodes(const json::value& database, bool colours) {
  text_table table(
      {"NODE", "ADDRESS", "ROLE", "MEMBER", "STATE", "REPLICATION", "POSITION", "BEHIND", "AGENT"});
  for (const json::value& each : array_of(database, "nodes")) {
    const bool up = text_of(each, "state") == "up";
    const double error = number_of(each, "error");
    const std::string agent = text_of(each, "agent");
    table.add({fmt::format("{}", number_of(each, "id")), text_of(each, "address"),
               text_of(each, "role"), is_true(each, "member") ? "yes" : "no",
               coloured(text_of(each, "state"), up ? tone::good : tone::bad, colours),
               up ? receives(each) + (error != 0 ? fmt::format(", error {}", error) : "") : "-",
               text_of(each, "position"),
               up && text_of(each, "role") == "replica"
                   ? fmt::format("{}", number_of(each, "behind"))
                   : "-",
               agent.empty() ? "none" : agent});
  }
  fmt::print("{}", table.text("  "));
}

void print_endpoints(const json::value& database) {
  text_table table({"ENDPOINT", "ADDRESS", "LEADS TO", "CONNECTIONS", "WAITING", "CUT"});
  for (const json::value& each : array_of(database, "endpoints")) {
    std::string targets;
    for (const json::value& target : array_of(each, "targets")) {
      targets += (targets.empty() ? "" : ", ") + text_of(target, "address");
    }
    table.add(
        {text_of(each, "name"), text_of(each, "address"), targets.empty() ? "nowhere yet" : targets,
         fmt::format("{}", number_of(each, "connections")),
         fmt::format("{}", number_of(each, "waiting")), fmt::format("{}", number_of(each, "cut"))});
  }
  if (!array_of(database, "endpoints").empty()) fmt::print("{}", table.text("  "));
}

// What an operator has to know, in words.
void print_remarks(const json::value& database, bool colours) {
  const auto remark = [&](const std::string& text, tone how) {
    fmt::print("  {}\n", coloured(text, how, colours));
  };
  const std::string phase = text_of(database, "phase");
  if (phase == "unknown") {
    remark(
        "There is no cluster yet, or the coordinator was not reached: `understudy db bootstrap` "
        "makes one of empty nodes, `understudy db adopt` of a server that has data.",
        tone::careful);
  }
  if (phase == "solo") {
    remark("Not protected: what is acknowledged is on the primary's disk alone.", tone::careful);
  }
  if (is_true(database, "maintenance")) {
    remark("Maintenance: no takeover but by an operator's word.", tone::careful);
  }
  std::string without;
  for (const json::value& each : array_of(database, "nodes")) {
    if (!text_of(each, "agent").empty()) continue;
    without += fmt::format("{}{}", without.empty() ? "" : ", ", number_of(each, "id"));
  }
  if (!without.empty()) {
    remark(fmt::format("Without an agent: node {}. It can not be started, killed, repaired or "
                       "rebuilt from here.",
                       without),
           tone::quiet);
  }
}

void print_database(const json::value& database, bool colours) {
  const std::string phase = text_of(database, "phase");
  fmt::print("database {}: {}", text_of(database, "name"),
             coloured(phase, tone_of_phase(phase), colours));
  if (phase != "unknown") {
    fmt::print(", epoch {}, primary node {}, commits are {}", number_of(database, "epoch"),
               number_of(database, "primary"), text_of(database, "durability"));
  }
  fmt::print("{}\n", is_true(database, "acts") ? ", supervised by this gateway" : "");
  print_nodes(database, colours);
  print_endpoints(database);
  print_remarks(database, colours);
}

// Done when the node is a member, unless something else is wanted.
db_order about_node(std::string name, unsigned id) {
  db_order order;
  order.name = std::move(name);
  order.body = fmt::format("{{\"node\":{}}}", id);
  order.done = [id](const json::value&, const json::value& now) { return is_member(now, id); };
  return order;
}

}  // namespace

int run_db_status(const db_command& command) {
  const std::string path = command.name.empty() ? "/databases" : "/databases/" + command.name;
  const admin_answer answer = ask_admin(command.at, "GET", path);
  if (answer.exit != exit_done) return complain(answer.exit, answer.sentence);
  if (command.json) {
    fmt::print("{}", answer.body);
    return exit_done;
  }
  boost::system::error_code broken;
  const json::value read = json::parse(answer.body, broken);
  const bool colours = colours_wanted();
  if (read.is_object()) {
    print_database(read, colours);
  } else if (read.is_array()) {
    for (const json::value& each : read.get_array()) print_database(each, colours);
  }
  return exit_done;
}

int run_db_bootstrap(const db_command& command) {
  db_order order;
  order.name = "bootstrap";
  if (command.node != 0) order.body = fmt::format("{{\"primary\":{}}}", command.node);
  order.done = [](const json::value&, const json::value& now) {
    return serves(now) && text_of(now, "phase") == "stable";
  };
  order.said = "The cluster serves, and commits are replicated.";
  return follow(command, order);
}

int run_db_switchover(const db_command& command) {
  db_order order;
  order.name = "switchover";
  if (command.node != 0) order.body = fmt::format("{{\"to\":{}}}", command.node);
  order.done = has_new_primary;
  order.said = "Another node is primary.";
  return follow(command, order);
}

int run_db_takeover(const db_command& command) {
  db_order order;
  order.name = "takeover";
  order.done = has_new_primary;
  order.said = "Another node is primary.";
  return follow(command, order);
}

int run_db_maintenance(const db_command& command) {
  const bool on = command.state == "on";
  db_order order;
  order.name = "maintenance";
  order.body = fmt::format("{{\"on\":{}}}", on);
  order.done = [on](const json::value&, const json::value& now) {
    return is_true(now, "maintenance") == on;
  };
  order.said =
      on ? "There will be no takeover but by an operator's word." : "Takeovers happen again.";
  return follow(command, order);
}

int run_db_rejoin(const db_command& command) {
  db_order order = about_node("rejoin", command.node);
  order.said = fmt::format("Node {} is a member again.", command.node);
  return follow(command, order);
}

int run_db_clone(const db_command& command) {
  db_order order = about_node("clone", command.node);
  if (command.other != 0) {
    order.body = fmt::format("{{\"node\":{},\"donor\":{}}}", command.node, command.other);
  }
  order.begun = "clone";
  order.said = fmt::format("Node {} is a copy, and a member.", command.node);
  return follow(command, order);
}

int run_db_node_add(const db_command& command) {
  db_order order = about_node("add-node", command.node);
  order.said = fmt::format("Node {} is a member.", command.node);
  return follow(command, order);
}

int run_db_node_remove(const db_command& command) {
  db_order order = about_node("remove-node", command.node);
  order.done = [id = command.node](const json::value&, const json::value& now) {
    return !belongs(now, id);
  };
  order.said =
      fmt::format("Node {} is no part of the cluster any more: take it out of the configuration.",
                  command.node);
  return follow(command, order);
}

int run_db_node_replace(const db_command& command) {
  db_command add = command;
  add.node = command.other;
  const int added = run_db_node_add(add);
  return added == exit_done ? run_db_node_remove(command) : added;
}

}  // namespace understudy::app
