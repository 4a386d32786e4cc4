#include "app/commands/command_db_rotate.hpp"

#include <fmt/format.h>

#include <boost/json/serialize.hpp>
#include <cstdio>
#include <filesystem>

#include "app/commands/cli_admin.hpp"
#include "app/commands/cli_exit.hpp"
#include "app/commands/db_job.hpp"

namespace understudy::app {

namespace json = boost::json;

namespace {

constexpr const char* begun =
    "The new secret is as good as the old one, and replicas receive with it. Next:\n"
    "1. on all hosts put it into the password file of the configuration;\n"
    "2. reload all agents (SIGHUP to `understudy node`), then all gateways (SIGHUP);\n"
    "3. `understudy db rotate-password --finish`;\n"
    "4. reload all agents once more: they do not hear the old one then.\n";
constexpr const char* finished =
    "The servers take the new secret alone. Reload all agents once more (SIGHUP): they do not hear "
    "the old one then.\n";

}  // namespace

std::string rotation_text(const json::value& report) {
  std::string out;
  for (const json::value& each : array_of(report, "obstacles")) {
    out += fmt::format("{}\n", std::string_view(each.as_string()));
  }
  return out;
}

int run_db_rotate(const db_command& asked) {
  db_command command = asked;
  json::object body;
  if (command.finish) {
    body["finish"] = true;
  } else if (command.file.empty()) {
    return complain(exit_usage, "say --new FILE, or --finish.");
  } else {
    body["file"] = std::filesystem::absolute(command.file).string();
  }
  json::value job;
  int exit = exit_done;
  if (!run_job(command, "rotate-password", json::serialize(body), job, exit)) return exit;
  const json::value& report = member_of(job, "report");
  const bool done = is_true(job, "ok");
  if (command.json) {
    fmt::print("{}\n", json::serialize(report));
  } else if (done) {
    fmt::print("{}", command.finish ? finished : begun);
  } else {
    fmt::print("{}", rotation_text(report));
  }
  return done ? exit_done : complain(exit_failed, text_of(report, "failed") + ".");
}

}  // namespace understudy::app
