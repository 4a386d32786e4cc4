// How long the claims of this process hold, in memory: a start makes all claims of before lost.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "store/call_store.hpp"

namespace understudy::store::sqlite {

/// All leases are equally long, so they end in the order in which they began: a queue is enough.
/// What changes within a transaction is undone by rollback(), or kept by commit().
class lease_book {
 public:
  explicit lease_book(std::chrono::milliseconds lease) : lease_(lease) {}

  void add(std::int64_t id, std::uint64_t number, wall_time now) {
    const entry made{number, now + lease_};
    held_.insert_or_assign(id, made);
    queue_.push_back({made.until, id, number});
    changes_.push_back({id, std::nullopt});
  }
  void remove(std::int64_t id) {
    const auto found = held_.find(id);
    if (found == held_.end()) return;
    changes_.push_back({id, found->second});
    held_.erase(found);
  }
  /// Begins anew, where that attempt still holds.
  void renew(std::int64_t id, std::uint64_t number, wall_time now) {
    const auto found = held_.find(id);
    if (found != held_.end() && found->second.number == number) found->second.until = now + lease_;
  }
  /// One that has ended: its id and number. It must be removed then.
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
  struct entry {
    std::uint64_t number = 0;
    wall_time until{};
  };
  struct turn {
    wall_time until{};
    std::int64_t id = 0;
    std::uint64_t number = 0;
  };
  std::chrono::milliseconds lease_;
  std::unordered_map<std::int64_t, entry> held_;
  std::deque<turn> queue_;
  std::vector<std::pair<std::int64_t, std::optional<entry>>> changes_;
};

}  // namespace understudy::store::sqlite
