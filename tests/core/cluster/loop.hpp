// Virtual time: what is to happen, in order; chance; and the hash of what happened.
#pragma once

#include <functional>
#include <queue>
#include <utility>
#include <vector>

#include "core/dice.hpp"
#include "core/types.hpp"

namespace understudy::sim::cluster {

using core::duration;
using core::time_point;

class loop {
 public:
  explicit loop(std::uint64_t seed) : dice(seed) {}

  [[nodiscard]] time_point now() const { return now_; }
  void after(duration in, std::function<void()> what) {
    events_.push({now_ + in, ++order_, std::move(what)});
  }
  void run_until(time_point end) {
    while (!events_.empty() && events_.top().at <= end) {
      auto what = std::move(const_cast<event&>(events_.top()).what);
      now_ = events_.top().at;
      events_.pop();
      ++handled_;
      what();
    }
    now_ = end;
  }

  std::uint64_t below(std::uint64_t most) { return dice.next() % most; }
  bool chance(double share) { return dice.unit() < share; }
  duration between(duration least, duration most) {
    return least + duration(static_cast<duration::rep>(
                       below(static_cast<std::uint64_t>((most - least).count()) + 1)));
  }

  void mix(std::uint64_t value) { hash_ = (hash_ ^ value) * 0x100000001b3U; }
  [[nodiscard]] std::uint64_t hash() const { return hash_; }
  [[nodiscard]] std::uint64_t handled() const { return handled_; }

  core::dice dice;

 private:
  struct event {
    time_point at{};
    std::uint64_t order = 0;
    std::function<void()> what;
    bool operator>(const event& e) const { return at != e.at ? at > e.at : order > e.order; }
  };
  std::priority_queue<event, std::vector<event>, std::greater<>> events_;
  time_point now_{};
  std::uint64_t order_ = 0;
  std::uint64_t handled_ = 0;
  std::uint64_t hash_ = 0xcbf29ce484222325U;
};

}  // namespace understudy::sim::cluster
