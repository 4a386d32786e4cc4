// The virtual time of the simulation: what is to happen, in order; chance; and the history's hash.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <queue>
#include <utility>
#include <vector>

#include "core/dice.hpp"
#include "store/support/calls.hpp"

namespace understudy::store::sim {

using duration = std::chrono::milliseconds;

class loop {
 public:
  explicit loop(std::uint64_t seed) : dice(seed) {}

  /// Grows evenly; wall() may be set.
  [[nodiscard]] duration now() const { return now_; }
  [[nodiscard]] wall_time wall() const { return start_time + now_ + offset_; }
  [[nodiscard]] duration offset() const { return offset_; }
  void set_clock(duration by) { offset_ += by; }

  void after(duration in, std::function<void()> what) {
    events_.push({now_ + in, ++order_, std::move(what)});
  }
  /// Carries out what happens until then.
  void run_until(duration end) {
    while (!events_.empty() && events_.top().at <= end) {
      auto what = std::move(const_cast<event&>(events_.top()).what);
      now_ = events_.top().at;
      events_.pop();
      what();
    }
    now_ = std::max(now_, end);
  }

  std::uint64_t below(std::uint64_t most) { return dice.next() % most; }
  duration upto(std::uint64_t ms) { return duration(below(ms + 1)); }
  bool chance(double share) { return dice.unit() < share; }

  void mix(std::uint64_t value) { hash_ = (hash_ ^ value) * 0x100000001b3U; }
  [[nodiscard]] std::uint64_t hash() const { return hash_; }

  core::dice dice;

 private:
  struct event {
    duration at{};
    std::uint64_t order = 0;
    std::function<void()> what;
    bool operator>(const event& e) const { return at != e.at ? at > e.at : order > e.order; }
  };
  std::priority_queue<event, std::vector<event>, std::greater<>> events_;
  duration now_{};
  duration offset_{};
  std::uint64_t order_ = 0;
  std::uint64_t hash_ = 0xcbf29ce484222325U;
};

}  // namespace understudy::store::sim
