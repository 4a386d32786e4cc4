// An application that commits rows one by one.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <set>
#include <thread>

#include "db/support/cluster.hpp"

namespace understudy::db {

/// Inserts rows into app.t on a thread of its own, with ids from `first` on, until the server does
/// not answer with OK, or stop(). It waits for an answer as long as it takes.
class load {
 public:
  load(cluster& on, unsigned node, std::int64_t first)
      : client_(on.client(node, &interrupt_)), thread_([this, first] { insert_from(first); }) {}
  ~load() { stop(); }
  load(const load&) = delete;
  load& operator=(const load&) = delete;

  /// Those for which an OK came.
  [[nodiscard]] std::set<std::int64_t> acknowledged() const {
    const std::lock_guard lock(mutex_);
    return acknowledged_;
  }
  [[nodiscard]] std::size_t count() const {
    const std::lock_guard lock(mutex_);
    return acknowledged_.size();
  }
  [[nodiscard]] bool ended() const { return ended_; }
  /// Ends also an insert that waits.
  void stop() {
    stopping_ = true;
    interrupt_.stop();
    if (thread_.joinable()) thread_.join();
  }

 private:
  void insert_from(std::int64_t id) {
    for (; !stopping_; ++id) {
      const auto done =
          client_->run("INSERT INTO app.t VALUES (" + std::to_string(id) + ")", soon(600s));
      if (!done.ok()) break;
      const std::lock_guard lock(mutex_);
      acknowledged_.insert(id);
    }
    ended_ = true;
  }

  interrupt interrupt_;
  std::unique_ptr<session> client_;
  mutable std::mutex mutex_;
  std::set<std::int64_t> acknowledged_;
  std::atomic<bool> ended_ = false;
  std::atomic<bool> stopping_ = false;
  std::thread thread_;
};

/// All ids that a node shows.
[[nodiscard]] inline std::set<std::int64_t> rows_of(cluster& on, unsigned node) {
  const auto read = on.client(node)->run("SELECT id FROM app.t", soon());
  std::set<std::int64_t> out;
  if (!read.ok()) return out;
  for (const auto& row : read.tables.at(0).rows) out.insert(std::stoll(*row.at(0)));
  return out;
}

}  // namespace understudy::db
