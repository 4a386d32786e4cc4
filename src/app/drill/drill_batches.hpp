// Stores calls in batches: far more at a time than callers that wait for their answers.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <limits>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "app/drill/drill_stored.hpp"
#include "understudy/client.hpp"

namespace understudy::app {

struct batch_load_options {
  std::string address;      ///< of the gateway
  std::uint64_t first = 0;  ///< the number of the first call
  std::uint64_t calls = std::numeric_limits<std::uint64_t>::max() / 2;  ///< at most
  unsigned callers = 4;
  unsigned batch = 1000;  ///< calls that are stored together
  /// A batch that is not stored for so long is given up, and counts as failed.
  std::chrono::seconds patience{60};
};

/// Queues orders under keys of their own, from threads of its own, from construction on. A batch
/// that was not stored is sent again until it is.
class batch_load {
 public:
  explicit batch_load(batch_load_options options);
  ~batch_load();  ///< finishes
  batch_load(const batch_load&) = delete;
  batch_load& operator=(const batch_load&) = delete;

  /// No further batches; returns when all that were begun are stored.
  void finish();
  /// Returns when all calls are stored, or one batch has failed; throws drill_interrupted.
  void wait();
  /// How often a batch was refused with a time to come again, and without one.
  [[nodiscard]] const refusal_counts& refused() const { return refused_; }
  [[nodiscard]] std::uint64_t stored() const { return stored_; }

  /// Once it has finished.
  [[nodiscard]] std::vector<drill_call> take_calls() { return std::move(calls_); }

 private:
  void store_on(std::stop_token stop);
  void store(std::uint64_t first, std::uint64_t count);

  batch_load_options options_;
  client client_;
  std::atomic<std::uint64_t> next_;
  std::atomic<std::uint64_t> stored_{0};
  std::atomic<std::uint64_t> failed_{0};  // batches
  refusal_counts refused_;
  std::mutex mutex_;  // guards calls_
  std::vector<drill_call> calls_;
  std::vector<std::jthread> threads_;
};

}  // namespace understudy::app
