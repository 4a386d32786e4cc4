// Every ejection, return, refusal: kept in memory, written as one JSON line, handed to watchers.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "core/types.hpp"

namespace understudy::app {

struct event {
  std::uint64_t number = 0;  ///< grows by one
  std::int64_t time_ms = 0;  ///< Unix
  core::record record;
};

/// {"time_ms","kind","subject","evidence":{},"rule","effect","epoch"}
[[nodiscard]] std::string to_json(const event& e);

/// Any thread. Keeps the last `kept_max` events.
class event_log {
 public:
  using watcher = std::function<void(const event&)>;

  explicit event_log(std::size_t kept_max = 1000);
  void write(const core::record& record);
  /// Events after number `after`, oldest first.
  [[nodiscard]] std::vector<event> since(std::uint64_t after) const;
  /// Called for each new event, on the writer's thread; must be quick. Returns its handle.
  std::uint64_t watch(watcher w);
  void unwatch(std::uint64_t handle);

 private:
  mutable std::mutex mutex_;
  std::size_t kept_max_;
  std::uint64_t last_ = 0;
  std::uint64_t handles_ = 0;
  std::deque<event> events_;
  std::vector<std::pair<std::uint64_t, watcher>> watchers_;
};

}  // namespace understudy::app
