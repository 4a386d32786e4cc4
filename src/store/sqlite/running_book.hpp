// The claims of this process, in memory: a start makes all claims of before lost.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "store/call_store.hpp"
#include "store/sqlite/live_call.hpp"

namespace understudy::store::sqlite {

struct running_call {
  live_call live;
  std::uint64_t number = 0;  ///< of its token
  wall_time until{};         ///< its lease
  std::int64_t batch = 0;    ///< its row in `claim`; 0: it is not written yet
};

/// All leases are equally long, so they end in the order in which they began: a queue is enough.
/// What changes within a transaction is undone by rollback(), or kept by commit().
class running_book {
 public:
  explicit running_book(std::chrono::milliseconds lease) : lease_(lease) {}

  void add(const live_call& live, std::uint64_t number, wall_time now) {
    const running_call made{live, number, now + lease_, 0};
    held_.insert_or_assign(live.id, made);
    queue_.push_back({made.until, live.id, number});
    changes_.push_back({live.id, std::nullopt});
  }
  [[nodiscard]] const running_call* find(std::int64_t id) const {
    const auto found = held_.find(id);
    return found == held_.end() ? nullptr : &found->second;
  }
  void remove(std::int64_t id) {
    const auto found = held_.find(id);
    if (found == held_.end()) return;
    changes_.push_back({id, found->second});
    held_.erase(found);
  }
  void update(const live_call& live) {
    const auto found = held_.find(live.id);
    if (found == held_.end()) return;
    changes_.push_back({live.id, found->second});
    found->second.live = live;
  }
  /// It is written now. Not undone: a rollback forgets the whole claim.
  void written(std::int64_t id, std::int64_t batch) {
    if (const auto found = held_.find(id); found != held_.end()) found->second.batch = batch;
  }
  /// Begins anew, where that attempt still holds.
  void renew(std::int64_t id, std::uint64_t number, wall_time now) {
    const auto found = held_.find(id);
    if (found != held_.end() && found->second.number == number) found->second.until = now + lease_;
  }
  /// One whose lease has ended: its id and number. It must be removed then.
  [[nodiscard]] std::optional<std::pair<std::int64_t, std::uint64_t>> ended(wall_time now) {
    while (!queue_.empty() && queue_.front().until <= now) {
      const turn first = queue_.front();
      const auto found = held_.find(first.id);
      const bool holds = found != held_.end() && found->second.number == first.number;
      if (holds && found->second.until <= now) return std::pair{first.id, first.number};
      queue_.pop_front();
      if (holds) queue_.push_back({found->second.until, first.id, first.number});
    }
    return std::nullopt;
  }
  /// When to look again.
  [[nodiscard]] wall_time next() const {
    return queue_.empty() ? wall_time::max() : queue_.front().until;
  }
  [[nodiscard]] const std::unordered_map<std::int64_t, running_call>& all() const { return held_; }

  void commit() { changes_.clear(); }
  void rollback() {
    for (; !changes_.empty(); changes_.pop_back()) {
      const auto& [id, before] = changes_.back();
      if (before) {
        held_.insert_or_assign(id, *before);
        queue_.push_back({before->until, id, before->number});
      } else {
        held_.erase(id);
      }
    }
  }

 private:
  struct turn {
    wall_time until{};
    std::int64_t id = 0;
    std::uint64_t number = 0;
  };
  std::chrono::milliseconds lease_;
  std::unordered_map<std::int64_t, running_call> held_;
  std::deque<turn> queue_;
  std::vector<std::pair<std::int64_t, std::optional<running_call>>> changes_;
};

}  // namespace understudy::store::sqlite
