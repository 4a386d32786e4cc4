// Which waiting calls are tried next, and when something is to be done: in memory alone.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "store/sqlite/live_call.hpp"
#include "store/sqlite/sorted_set.hpp"

namespace understudy::store::sqlite {

/// The waiting calls: each by its deadline, and either ready (of its service, by rank, then by when
/// it became due), due later, or behind another of its line. 32 bytes a call; what else is known of
/// it is in its row. Rebuilt from the table `live` at a start.
///
/// What changes within a transaction is undone by rollback(), or kept by commit().
class schedule {
 public:
  void enter(const live_call& call, std::int64_t now);
  /// `call` as it was when it entered.
  void leave(const live_call& call);

  struct ready_call {
    std::int64_t id = 0;
    std::int64_t rank = 0;
    bool plain = false;  ///< not tried before, and in no line: its row says nothing more
  };
  /// The next one of a service, in the order of rank, due, id. It has its deadline still:
  /// drop_deadline() must follow.
  [[nodiscard]] std::optional<ready_call> take(std::int64_t service);
  void drop_deadline(std::int64_t deadline, std::int64_t id);
  [[nodiscard]] bool any_ready(std::int64_t service) const {
    const auto place = static_cast<std::size_t>(service);
    return place < ready_.size() && !ready_[place].empty();
  }
  /// When the oldest ready call of a service became due.
  [[nodiscard]] std::optional<std::int64_t> oldest_ready(std::int64_t service) const;

  /// Ids of calls that were due later, and are due at `now`: so many at most. Each must leave and
  /// enter again.
  [[nodiscard]] std::vector<std::int64_t> due(std::int64_t now, std::size_t most) const;
  /// Ids of calls whose deadline is before `now`.
  [[nodiscard]] std::vector<std::int64_t> over(std::int64_t now, std::size_t most) const;
  /// When due() and over() have something; nothing: never.
  [[nodiscard]] std::optional<std::int64_t> next_due() const;
  [[nodiscard]] std::optional<std::int64_t> next_over() const;

  void commit() { changes_.clear(); }
  void rollback();

 private:
  struct change {
    sorted_set* in;
    sorted_set::entry what;
    bool inserted;
  };
  void insert(sorted_set& in, const sorted_set::entry& what);
  bool erase(sorted_set& in, const sorted_set::entry& what);
  static std::vector<std::int64_t> ids_until(const sorted_set& in, std::int64_t last,
                                             std::size_t most);

  std::deque<sorted_set> ready_;  // the place is the service; a deque: changes point into it
  sorted_set later_;
  sorted_set deadlines_;
  std::vector<change> changes_;
};

}  // namespace understudy::store::sqlite
