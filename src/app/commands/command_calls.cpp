#include "app/commands/command_calls.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <array>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <chrono>
#include <cstdio>
#include <utility>
#include <vector>

#include "app/commands/cli_admin.hpp"
#include "app/commands/cli_exit.hpp"
#include "app/commands/cli_text.hpp"

namespace understudy::app {

namespace json = boost::json;

namespace {

// To count ten million calls takes a while.
constexpr std::chrono::minutes verify_patience{5};

using query = std::vector<std::pair<std::string, std::string>>;

tone tone_of_call(std::string_view state) {
  if (state == "done") return tone::good;
  if (state == "dead") return tone::bad;
  if (state == "waiting" || state == "running") return tone::plain;
  return tone::quiet;
}

// The gateway's answer as a tree; null, after a complaint, where it is none.
json::value ask(const calls_command& command, const std::string& method, const std::string& path,
                const query& parameters, int& code,
                std::chrono::milliseconds patience = std::chrono::seconds(15)) {
  const admin_answer answer = ask_admin(command.at, method, path, parameters, patience);
  code = answer.exit;
  if (answer.exit != exit_done) {
    complain(answer.exit, answer.sentence);
    return nullptr;
  }
  boost::system::error_code broken;
  json::value tree = json::parse(answer.body, broken);
  if (!broken) return tree;
  code = complain(exit_unreached, fmt::format("what {} answers is not readable.", command.at));
  return nullptr;
}

// One request whose answer is only printed as JSON, or replaced by a sentence.
int change(const calls_command& command, const std::string& method, const std::string& path,
           const query& parameters, std::string_view sentence) {
  int code = exit_done;
  const json::value answer = ask(command, method, path, parameters, code);
  if (code != exit_done) return code;
  if (command.json) {
    fmt::print("{}\n", json::serialize(answer));
  } else {
    fmt::print("{}\n", sentence);
  }
  return exit_done;
}

std::string call_path(const calls_command& command, std::string_view action = "") {
  return fmt::format("/calls/{}{}", command.ticket, action);
}

std::string when(const json::value& object, std::string_view name) {
  const double ms = number_of(object, name);
  if (ms == 0) return "";
  const auto at = std::chrono::system_clock::time_point(
      std::chrono::milliseconds(static_cast<std::int64_t>(ms)));
  return fmt::format("{:%F %T}", fmt::localtime(std::chrono::system_clock::to_time_t(at)));
}

}  // namespace

int run_calls_list(const calls_command& command) {
  const query parameters{{"service", command.service}, {"state", command.state},
                         {"key", command.key},         {"method", command.method},
                         {"after", command.after},     {"count", std::to_string(command.count)}};
  int code = exit_done;
  const json::value calls = ask(command, "GET", "/calls", parameters, code);
  if (code != exit_done) return code;
  if (command.json) {
    fmt::print("{}\n", json::serialize(calls));
    return exit_done;
  }
  const bool colours = colours_wanted();
  text_table table({"TICKET", "METHOD", "STATE", "ATTEMPTS", "CREATED", "KEY", "REASON"});
  for (const json::value& call : calls.as_array()) {
    const std::string state = text_of(call, "state");
    table.add({text_of(call, "ticket"), text_of(call, "method"),
               coloured(state, tone_of_call(state), colours),
               fmt::format("{}", number_of(call, "attempts")), when(call, "created_ms"),
               text_of(call, "key"), text_of(call, "reason")});
  }
  fmt::print("{}", table.text());
  if (calls.as_array().size() == command.count) {
    fmt::print("There may be more: --after {}\n", text_of(calls.as_array().back(), "ticket"));
  }
  return exit_done;
}

int run_calls_show(const calls_command& command) {
  int code = exit_done;
  const json::value call = ask(command, "GET", call_path(command), {}, code);
  if (code != exit_done) return code;
  if (command.json) {
    fmt::print("{}\n", json::serialize(call));
    return exit_done;
  }
  for (const auto& member : call.as_object()) {
    if (member.value().is_null()) continue;
    const std::string_view name(member.key().data(), member.key().size());
    const std::string text = name.ends_with("_ms")        ? when(call, name)
                             : member.value().is_string() ? text_of(call, name)
                                                          : json::serialize(member.value());
    fmt::print("{:14}{}\n", name.ends_with("_ms") ? name.substr(0, name.size() - 3) : name, text);
  }
  return exit_done;
}

int run_calls_retry(const calls_command& command) {
  query parameters;
  if (command.as_new) parameters.emplace_back("as_new", "true");
  int code = exit_done;
  const json::value answer = ask(command, "POST", call_path(command, "/retry"), parameters, code);
  if (code != exit_done) return code;
  if (command.json) {
    fmt::print("{}\n", json::serialize(answer));
  } else {
    fmt::print("{} is due again.\n", text_of(answer, "ticket"));
  }
  return exit_done;
}

int run_calls_cancel(const calls_command& command) {
  return change(command, "DELETE", call_path(command), {}, "Cancelled: it has had no effect.");
}

int run_calls_purge(const calls_command& command) {
  return change(command, "POST", call_path(command, "/purge"), {}, "Forgotten.");
}

int run_calls_pause(const calls_command& command) {
  return change(command, "POST", fmt::format("/calls/services/{}/pause", command.service), {},
                "Paused: its calls are stored and wait; those that run end.");
}

int run_calls_resume(const calls_command& command) {
  return change(command, "POST", fmt::format("/calls/services/{}/resume", command.service), {},
                "Its calls are carried again.");
}

int run_calls_stats(const calls_command& command) {
  int code = exit_done;
  const json::value counts = ask(command, "GET", "/calls/stats", {}, code);
  if (code != exit_done) return code;
  if (command.json) {
    fmt::print("{}\n", json::serialize(counts));
    return exit_done;
  }
  constexpr std::array columns{"accepted", "waiting",   "running", "done",
                               "dead",     "cancelled", "expired", "attempts"};
  text_table table({"SERVICE", "ACCEPTED", "WAITING", "RUNNING", "DONE", "DEAD", "CANCELLED",
                    "EXPIRED", "ATTEMPTS", "OLDEST WAITING"});
  for (const json::value& service : array_of(counts, "services")) {
    const json::value* paused = service.as_object().if_contains("paused");
    const bool rests = paused != nullptr && paused->is_bool() && paused->get_bool();
    std::vector<std::string> row{text_of(service, "service") + (rests ? " (paused)" : "")};
    for (const char* column : columns) {
      row.push_back(fmt::format("{}", number_of(service, column)));
    }
    row.push_back(when(service, "oldest_waiting_ms"));
    table.add(std::move(row));
  }
  fmt::print("{}", table.text());
  const double commits = number_of(counts, "commits");
  fmt::print("{} commits, {:.1f} operations in each; {} late words refused; {:.1f} MiB\n", commits,
             commits > 0 ? number_of(counts, "operations") / commits : 0,
             number_of(counts, "fenced"), number_of(counts, "bytes") / (1 << 20));
  return exit_done;
}

int run_calls_verify(const calls_command& command) {
  int code = exit_done;
  const json::value found = ask(command, "GET", "/calls/verify", {}, code, verify_patience);
  if (code != exit_done) return code;
  const json::array& problems = array_of(found, "problems");
  if (command.json) {
    fmt::print("{}\n", json::serialize(found));
  } else if (problems.empty()) {
    fmt::print("Every accepted call is waiting, running, done, dead, cancelled or expired.\n");
  } else {
    for (const json::value& problem : problems) {
      fmt::print("{}\n", std::string_view(problem.as_string()));
    }
  }
  return problems.empty() ? exit_done : exit_failed;
}

}  // namespace understudy::app
