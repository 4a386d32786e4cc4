#include "app/drill/drill_commits.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "understudy/error.hpp"

namespace understudy::app {

namespace {

constexpr std::chrono::seconds connect_timeout{5};
constexpr std::chrono::milliseconds pause_between_tries{2};
// For what is under way at the end of a load: a cluster that serves answers before.
constexpr std::chrono::milliseconds last_answers{1000};

/// It has not been done, says the server: read-only, a lock that was not had, a deadlock; or so
/// says `write`, which ended the session before it (1927; a server that says so leaves it open).
bool is_undone(const db::fault& failed) {
  if (failed.code == 1927) return failed.text.starts_with("This was not executed");
  constexpr std::array undone{1290U, 1205U, 1213U};
  return failed.what == db::trouble::refused ||
         (failed.what == db::trouble::answered &&
          std::find(undone.begin(), undone.end(), failed.code) != undone.end());
}

core::time_point soon(std::chrono::milliseconds time) {
  return std::chrono::steady_clock::now() + time;
}

}  // namespace

drill_commits::drill_commits(drill_commits_options options)
    : options_(std::move(options)), next_(options_.first) {
  for (unsigned i = 0; i < options_.clients; ++i) {
    threads_.emplace_back([this](const std::stop_token& stop) { commit_on(stop); });
  }
}

drill_commits::~drill_commits() {
  finish();
}

void drill_commits::finish() {
  if (threads_.empty()) return;
  for (auto& thread : threads_) thread.request_stop();
  std::this_thread::sleep_for(last_answers);
  interrupt_.stop();
  threads_.clear();
}

void drill_commits::commit_on(const std::stop_token& stop) {
  db::session session(&interrupt_);
  while (!stop.stop_requested()) {
    drill_call row;
    row.write = true;
    row.call.number = next_++;
    row.call.start = load_clock::now();
    const bool sent = commit(session, row, stop);
    row.call.end = load_clock::now();
    if (row.call.good()) ++acknowledged_;
    if (sent) {
      const std::lock_guard lock(mutex_);
      calls_.push_back(row);
    }
    std::this_thread::sleep_for(options_.pause);
  }
}

// False: it was never sent, and never will be.
bool drill_commits::commit(db::session& by, drill_call& row, const std::stop_token& stop) {
  const std::string sql = fmt::format("INSERT INTO app.t VALUES ({})", row.call.number);
  for (; !stop.stop_requested(); std::this_thread::sleep_for(pause_between_tries)) {
    if (!by.usable() && by.connect(options_.to, options_.who, soon(connect_timeout))) continue;
    const auto done = by.run(sql, soon(options_.patience));
    if (done.ok()) return true;
    by.close();
    if (is_undone(done.failed)) {
      ++tried_again_;
      if (done.failed.what == db::trouble::answered) ++errors_;
      continue;
    }
    if (done.failed.what == db::trouble::answered) {
      row.call.error = true;
      row.call.code = done.failed.code;
    } else {
      row.call.error = done.failed.what == db::trouble::lost;
      row.call.code = row.call.error ? code::outcome_unknown : 0;
      if (!row.call.error) row.call.how = load_end::timed_out;
      const std::lock_guard lock(mutex_);
      if (unknown_.empty()) unknown_ = fmt::format("{} ({})", done.failed.text, done.failed.code);
    }
    return true;
  }
  return false;
}

}  // namespace understudy::app
