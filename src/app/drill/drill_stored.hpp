// The callers of a drill of stored calls: each repeats its call under the same key until it has
// an answer, as PHP's client does.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "app/drill/drill_judge.hpp"
#include "understudy/client.hpp"

namespace understudy::app {

/// Calls that were refused: "come again later". Any thread.
struct refusal_counts {
  std::atomic<std::uint64_t> all{0};
  std::atomic<std::uint64_t> hintless{0};  ///< those that were not told when
  /// Counts it, if it is one.
  void note(const rpc_error& error);
};

/// The name of an order, which is also the key of the call that places it, and the order itself.
[[nodiscard]] std::string order_ref(std::uint64_t number);
[[nodiscard]] std::string order_of(std::uint64_t number);
[[nodiscard]] client_options stored_client_options(const std::string& gateway);
inline constexpr std::chrono::milliseconds pause_between_repeats{20};

struct stored_load_options {
  std::string address;      ///< of the gateway
  std::uint64_t first = 0;  ///< the number of the first call
  std::optional<unsigned> priority;
  unsigned callers = 16;
  unsigned same_key = 1;  ///< so many callers make each call, at the same time
  /// A call without an answer for so long is given up, and counts as failed.
  std::chrono::seconds patience{60};
};

/// Places orders under keys of their own, from threads of its own, from construction on.
class stored_load {
 public:
  explicit stored_load(stored_load_options options);
  ~stored_load();  ///< finishes
  stored_load(const stored_load&) = delete;
  stored_load& operator=(const stored_load&) = delete;

  /// No further calls; returns when all have their answers.
  void finish();
  /// Calls that have an answer, so far.
  [[nodiscard]] std::uint64_t answered() const { return answered_; }
  [[nodiscard]] const refusal_counts& refused() const { return refused_; }
  /// Errors that were answered, refusals too, so far: most calls were repeated then.
  [[nodiscard]] std::uint64_t errors() const { return errors_; }

  // Once it has finished:
  [[nodiscard]] std::vector<drill_call> take_calls() { return std::move(calls_); }
  /// Calls whose callers were given different answers.
  [[nodiscard]] std::uint64_t contradictions() const { return contradictions_; }

 private:
  void call_on(std::stop_token stop);
  void call_together(std::stop_token stop);
  [[nodiscard]] std::string place(drill_call& call);
  void keep(const drill_call& call);

  stored_load_options options_;
  client client_;
  std::atomic<std::uint64_t> next_;
  std::atomic<std::uint64_t> answered_{0};
  refusal_counts refused_;
  std::atomic<std::uint64_t> errors_{0};
  std::uint64_t contradictions_ = 0;
  std::mutex mutex_;  // guards calls_
  std::vector<drill_call> calls_;
  std::vector<std::jthread> threads_;
};

/// Asks the gateway to have `OrderInterface@get` called by and by, with `killer` in its context:
/// the call's ticket.
[[nodiscard]] std::string store_killer(const std::string& gateway);

}  // namespace understudy::app
