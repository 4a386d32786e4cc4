// Ids and sequence numbers: they grow with time, and never go back.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

#include "core/stored_call.hpp"

namespace understudy::store::sqlite {

/// 63 bits: milliseconds since 2020 (41), a node (6), a counter (16). Where the clock goes back, or
/// more than 65,536 are drawn in a millisecond, time is taken from the future.
class id_source {
 public:
  /// All that come are larger than `before`.
  void start(std::int64_t before, unsigned node) {
    last_ = std::max(last_, before);
    node_ = static_cast<std::int64_t>(node & 63U) << 16U;
  }

  std::int64_t draw(core::wall_time now) {
    const std::int64_t first = (milliseconds(now) << 22) | node_;
    // Numbers of this node alone: a full counter moves the milliseconds on.
    std::int64_t next = last_ + 1;
    if ((next & counter_mask) == 0 || (next & node_mask) != node_) {
      next = (((last_ >> 22) + 1) << 22) | node_;
    }
    last_ = std::max(first, next);
    return last_;
  }

  [[nodiscard]] std::int64_t last() const { return last_; }
  /// When it was drawn, about.
  [[nodiscard]] static core::wall_time time_of(std::int64_t id) {
    return epoch + std::chrono::milliseconds(id >> 22);
  }
  /// The largest id of that time.
  [[nodiscard]] static std::int64_t end_of(core::wall_time time) {
    return (milliseconds(time) << 22) | node_mask | counter_mask;
  }

 private:
  static constexpr core::wall_time epoch{std::chrono::sys_days{std::chrono::year{2020} / 1 / 1}};
  static constexpr std::int64_t counter_mask = 0xffff;
  static constexpr std::int64_t node_mask = 0x3f0000;

  [[nodiscard]] static std::int64_t milliseconds(core::wall_time time) {
    return std::max<std::int64_t>(0, (time - epoch).count());
  }

  std::int64_t last_ = 0;
  std::int64_t node_ = 0;
};

}  // namespace understudy::store::sqlite
