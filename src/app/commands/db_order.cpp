#include "app/commands/db_order.hpp"

#include <fmt/format.h>

#include <array>
#include <boost/json/parse.hpp>
#include <cstdio>
#include <thread>

#include "app/commands/cli_admin.hpp"
#include "app/commands/cli_exit.hpp"
#include "app/commands/db_job.hpp"

namespace understudy::app {

namespace json = boost::json;

namespace {

constexpr std::chrono::milliseconds look_interval{100};

// What ends an order without what it wanted.
bool refuses(std::string_view kind) {
  constexpr std::array refusals{"bootstrap_refused", "switchover_refused", "switchover_aborted",
                                "takeover_refused", "order_refused"};
  for (const std::string_view each : refusals) {
    if (kind == each) return true;
  }
  return false;
}

class follower {
 public:
  follower(const db_command& command, std::string begins_with, std::uint64_t after)
      : command_(command),
        subject_("database " + command.name + ","),
        begins_with_(std::move(begins_with)),
        begun_(begins_with_.empty()),
        after_(after) {}

  /// Tells what has happened since. False: the order was refused.
  [[nodiscard]] bool tell() {
    const admin_answer answer =
        ask_admin(command_.at, "GET", "/events", {{"after", std::to_string(after_)}});
    if (answer.exit != exit_done) return true;
    boost::system::error_code broken;
    const json::value events = json::parse(answer.body, broken);
    if (broken || !events.is_array()) return true;
    for (const json::value& each : events.get_array()) {
      after_ = static_cast<std::uint64_t>(number_of(each, "number"));
      if (!text_of(each, "subject").starts_with(subject_)) continue;
      last_ = fmt::format("{} ({}): {}; {}", text_of(each, "kind"),
                          text_of(each, "subject").substr(subject_.size() + 1),
                          text_of(each, "rule"), text_of(each, "effect"));
      if (!command_.json) fmt::print(stderr, "{}\n", last_);
      if (text_of(each, "kind") == begins_with_) begun_ = true;
      if (refuses(text_of(each, "kind"))) return false;
    }
    return true;
  }
  [[nodiscard]] const std::string& last() const { return last_; }
  [[nodiscard]] bool begun() const { return begun_; }

 private:
  const db_command& command_;
  std::string subject_;
  std::string begins_with_;
  bool begun_;
  std::uint64_t after_;
  std::string last_;
};

json::value read_document(const admin_answer& answer) {
  boost::system::error_code broken;
  json::value read = json::parse(answer.body, broken);
  return broken ? json::value() : read;
}

int say_done(const db_command& command, const std::string& document, const std::string& said) {
  if (command.json) {
    fmt::print("{}\n", document);
  } else {
    fmt::print("{}\n", said);
  }
  return exit_done;
}

}  // namespace

bool serves(const json::value& database) {
  const std::string phase = text_of(database, "phase");
  if (phase != "stable" && phase != "solo") return false;
  for (const json::value& each : array_of(database, "nodes")) {
    if (text_of(each, "role") == "primary") {
      return text_of(each, "state") == "up" && !is_true(each, "read_only");
    }
  }
  return false;
}

bool find_database(db_command& command, json::value& document, int& exit) {
  const admin_answer answer = ask_admin(command.at, "GET", "/databases");
  if (answer.exit != exit_done) {
    exit = complain(answer.exit, answer.sentence);
    return false;
  }
  const json::value all = read_document(answer);
  std::string names;
  for (const json::value& each : all.is_array() ? all.get_array() : json::array()) {
    if (text_of(each, "name") == command.name || (command.name.empty() && names.empty())) {
      document = each;
    }
    names += (names.empty() ? "" : ", ") + text_of(each, "name");
  }
  if (document.is_null() || (command.name.empty() && names.find(',') != std::string::npos)) {
    exit =
        complain(exit_usage,
                 command.name.empty()
                     ? fmt::format("say which database is meant: there are {}.", names)
                     : fmt::format("there is no database {}: there are {}.", command.name, names));
    return false;
  }
  command.name = text_of(document, "name");
  return true;
}

int follow(const db_command& asked, const db_order& order) {
  db_command command = asked;
  json::value before;
  int exit = exit_done;
  if (!find_database(command, before, exit)) return exit;
  const std::string path = "/databases/" + command.name;
  const admin_answer told =
      ask_admin(command.at, "POST", path + "/" + order.name, {}, order.answer_within, order.body);
  if (told.exit == exit_refused && order.refused) {
    const std::string text = order.refused(read_document(told));
    if (!text.empty()) fmt::print("{}", command.json ? told.body : text);
  }
  if (told.exit != exit_done) return complain(told.exit, told.sentence);
  const auto after = static_cast<std::uint64_t>(number_of(read_document(told), "after"));
  follower events(command, order.begun, after);
  const auto until = std::chrono::steady_clock::now() + command.patience;
  do {
    if (!events.tell()) return complain(exit_refused, events.last());
    const admin_answer now = ask_admin(command.at, "GET", path);
    if (events.begun() && now.exit == exit_done && order.done(before, read_document(now))) {
      (void)events.tell();
      return say_done(command, now.body, order.said);
    }
    std::this_thread::sleep_for(look_interval);
  } while (std::chrono::steady_clock::now() < until);
  return complain(
      exit_unknown,
      fmt::format("it was not done within {} s, and may be yet: `understudy db status "
                  "{}` shows how far it is.{}",
                  command.patience / std::chrono::seconds(1), command.name,
                  events.last().empty() ? "" : " The last that happened: " + events.last()));
}

}  // namespace understudy::app
