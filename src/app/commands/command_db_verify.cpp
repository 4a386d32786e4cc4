#include "app/commands/command_db_verify.hpp"

#include <fmt/format.h>

#include <boost/json/serialize.hpp>
#include <cstdio>

#include "app/commands/cli_admin.hpp"
#include "app/commands/cli_exit.hpp"
#include "app/commands/db_job.hpp"

namespace understudy::app {

namespace json = boost::json;

namespace {

std::string list_of(const json::array& values) {
  std::string out;
  for (const json::value& each : values) {
    if (!out.empty()) out += ", ";
    out += each.is_string() ? std::string(each.get_string()) : json::serialize(each);
  }
  return out;
}

std::string where_of(const json::value& difference) {
  const std::string from = text_of(difference, "from");
  const std::string to = text_of(difference, "to");
  if (from.empty() && to.empty()) return "";
  if (from.empty()) return fmt::format(", key up to {}", to);
  if (to.empty()) return fmt::format(", key above {}", from);
  return fmt::format(", key above {} and up to {}", from, to);
}

std::string name_of(const json::value& difference) {
  const std::string database = text_of(difference, "database");
  const std::string name = text_of(difference, "name");
  if (database.empty() || name.empty()) return database + name;
  return database + "." + name;
}

std::string sentence_of(const json::value& difference) {
  const std::string kind = text_of(difference, "kind");
  const std::string what = fmt::format("node {}: {} {}", number_of(difference, "node"),
                                       text_of(difference, "object"), name_of(difference));
  if (kind == "missing") return what + " is missing";
  if (kind == "extra") return what + " is there, and not on the primary";
  if (kind == "definition") return what + " has another definition";
  return fmt::format("{}{}: {:.0f} rows on the primary, {:.0f} on the node, and they differ{}",
                     what, where_of(difference), number_of(difference, "rows_primary"),
                     number_of(difference, "rows_node"),
                     is_true(difference, "exact")
                         ? ""
                         : " (of an engine without snapshots: it may have changed meanwhile)");
}

std::string result_of(const json::value& report) {
  const std::string failed = text_of(report, "failed");
  if (!failed.empty()) return fmt::format("It was not done: {}.\n", failed);
  if (is_true(report, "equal")) return "All nodes have the same data.\n";
  if (!array_of(report, "differences").empty()) return "There are differences.\n";
  return array_of(report, "compared").empty()
             ? "Nothing was compared.\n"
             : "What was compared is the same, and not all was compared.\n";
}

}  // namespace

std::string verify_text(const json::value& report) {
  std::string out = result_of(report);
  if (const std::string at = text_of(report, "at"); !at.empty()) {
    out += fmt::format(
        "Compared with the primary as of transaction {}: node {}; {:.0f} tables, {:.0f} rows.\n"
        "Commits were held for {:.1f} ms{}.\n",
        at, list_of(array_of(report, "compared")), number_of(report, "tables"),
        number_of(report, "rows"), number_of(report, "pause_ms"),
        number_of(report, "attempts") > 1
            ? fmt::format(", in the last of {:.0f} attempts", number_of(report, "attempts"))
            : "");
  }
  if (const json::array& inexact = array_of(report, "inexact"); !inexact.empty()) {
    out += fmt::format("Without snapshots, and so compared as they were meanwhile: {}.\n",
                       list_of(inexact));
  }
  for (const json::value& each : array_of(report, "gaps")) {
    const std::string table = text_of(each, "table");
    out += fmt::format("not compared: {}{}: {}\n",
                       number_of(each, "node") > 0 ? fmt::format("node {}", number_of(each, "node"))
                                                   : std::string("any node"),
                       table.empty() ? "" : ", " + table, text_of(each, "why"));
  }
  for (const json::value& each : array_of(report, "differences")) out += sentence_of(each) + "\n";
  if (is_true(report, "more")) out += "There are more differences than are told of here.\n";
  return out;
}

int run_db_verify(const db_command& asked) {
  if (asked.stop) return stop_job(asked);
  db_command command = asked;
  json::value job;
  int exit = exit_done;
  if (!run_job(command, "verify", "", job, exit)) return exit;
  const json::value& report = member_of(job, "report");
  if (command.json) {
    fmt::print("{}\n", json::serialize(report));
  } else {
    fmt::print("{}", verify_text(report));
  }
  if (is_true(report, "stopped")) return exit_unknown;
  return is_true(job, "ok") ? exit_done : exit_failed;
}

}  // namespace understudy::app
