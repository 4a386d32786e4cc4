#include "app/commands/db_job.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <boost/json/parse.hpp>
#include <cstdio>
#include <thread>

#include "app/commands/cli_admin.hpp"
#include "app/commands/cli_exit.hpp"
#include "app/commands/db_order.hpp"

namespace understudy::app {

namespace json = boost::json;

namespace {

constexpr std::chrono::milliseconds look_interval{100};
constexpr std::chrono::seconds line_interval{1};

std::string sentence_of(const json::value& job) {
  std::string out = text_of(job, "kind");
  const std::string phase = text_of(job, "phase");
  const std::string table = text_of(job, "table");
  if (!phase.empty()) out += ": " + phase;
  if (!table.empty()) out += " of " + table;
  if (number_of(job, "total") > 0) {
    out += fmt::format(", {} of {} done", number_of(job, "done"), number_of(job, "total"));
  }
  if (number_of(job, "rows") > 0) out += fmt::format(", {:.0f} rows", number_of(job, "rows"));
  return out;
}

class progress_line {
 public:
  explicit progress_line(bool silent) : silent_(silent), rewritten_(::isatty(STDERR_FILENO) == 1) {}
  ~progress_line() {
    if (rewritten_ && !last_.empty()) fmt::print(stderr, "\r\033[K");
  }
  progress_line(const progress_line&) = delete;
  progress_line& operator=(const progress_line&) = delete;

  void tell(std::string text) {
    const auto now = std::chrono::steady_clock::now();
    if (silent_ || text == last_) return;
    if (!rewritten_ && !last_.empty() && now - told_ < line_interval) return;
    if (rewritten_) {
      fmt::print(stderr, "\r\033[K{}", text);
    } else {
      fmt::print(stderr, "{}\n", text);
    }
    std::fflush(stderr);
    told_ = now;
    last_ = std::move(text);
  }

 private:
  bool silent_;
  bool rewritten_;
  std::string last_;
  std::chrono::steady_clock::time_point told_{};
};

}  // namespace

bool is_true(const json::value& object, std::string_view name) {
  const json::value& value = member_of(object, name);
  return value.is_bool() && value.get_bool();
}

const json::value& member_of(const json::value& object, std::string_view name) {
  static const json::value none;
  const json::value* const value =
      object.is_object() ? object.get_object().if_contains(name) : nullptr;
  return value != nullptr ? *value : none;
}

bool run_job(db_command& command, const std::string& order, const std::string& body,
             json::value& ended, int& exit) {
  json::value before;
  if (!find_database(command, before, exit)) return false;
  const std::string path = "/databases/" + command.name;
  const admin_answer told =
      ask_admin(command.at, "POST", path + "/" + order, {}, std::chrono::seconds(10), body);
  if (told.exit != exit_done) {
    exit = complain(told.exit, told.sentence);
    return false;
  }
  const auto until = std::chrono::steady_clock::now() + command.job_patience;
  progress_line progress(command.json);
  std::string last;
  do {
    const admin_answer now = ask_admin(command.at, "GET", path + "/job");
    boost::system::error_code broken;
    json::value job = json::parse(now.body, broken);
    const bool is_job = now.exit == exit_done && !broken;
    if (now.exit == exit_refused || (is_job && text_of(job, "kind") != order)) {
      exit = complain(exit_unknown,
                      "the gateway has forgotten the work, or does another one: it was reloaded, "
                      "or asked by somebody else");
      return false;
    }
    if (is_job) {
      last = sentence_of(job);
      progress.tell(last);
      if (is_true(job, "ended")) {
        ended = std::move(job);
        return true;
      }
    }
    std::this_thread::sleep_for(look_interval);
  } while (std::chrono::steady_clock::now() < until);
  exit = complain(exit_unknown,
                  fmt::format("it was not done within {} s, and goes on: GET {}/job tells how far "
                              "it is. The last: {}",
                              command.job_patience / std::chrono::seconds(1), path, last));
  return false;
}

int stop_job(db_command command) {
  json::value before;
  int exit = exit_done;
  if (!find_database(command, before, exit)) return exit;
  const admin_answer told = ask_admin(command.at, "DELETE", "/databases/" + command.name + "/job");
  if (told.exit != exit_done) return complain(told.exit, told.sentence);
  fmt::print("{}", command.json ? told.body : "It ends.\n");
  return exit_done;
}

}  // namespace understudy::app
