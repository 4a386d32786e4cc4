// Random events in random order: what must hold after each of them.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <vector>

#include "core/dice.hpp"
#include "core/pool.hpp"

namespace understudy::core {
namespace {

using namespace std::chrono_literals;

constexpr outcome outcomes[] = {outcome::answered,  outcome::faulted,   outcome::refused,
                                outcome::stale,     outcome::lost,      outcome::unreadable,
                                outcome::timed_out, outcome::abandoned, outcome::unreached,
                                outcome::answered,  outcome::answered};

/// A shell that does everything it may, in no sensible order.
class monkey {
 public:
  explicit monkey(std::uint64_t seed)
      : random_(seed), pool_({.name = "monkey", .hold_down = 1s, .ramp = 1s}, seed) {}

  void run(int events) {
    for (int i = 0; i < events && !testing::Test::HasFatalFailure(); ++i) {
      act();
      settle();
    }
    while (!attempts_.empty()) end_attempt();
    settle();
    for (const server_status& s : pool_.status(now_)) EXPECT_EQ(s.in_flight, 0U);
  }

 private:
  std::size_t below(std::size_t n) { return static_cast<std::size_t>(random_.next() % n); }
  outcome any_outcome() { return outcomes[below(std::size(outcomes))]; }
  method_id any_method() { return pool_.know("T@" + std::to_string(below(3))); }
  server_id any_server() { return servers_[below(servers_.size())]; }

  void act() {
    now_ += std::chrono::microseconds(below(20'000));
    const std::size_t draw = below(100);
    if (servers_.empty() || (draw < 2 && servers_.size() < 6)) {
      servers_.push_back(pool_.add(now_, {.priority = static_cast<unsigned>(below(3))}));
    } else if (draw < 3) {
      const std::size_t which = below(servers_.size());
      pool_.remove(now_, servers_[which]);
      servers_.erase(servers_.begin() + static_cast<std::ptrdiff_t>(which));
    } else if (draw < 5) {
      pool_.drain(now_, any_server());
    } else if (draw < 10) {
      pool_.resume(now_, any_server());
    } else if (draw == 10) {
      pool_.paused(std::chrono::microseconds(below(200'000)));
    } else if (draw < 12) {
      pool_.idle_connection_lost(now_, any_server());
    } else if (draw < 40) {
      start_attempt();
    } else if (draw < 65 && !attempts_.empty()) {
      end_attempt();
    } else if (!probes_.empty()) {
      end_probe();
    }
  }

  void start_attempt() {
    std::vector<server_id> tried;
    for (const server_id id : servers_) {
      if (below(4) == 0) tried.push_back(id);
    }
    const pool::choice choice = pool_.pick(now_, tried, any_method());
    const auto got = choice.server;
    bool any_usable = false;
    for (const server_status& s : pool_.status(now_)) {
      const bool usable = s.state != server_state::down && s.state != server_state::drained;
      const bool was_tried = std::count(tried.begin(), tried.end(), s.id) > 0;
      any_usable = any_usable || (usable && !was_tried);
      ASSERT_TRUE(got != s.id || (usable && !was_tried)) << to_string(s.state);
    }
    ASSERT_EQ(got.has_value() || choice.full, any_usable);
    if (!got) return;
    ASSERT_TRUE(std::count(servers_.begin(), servers_.end(), *got) == 1) << "a removed one";
    attempts_.push_back(pool_.begin(now_, *got, any_method(), below(2) == 0));
    const method_id m = any_method();
    if (const auto canary = pool_.canary_due(now_, m)) {
      attempts_.push_back(pool_.begin_canary(now_, *canary, m));
    }
  }

  void end_attempt() {
    const std::size_t which = below(attempts_.size());
    const attempt_id id = attempts_[which];
    attempts_.erase(attempts_.begin() + static_cast<std::ptrdiff_t>(which));
    pool_.end(now_, id, any_outcome(), below(8) == 0);
  }

  void end_probe() {
    auto which = probes_.begin();
    std::advance(which, below(probes_.size()));
    const auto [id, begun] = *which;
    probes_.erase(which);
    pool_.probe_ended(now_, id, any_outcome(), now_ - begun);
  }

  void settle() {
    for (const server_id id : pool_.take_actions(now_).probe) {
      ASSERT_TRUE(probes_.emplace(id, now_).second) << "two probes at once";
      ASSERT_EQ(std::count(servers_.begin(), servers_.end(), id), 1) << "a removed one";
    }
    const auto next = pool_.next_deadline();
    ASSERT_TRUE(!next || *next > now_) << "it would spin";
    unsigned in_flight = 0;
    for (const server_status& s : pool_.status(now_)) {
      in_flight += s.in_flight;
      ASSERT_LE(s.in_flight, attempts_.size());
      ASSERT_TRUE(s.share >= 0.0 && s.share <= 1.0);
      if (s.state == server_state::drained) continue;
      // Somebody looks after every server: a probe is out, or one is due soon.
      ASSERT_TRUE(probes_.contains(s.id) || (next && *next <= now_ + 1100ms));
    }
    ASSERT_LE(in_flight, attempts_.size());
  }

  dice random_;
  pool pool_;
  time_point now_{};
  std::vector<server_id> servers_;
  std::vector<attempt_id> attempts_;
  std::map<server_id, time_point> probes_;
};

TEST(property, pool_holds_under_any_sequence_of_events) {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    monkey(seed).run(1000);
    if (HasFailure()) return;
  }
}

}  // namespace
}  // namespace understudy::core
