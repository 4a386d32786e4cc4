// Every ejection, return, refusal: kept in memory, and handed to watchers as it happens.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/types.hpp"

namespace understudy::app {

struct event {
  std::uint64_t number = 0;  ///< grows by one, from 1; begins again with the process
  std::int64_t time_ms = 0;  ///< Unix
  core::record record;
};

/// {"number","time_ms","kind","subject","evidence":{},"rule","effect","epoch"} in one line, without
/// a line break. `epoch` is that of a database: null where none is concerned.
[[nodiscard]] std::string to_json(const event& e);

/// Any thread. Keeps the last `kept_max` events; older ones are forgotten.
class event_log {
 public:
  using watcher = std::function<void(const event&)>;

  explicit event_log(std::size_t kept_max = 1000);
  void write(const core::record& record);
  /// Events after number `after`, oldest first. A number that was never given out (the process was
  /// started again since) counts as 0.
  [[nodiscard]] std::vector<event> since(std::uint64_t after) const;
  /// The number of the newest event; 0: there is none.
  [[nodiscard]] std::uint64_t last() const;
  /// Called for each new event, in order, on the writer's thread; must be quick and must not call
  /// this log. With `replay_after`, first for the kept events that since() would return: nothing
  /// is missed or repeated between those and the new ones. Returns its handle.
  std::uint64_t watch(watcher w, std::optional<std::uint64_t> replay_after = std::nullopt);
  /// When it returns, the watcher is not running and is never called again.
  void unwatch(std::uint64_t handle);

 private:
  template <typename Visit>
  void each_since(std::uint64_t after, Visit&& visit) const;

  mutable std::mutex mutex_;  // guards all below; held while watchers run, to keep the order
  std::size_t kept_max_;
  std::uint64_t last_ = 0;
  std::uint64_t handles_ = 0;
  std::deque<event> events_;
  std::vector<std::pair<std::uint64_t, watcher>> watchers_;
};

}  // namespace understudy::app
