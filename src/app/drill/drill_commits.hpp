// The applications of a database drill: each commits row after row, and connects again when it has
// to.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "app/drill/drill_judge.hpp"
#include "db/session.hpp"

namespace understudy::app {

struct drill_commits_options {
  db::endpoint to;
  db::login who;
  unsigned clients = 4;
  std::uint64_t first = 0;                    ///< the number of the first row
  std::chrono::milliseconds pause{2};         ///< of each client between its commits
  std::chrono::milliseconds patience{15000};  ///< for the answer to one statement
};

/// Inserts rows into app.t, from threads of its own, from construction on. A row's number is its
/// call's. An answer that says that nothing was done (no connection, read-only, a session that was
/// ended before its statement) makes the client try the same row again, and is counted; after a
/// connection that is lost with a statement under way, which may have been done, it goes on with
/// the next one.
class drill_commits {
 public:
  explicit drill_commits(drill_commits_options options);
  ~drill_commits();  ///< finishes
  drill_commits(const drill_commits&) = delete;
  drill_commits& operator=(const drill_commits&) = delete;

  /// No further rows; what waits is given up, and unknown where it was sent.
  void finish();
  [[nodiscard]] std::uint64_t acknowledged() const { return acknowledged_; }
  [[nodiscard]] std::uint64_t next() const { return next_; }
  /// Statements that were tried again, since nothing had been done.
  [[nodiscard]] std::uint64_t tried_again() const { return tried_again_; }
  /// Those of them that were answered with an error of a server, which an application would see.
  [[nodiscard]] std::uint64_t errors() const { return errors_; }

  // Once it has finished:
  /// Why the outcome of the first row of which it is unknown is so; empty: of none.
  [[nodiscard]] const std::string& unknown() const { return unknown_; }
  [[nodiscard]] std::vector<drill_call> take_calls() { return std::move(calls_); }

 private:
  void commit_on(const std::stop_token& stop);
  [[nodiscard]] bool commit(db::session& by, drill_call& row, const std::stop_token& stop);

  drill_commits_options options_;
  db::interrupt interrupt_;
  std::atomic<std::uint64_t> next_;
  std::atomic<std::uint64_t> acknowledged_{0};
  std::atomic<std::uint64_t> tried_again_{0};
  std::atomic<std::uint64_t> errors_{0};
  std::mutex mutex_;  // guards calls_ and unknown_
  std::string unknown_;
  std::vector<drill_call> calls_;
  std::vector<std::jthread> threads_;
};

}  // namespace understudy::app
