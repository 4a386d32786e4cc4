// The thread on which people's questions are answered, so that they never delay a write.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "store/sqlite/database.hpp"

namespace understudy::store::sqlite {

/// A read-only connection on a thread of its own. Questions are answered one after the other; each
/// has a time limit, because a snapshot that is held for long keeps the WAL growing.
class read_lane {
 public:
  read_lane(std::string file, std::string vfs);
  /// What was asked is answered, as after its time limit.
  ~read_lane();
  read_lane(const read_lane&) = delete;
  read_lane& operator=(const read_lane&) = delete;

  /// From any thread; false: too many wait already. `task` is called on the lane's thread, with the
  /// connection, or with nullptr and a sentence where there is none. It must not throw; after
  /// `limit` its statements fail with SQLITE_INTERRUPT.
  using task = std::function<void(connection*, const std::string& why)>;
  [[nodiscard]] bool ask(std::chrono::milliseconds limit, task what);

 private:
  void run();
  static int interrupt(void* lane);

  static constexpr std::size_t waiting_max = 256;

  std::string file_;
  std::string vfs_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::pair<std::chrono::milliseconds, task>> waiting_;
  std::atomic<bool> stopping_ = false;
  std::chrono::steady_clock::time_point until_;  // of the lane's thread
  std::thread thread_;
};

}  // namespace understudy::store::sqlite
