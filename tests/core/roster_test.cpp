// Thousands of servers: how many probes, and what an event costs.
#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <string>
#include <vector>

#include "core/lab.hpp"

namespace understudy::core {
namespace {

using namespace std::chrono_literals;

/// So many servers; time goes by the pool's own deadlines.
class fleet {
 public:
  explicit fleet(int servers) : pool_({}, 1) {
    for (int i = 0; i < servers; ++i)
      ids.push_back(pool_.add(now, {.address = "s" + std::to_string(i)}));
    settle();
  }

  /// Probes are answered after `takes`.
  void pass(duration d, duration takes) {
    const time_point until = now + d;
    while (true) {
      auto next = pool_.next_deadline();
      if (!out.empty() && (!next || out.front().begun + takes <= *next))
        next = out.front().begun + takes;
      if (!next || *next > until) break;
      now = std::max(now, *next);
      while (!out.empty() && out.front().begun + takes <= now) {
        const probe ended = out.front();
        out.pop_front();
        pool_.probe_ended(now, ended.to, outcome::answered, takes);
      }
      settle();
    }
    now = until;
  }
  void settle() {
    ++looks;
    for (const server_id id : pool_.take_actions(now).probe) {
      out.push_back({id, now});
      ++probes;
    }
    most_out = std::max(most_out, out.size());
  }
  core::pool& operator*() { return pool_; }
  core::pool* operator->() { return &pool_; }

  struct probe {
    server_id to{};
    time_point begun{};
  };
  time_point now{};
  std::vector<server_id> ids;
  std::deque<probe> out;
  std::size_t most_out = 0;
  std::size_t probes = 0;
  std::size_t looks = 0;

 private:
  core::pool pool_;
};

TEST(roster, at_most_256_probes_are_out_and_every_server_gets_its_own) {
  fleet f(1000);
  EXPECT_EQ(f.out.size(), 256U) << "all are due at once";
  f.pass(500ms, 50ms);
  EXPECT_EQ(f.most_out, 256U);
  EXPECT_GE(f.probes, 1000U) << "those that had to wait came soon";
}

TEST(roster, of_many_servers_each_is_probed_less_often) {
  const auto probes_in_20s = [](int servers) {
    fleet f(servers);
    f.pass(20s, 1ms);  // the first round
    f.probes = 0;
    f.pass(20s, 1ms);
    return static_cast<double>(f.probes);
  };
  EXPECT_NEAR(probes_in_20s(10), 10 * 20, 20) << "one a second each";
  EXPECT_NEAR(probes_in_20s(500), 500 * 20, 500);
  EXPECT_NEAR(probes_in_20s(2000), 500 * 20, 700) << "500 a second together";
}

/// What an event makes the pool look at later: it may depend on the one server, not on the others.
TEST(roster, an_event_makes_no_more_looks_for_more_servers) {
  const auto looks_after_losses = [](int servers) {
    fleet f(servers);
    f.pass(100ms, 1ms);
    for (int i = 1; i < servers; ++i) f->drain(f.now, f.ids[static_cast<std::size_t>(i)]);
    f.settle();
    f.pass(10s, 1ms);  // what was planned for them before comes to nothing
    f.looks = 0;
    for (int i = 0; i < 50; ++i) {
      const attempt_id one = f->begin(f.now, f.ids[0], f->know("T@m"), true);
      f->end(f.now, one, outcome::lost);
      f.pass(10ms, 1ms);
    }
    return f.looks;
  };
  const std::size_t few = looks_after_losses(2);
  EXPECT_GT(few, 50U);
  EXPECT_LE(looks_after_losses(2000), few + 10);
}

TEST(failback, that_is_gradual_ramps_for_a_minute) {
  lab l("a0 b1", {.gradual = 1min, .failback = failback_policy::gradual});
  l.probe('a', outcome::answered);
  l.probe('b', outcome::answered);
  l.attempt('a', outcome::refused);
  l.probe('a', outcome::answered);
  l.probe('a', outcome::answered);
  (void)l.told();
  l.pass(5s);
  ASSERT_EQ(l.told(), "failback a");
  EXPECT_EQ(l.records.back().effect, "its share of the calls grows from 0 to 1 within 60000 ms");
  l.pass(15s);
  EXPECT_NEAR(l.percent('a'), 25, 4);
  l.pass(30s);
  EXPECT_NEAR(l.percent('a'), 75, 4);
  l.pass(15s);
  EXPECT_EQ(l.states(), "a up, b up");
}

TEST(failback, of_an_equal_is_none_and_never_gradual) {
  lab l("a0 b0", {.gradual = 1min, .failback = failback_policy::gradual});
  l.probe('a', outcome::answered);
  l.probe('b', outcome::answered);
  l.attempt('a', outcome::refused);
  l.probe('a', outcome::answered);
  l.probe('a', outcome::answered);
  ASSERT_EQ(l.states(), "a returning, b up");
  l.pass(5s);
  EXPECT_EQ(l.states(), "a up, b up");
}

}  // namespace
}  // namespace understudy::core
