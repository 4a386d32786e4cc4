#include "app/commands/command_status.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <ctime>

#include "app/commands/cli_admin.hpp"
#include "app/commands/cli_exit.hpp"
#include "app/commands/cli_text.hpp"

namespace understudy::app {

namespace json = boost::json;

namespace {

constexpr std::size_t events_shown = 10;

std::string clock_time(double unix_ms) {
  const auto seconds = static_cast<std::time_t>(unix_ms / 1000);
  return fmt::format("{:%F %T}", fmt::localtime(seconds));
}

std::string ago(double since_ms) {
  const std::chrono::duration<double> now = std::chrono::system_clock::now().time_since_epoch();
  const auto seconds = static_cast<long>(std::max(0.0, now.count() - since_ms / 1000));
  if (seconds < 120) return fmt::format("{} s", seconds);
  if (seconds < 7200) return fmt::format("{} min", seconds / 60);
  return fmt::format("{} h", seconds / 3600);
}

// Where lanes differ: " (up on 3, down on 1)".
std::string lanes_of(const json::value& server) {
  const json::value* lanes = server.get_object().if_contains("lanes");
  if (lanes == nullptr || !lanes->is_object()) return {};
  std::string text;
  for (const auto& [state, count] : lanes->get_object()) {
    text += fmt::format("{}{} on {}", text.empty() ? " (" : ", ", std::string_view(state),
                        number_of(*lanes, state));
  }
  return text + ")";
}

void print_pool(const json::value& pool, bool colours) {
  std::string services;
  for (const auto& service : array_of(pool, "services")) {
    if (!services.empty()) services += ", ";
    services += service.is_string() ? std::string(service.get_string()) : "?";
  }
  fmt::print("\npool {}", text_of(pool, "name"));
  if (const auto listen = text_of(pool, "listen"); !listen.empty()) fmt::print(" on {}", listen);
  fmt::print(": {}\n", services.empty() ? "services not known yet" : services);
  if (const double parked = number_of(pool, "parked"); parked > 0) {
    const std::string line = fmt::format("{} calls wait for a server", parked);
    fmt::print("  {}\n", coloured(line, tone::bad, colours));
  }
  if (const double queued = number_of(pool, "queued"); queued > 0) {
    const std::string line = fmt::format("{} calls wait for a place at a server", queued);
    fmt::print("  {}\n", coloured(line, tone::bad, colours));
  }
  text_table table(
      {"SERVER", "STATE", "FOR", "PRIORITY", "RAMP", "IN FLIGHT", "ATTEMPTS", "FAILURES"});
  for (const auto& server : array_of(pool, "servers")) {
    const std::string state = text_of(server, "state");
    table.add({text_of(server, "address"),
               coloured(state + lanes_of(server), tone_of_state(state), colours),
               ago(number_of(server, "since_ms")), fmt::format("{}", number_of(server, "priority")),
               fmt::format("{:.0f} %", number_of(server, "share") * 100),
               fmt::format("{}", number_of(server, "in_flight")),
               fmt::format("{}", number_of(server, "attempts")),
               fmt::format("{}", number_of(server, "failures"))});
  }
  fmt::print("{}", table.text("  "));
}

void print_events(const json::array& events, bool colours) {
  if (events.empty()) return;
  const std::size_t shown = std::min(events.size(), events_shown);
  fmt::print("\nlast events\n");
  for (std::size_t i = events.size() - shown; i < events.size(); ++i) {
    const json::value& event = events[i];
    fmt::print("  {}  {}  {}\n", clock_time(number_of(event, "time_ms")), text_of(event, "kind"),
               text_of(event, "subject"));
    const std::string why =
        fmt::format("because {}; so {}", text_of(event, "rule"), text_of(event, "effect"));
    fmt::print("    {}\n", coloured(why, tone::quiet, colours));
  }
}

}  // namespace

int run_status(const status_command& command) {
  admin_answer answer;
  const json::value status = ask_status(command.at, answer);
  if (answer.exit != exit_done) return complain(answer.exit, answer.sentence);
  if (command.json) {
    fmt::print("{}", answer.body);
    return exit_done;
  }
  const bool colours = colours_wanted();
  const json::value* draining = status.get_object().if_contains("draining");
  const bool drains = draining != nullptr && draining->is_bool() && draining->get_bool();
  fmt::print("understudy {} at {}, up {}{}\n", text_of(status, "version"), command.at,
             fmt::format("{:.0f} s", number_of(status, "uptime_ms") / 1000),
             drains ? coloured(", draining", tone::careful, colours) : "");
  for (const auto& pool : array_of(status, "pools")) print_pool(pool, colours);
  print_events(array_of(status, "events"), colours);
  return exit_done;
}

}  // namespace understudy::app
