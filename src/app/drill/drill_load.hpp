// The callers of a drill: orders placed and read, each call recorded.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <exception>
#include <stop_token>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "app/bench/load.hpp"
#include "app/drill/drill_judge.hpp"

namespace understudy::app {

enum class drill_mix : std::uint8_t {
  orders,  ///< of ten calls five place an order under a ref of its own (not idempotent), four read
           ///< the first order and one lists ten
  reads,   ///< each reads the first order
  work,    ///< each keeps one of a server's worker threads busy for `drill_work`
};
inline constexpr std::chrono::milliseconds drill_work{20};

/// Runs on a thread of its own from construction on.
class drill_load {
 public:
  drill_load(load_options options, drill_mix mix);
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
  drill_mix mix_;
  std::vector<drill_call> calls_;
  load_report report_;
  std::exception_ptr failure_;
  std::jthread thread_;
};

/// Runs `place` of an order with this ref once, from here: the order that the load reads.
void place_first_order(const std::string& address, std::chrono::milliseconds timeout);

/// Calls `OrderInterface@get` once, with `killer` in its context, on a thread of its own.
class killer_caller {
 public:
  killer_caller(const std::string& address, std::chrono::milliseconds timeout);

  /// It has its answer, or waited for it in vain.
  [[nodiscard]] bool ended() const { return ended_; }
  /// Once it has ended.
  [[nodiscard]] bool got_error() const { return got_error_; }

 private:
  std::atomic<bool> ended_ = false;
  bool got_error_ = false;
  std::jthread thread_;
};

/// What orders databases have, by call number: one row for each execution, whose ref names the call
/// and whose server is `primary` or another. Throws std::runtime_error with a sentence.
[[nodiscard]] std::unordered_map<std::uint64_t, drill_row> count_rows(
    const std::vector<std::string>& databases);

}  // namespace understudy::app
