// Applications that talk to a node directly, past `write`: what a deposed primary tells them.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

#include "db/session.hpp"

namespace understudy::app {

/// Connected from construction on, to a server that answers then. Throws std::runtime_error with a
/// sentence where it does not. For one thread.
class direct_clients {
 public:
  /// Their rows have the numbers from `first` on.
  direct_clients(const db::endpoint& to, const db::login& who, std::uint64_t first,
                 unsigned count = 3);
  ~direct_clients();  ///< gives up what waits
  direct_clients(const direct_clients&) = delete;
  direct_clients& operator=(const direct_clients&) = delete;

  /// Each sends one row, and waits for the answer on a thread of its own.
  void insert();
  /// KILL QUERY for every statement of their account that is under way, again and again, by a
  /// session that was opened with them. Does not wait.
  void kill_queries();
  /// Rows for which an OK came, so far.
  [[nodiscard]] unsigned acknowledged() const { return acknowledged_; }

 private:
  db::interrupt interrupt_;
  std::uint64_t first_;
  std::atomic<unsigned> acknowledged_{0};
  std::vector<std::unique_ptr<db::session>> sessions_;
  std::unique_ptr<db::session> killer_;
  std::vector<std::jthread> threads_;
};

}  // namespace understudy::app
