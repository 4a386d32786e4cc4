// The callers of a drill: orders placed and read, each call recorded.
#pragma once

#include <exception>
#include <stop_token>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "app/drill_judge.hpp"
#include "app/load.hpp"

namespace understudy::app {

/// Of ten calls five place an order under a ref of its own (not idempotent), four read the first
/// order and one lists ten. Runs on a thread of its own from construction on.
class drill_load {
 public:
  explicit drill_load(load_options options);
  ~drill_load();  ///< finishes
  drill_load(const drill_load&) = delete;
  drill_load& operator=(const drill_load&) = delete;

  /// No further calls; returns when all have ended, at most the call timeout later.
  void finish();

  // Once it has finished:

  /// Rethrows what made the load impossible (std::runtime_error: it could not connect).
  void check() const;
  [[nodiscard]] const load_report& report() const { return report_; }
  [[nodiscard]] std::vector<drill_call> take_calls() { return std::move(calls_); }

 private:
  void run(std::stop_token stop);

  load_options options_;
  std::vector<drill_call> calls_;
  load_report report_;
  std::exception_ptr failure_;
  std::jthread thread_;
};

/// Runs `place` of an order with this ref once, from here: the order that the load reads.
void place_first_order(const std::string& address, std::chrono::milliseconds timeout);

/// Executions by call number, as an orders database has them: one row each, whose ref names the
/// call. Throws std::runtime_error with a sentence.
[[nodiscard]] std::unordered_map<std::uint64_t, unsigned> count_rows(const std::string& database);

}  // namespace understudy::app
