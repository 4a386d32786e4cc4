// Where calls wait while no server is usable: how many, and how they leave.
#pragma once

#include <algorithm>
#include <cstddef>

#include "core/types.hpp"

namespace understudy::core {

/// Counts only: the waiting itself is the shell's. At most `parked_max` calls; they leave one
/// every `leave_spacing`, so that a server that just came back is not hit by all of them at once.
class parking {
 public:
  static constexpr duration leave_spacing = std::chrono::milliseconds{1};

  explicit parking(std::size_t parked_max) : parked_max_(parked_max) {}

  /// False where it is full.
  [[nodiscard]] bool enter() {
    if (count_ >= parked_max_) return false;
    ++count_;
    return true;
  }
  void leave() { --count_; }

  /// When the next of the waiting calls may leave: now, if none left a moment ago. Never later
  /// than if all that wait left before it: slots that calls did not use, because their server was
  /// lost again, must not add up to an ever longer wait.
  [[nodiscard]] time_point slot(time_point now) {
    const time_point latest = now + static_cast<duration::rep>(count_) * leave_spacing;
    const time_point given = std::max(now, std::min(next_, latest));
    next_ = given + leave_spacing;
    return given;
  }

  [[nodiscard]] std::size_t count() const { return count_; }

 private:
  std::size_t parked_max_;
  std::size_t count_ = 0;
  time_point next_{};
};

}  // namespace understudy::core
