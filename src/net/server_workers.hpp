// Threads for methods that may block, with a bounded queue before them.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

namespace understudy::net {

/// Thread-safe, but for stop().
class server_workers {
 public:
  server_workers(unsigned threads, std::size_t waiting_max);
  /// stop(0ms).
  ~server_workers();
  server_workers(const server_workers&) = delete;
  server_workers& operator=(const server_workers&) = delete;

  /// False, and nothing kept, if all threads are busy and `waiting_max` pieces of work wait, or
  /// after stop(). `work` must not throw.
  [[nodiscard]] bool post(std::function<void()> work);
  /// Drops what waits and lets what runs end for at most `patience`; a thread that is still busy
  /// then is left to itself: its work must own all it uses.
  void stop(std::chrono::milliseconds patience);

 private:
  struct shared;
  std::shared_ptr<shared> shared_;
  std::vector<std::thread> threads_;
};

}  // namespace understudy::net
