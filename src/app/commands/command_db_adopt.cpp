#include "app/commands/command_db_adopt.hpp"

#include <fmt/format.h>

#include <array>
#include <boost/json/parse.hpp>
#include <cstdio>
#include <stdexcept>
#include <utility>

#include "app/commands/cli_admin.hpp"
#include "app/commands/cli_exit.hpp"
#include "app/commands/command_config.hpp"
#include "app/commands/command_node.hpp"
#include "app/commands/db_job.hpp"
#include "app/commands/db_order.hpp"
#include "app/database/cluster_parts.hpp"
#include "app/database/database_reports.hpp"

namespace understudy::app {

namespace json = boost::json;

namespace {

/// A gateway looks at all tables of the server before it answers.
constexpr std::chrono::minutes inspection_max{6};

struct weight_words {
  const char* weight;
  const char* words;
};
constexpr std::array weights{
    weight_words{"blocks", "In the way, and yours to do"},
    weight_words{"restart", "Needs settings, and a restart"},
    weight_words{"fixable", "Can be done while it runs"},
    weight_words{"warns", "To know"},
};

json::value json_of(const db::adopt_report& report) {
  std::string text;
  append_json(text, report);
  return json::parse(text);
}

db::adopt_task task_of(const gateway_config& config, const db_prepare_command& command) {
  const database_config& database = database_of(config, command.database);
  const cluster_secret secret = read_cluster_secret(database.password_file);
  for (const database_node_config& each : database.nodes) {
    if (core::number_of(each.id) != command.node) continue;
    db::adopt_task out;
    out.at = {command.socket, 0};
    out.administrator = {command.user, ""};
    out.supervisor = {database.user, secret.supervisor};
    out.node = each.id;
    out.address = endpoint_of(each.address).host;
    return out;
  }
  throw std::runtime_error(
      fmt::format("There is no node {} in [database.{}] nodes.", command.node, database.name));
}

// What is left, and how to end.
int say(const db_prepare_command& command, const db::adopt_report& report) {
  if (!report.failed.empty()) return complain(exit_unreached, report.failed);
  if (command.json) {
    std::string text;
    append_json(text, report);
    fmt::print("{}\n", text);
  } else {
    fmt::print("{}", adoption_text(json_of(report)));
  }
  return report.ready() ? exit_done : exit_refused;
}

}  // namespace

std::string adoption_text(const json::value& report) {
  std::string out;
  if (const std::string failed = text_of(report, "failed"); !failed.empty()) {
    out += fmt::format("The server was not looked at: {}.\n", failed);
    out +=
        "On its host, as root, `understudy db prepare` looks over its socket, and makes the "
        "account that gateways log in with.\n";
  }
  for (const weight_words& each : weights) {
    bool first = true;
    for (const json::value& finding : array_of(report, "findings")) {
      if (text_of(finding, "weight") != each.weight) continue;
      if (std::exchange(first, false)) out += fmt::format("{}:\n", each.words);
      out += fmt::format("  {}: {}\n", text_of(finding, "about"), text_of(finding, "text"));
    }
  }
  if (const json::array& statements = array_of(report, "statements"); !statements.empty()) {
    out += "SQL to run on it as root (`understudy db prepare --yes` does):\n";
    for (const json::value& each : statements) {
      out += fmt::format("  {};\n", std::string_view(each.as_string()));
    }
  }
  if (const std::string settings = text_of(report, "settings"); !settings.empty()) {
    out +=
        "Lines for a file in its folder of settings (/etc/mysql/mariadb.conf.d/99-understudy.cnf "
        "on Debian):\n" +
        settings;
  }
  if (is_true(report, "ready")) out += "The server can be adopted.\n";
  return out;
}

int run_db_prepare(const db_prepare_command& command) {
  const config_result read = load_config(command.config);
  if (!read.config) {
    print_problems(command.config, read.problems);
    return exit_usage;
  }
  db::adopt_task task;
  try {
    task = task_of(*read.config, command);
  } catch (const std::runtime_error& error) {
    return complain(exit_usage, error.what());
  }
  db::adopt_report report = db::inspect(task);
  if (!command.yes || !report.failed.empty() || report.statements.empty()) {
    return say(command, report);
  }
  if (!command.json) {
    for (const std::string& each : report.statements) fmt::print("runs {};\n", each);
  }
  for (const std::string& each : db::adopt_fix(task, report.statements)) {
    fmt::print(stderr, "understudy: {}\n", each);
  }
  return say(command, db::inspect(task));
}

int run_db_adopt(const db_command& command) {
  db_order order;
  order.name = "adopt";
  order.body = fmt::format("{{\"primary\":{}}}", command.node);
  order.answer_within = inspection_max;
  order.refused = [](const json::value& why) {
    return array_of(why, "findings").empty() && text_of(why, "failed").empty() ? std::string()
                                                                               : adoption_text(why);
  };
  order.done = [](const json::value&, const json::value& now) {
    return serves(now) && text_of(now, "phase") == "stable";
  };
  order.said = "The server is the primary of a cluster, and commits are replicated.";
  return follow(command, order);
}

}  // namespace understudy::app
