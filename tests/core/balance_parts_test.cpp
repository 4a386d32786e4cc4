// What the balancer is made of: weight classes, the ring, the belief about one member.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <set>
#include <vector>

#include "core/balance_load.hpp"
#include "core/balance_ring.hpp"
#include "core/balance_weights.hpp"

namespace understudy::core {
namespace {

using namespace std::chrono_literals;

constexpr double decay_s = 10.0;
constexpr double failure_s = 5.0;

/// Weights of all sizes: class borders, one unit more, one less, the least and the most.
constexpr std::uint32_t odd_weights[] = {1, 2, 3, 512, 513, 1023, 1024, 1025, 1500, 3000, 1U << 20};

TEST(balance_weights, are_rounded_and_held_within_limits) {
  EXPECT_EQ(to_units(1.0), 1024U);
  EXPECT_EQ(to_units(0.5), 512U);
  EXPECT_EQ(to_units(1e-9), 1U);
  EXPECT_EQ(to_units(1e9), 1024U * 1024U);
  EXPECT_EQ(to_units(-1.0), 1U);
  EXPECT_EQ(to_units(std::numeric_limits<double>::quiet_NaN()), 1U);
}

TEST(balance_weights, draw_and_turn_give_shares_by_weight) {
  for (const bool by_turns : {false, true}) {
    weight_classes w;
    dice random(5);
    std::uint64_t steps = 0;
    const std::vector<std::uint32_t> units{600, 1024, 1024, 1500, 3000, 5000, 9000};
    for (member_slot s = 0; s < units.size(); ++s) w.insert(s, units[s]);
    std::vector<int> hits(units.size());
    constexpr int picks = 200'000;
    for (int i = 0; i < picks; ++i) ++hits[by_turns ? w.next(steps) : w.draw(random, steps)];
    for (member_slot s = 0; s < units.size(); ++s) {
      const double share = 1.0 * units[s] / static_cast<double>(w.units());
      EXPECT_NEAR(hits[s], picks * share, by_turns ? 60 : 5 * std::sqrt(picks * share))
          << s << (by_turns ? " by turns" : " drawn");
    }
    EXPECT_LT(steps, picks * 4U);
  }
}

TEST(balance_weights, turns_are_smooth) {
  weight_classes w;
  std::uint64_t steps = 0;
  w.insert(0, 3 * weight_unit);
  w.insert(1, weight_unit);
  std::string order;
  for (int i = 0; i < 8; ++i) order += static_cast<char>('a' + w.next(steps));
  EXPECT_EQ(order, "abaaabaa");
}

TEST(balance_weights, one_turn_does_not_walk_past_a_crowd_of_equals) {
  weight_classes w;
  std::uint64_t steps = 0;
  for (member_slot s = 0; s < 10'000; ++s) w.insert(s, 600);  // takes 600 of 1024 turns
  std::uint64_t longest = 0;
  for (int i = 0; i < 50'000; ++i) {
    const std::uint64_t before = steps;
    ASSERT_LT(w.next(steps), 10'000U);
    longest = std::max(longest, steps - before);
  }
  EXPECT_LE(longest, 8U);
}

TEST(balance_weights, hold_exactly_who_was_put_in_and_not_taken_out) {
  weight_classes w;
  dice random(6);
  std::map<member_slot, std::uint32_t> in;
  std::uint64_t steps = 0;
  for (int i = 0; i < 20'000; ++i) {
    const auto slot = static_cast<member_slot>(below(random, 40));
    if (in.contains(slot)) {
      w.erase(slot, in[slot]);
      in.erase(slot);
    } else {
      in[slot] = odd_weights[below(random, std::size(odd_weights))];
      w.insert(slot, in[slot]);
    }
    std::uint64_t units = 0;
    for (const auto& [s, u] : in) units += u;
    ASSERT_EQ(w.units(), units);
    ASSERT_EQ(w.size(), in.size());
    if (in.empty()) continue;
    ASSERT_TRUE(in.contains(w.draw(random, steps)));
    ASSERT_TRUE(in.contains(w.next(steps)));
    const member_slot wanted = in.rbegin()->first;
    ASSERT_EQ(w.find(random, steps, [&](member_slot s) { return s == wanted; }), wanted);
  }
}

TEST(balance_weights, find_nothing_where_nothing_is_wanted) {
  weight_classes w;
  dice random(7);
  std::uint64_t steps = 0;
  EXPECT_EQ(w.find(random, steps, [](member_slot) { return true; }), no_slot);
  w.insert(3, weight_unit);
  EXPECT_EQ(w.find(random, steps, [](member_slot) { return false; }), no_slot);
}

/// The ring's answer, looked up the slow way.
member_slot follows(const std::map<std::uint64_t, member_slot>& points, std::uint64_t hash) {
  const auto found = points.lower_bound(hash);
  return found == points.end() ? points.begin()->second : found->second;
}

TEST(balance_ring, answers_as_a_sorted_map_does_through_growth_and_shrinking) {
  hash_ring ring;
  std::map<std::uint64_t, member_slot> points;
  std::set<member_slot> in;
  dice random(8);
  std::uint64_t steps = 0;
  for (int i = 0; i < 2'000; ++i) {
    // Grows to some 300 members, then goes back to few.
    const auto slot = static_cast<member_slot>(below(random, i < 1'000 ? 300 : 8));
    const std::size_t count = 1 + slot % 40;
    const std::uint64_t name = balance_key("server " + std::to_string(slot));
    const bool there = !in.insert(slot).second;
    if (there) {
      in.erase(slot);
      ring.erase(name, slot, count);
    } else {
      ring.insert(name, slot, count);
    }
    for (std::uint64_t n = 1; n <= count; ++n) {
      if (there) {
        points.erase(balance_key(name, n));
      } else {
        points[balance_key(name, n)] = slot;
      }
    }
    if (i >= 1'000 && !in.empty()) {
      const member_slot gone = *in.rbegin();
      in.erase(gone);
      ring.erase(balance_key("server " + std::to_string(gone)), gone, 1 + gone % 40);
      std::erase_if(points, [&](const auto& p) { return p.second == gone; });
    }
    ASSERT_EQ(ring.size(), points.size());
    if (points.empty()) continue;
    for (const std::uint64_t hash :
         {random.next(), random.next(), std::uint64_t{0}, ~std::uint64_t{0}, points.begin()->first,
          points.rbegin()->first, points.rbegin()->first + 1}) {
      ASSERT_EQ(ring.at(hash, steps), follows(points, hash)) << i;
    }
  }
}

TEST(balance_ring, keys_are_the_same_everywhere) {
  // Several gateways, also of other versions, must send the same key to the same server.
  EXPECT_EQ(balance_key(""), 0xc3817c016ba4ff30U);
  EXPECT_EQ(balance_key("order-42"), 0xac746b2a5476eb87U);
  EXPECT_NE(balance_key("order-42"), balance_key("order-43"));
  EXPECT_EQ(balance_key(7, 0), 7U);
  EXPECT_NE(balance_key(7, 1), balance_key(7, 2));
}

TEST(oldest_attempt, is_never_too_old_and_one_round_of_answers_too_young_at_most) {
  oldest_attempt oldest;
  EXPECT_EQ(oldest.age(time_point{9s}), 0s) << "nothing is out";
  oldest.began(time_point{1s}, 0);
  oldest.began(time_point{2s}, 1);
  EXPECT_EQ(oldest.age(time_point{5s}), 4s);
  oldest.ended(time_point{5s}, time_point{1s}, 1);
  EXPECT_EQ(oldest.age(time_point{5s}), 0s) << "a new round begins with the one that is left";
  EXPECT_EQ(oldest.age(time_point{7s}), 2s);
  oldest.began(time_point{6s}, 1);
  oldest.ended(time_point{7s}, time_point{6s}, 1);
  EXPECT_EQ(oldest.age(time_point{8s}), 3s) << "an answer to a younger one does not hide it";
  oldest.ended(time_point{8s}, time_point{2s}, 0);
  EXPECT_EQ(oldest.age(time_point{9s}), 0s);
}

TEST(oldest_attempt, stays_within_its_bounds_in_random_order) {
  oldest_attempt oldest;
  dice random(9);
  std::vector<time_point> out;
  time_point now{};
  time_point stuck_since{};
  for (int i = 0; i < 20'000; ++i) {
    now += std::chrono::microseconds(below(random, 1'000));
    if (out.empty() || below(random, 2) == 0) {
      oldest.began(now, static_cast<unsigned>(out.size()));
      out.push_back(now);
      if (out.size() == 1) stuck_since = now;
    } else {
      const std::size_t which = below(random, out.size());
      const time_point begun = out[which];
      out.erase(out.begin() + static_cast<std::ptrdiff_t>(which));
      oldest.ended(now, begun, static_cast<unsigned>(out.size()));
    }
    const auto first = std::min_element(out.begin(), out.end());
    const duration truth = out.empty() ? duration{0} : now - *first;
    ASSERT_LE(oldest.age(now), truth);
  }
  // From here on nothing ends: what is believed grows as fast as time does.
  const duration before = oldest.age(now);
  EXPECT_EQ(oldest.age(now + 1s), before + 1s);
  EXPECT_GT(now, stuck_since);
}

/// A member with one attempt after another.
class single {
 public:
  void attempt(duration took, outcome how) {
    load_.began(now_, 0);
    const time_point begun = now_;
    now_ += took;
    load_.ended(now_, begun, how, 0, decay_s, typical_);
  }
  void wait(duration d) { now_ += d; }
  void begin() { load_.began(now_, 0); }
  void set_typical(double s) { typical_ = {.latency_s = s, .stamp = now_}; }
  member_load& load() { return load_; }
  double expected() const { return load_.expected_s(now_, decay_s, failure_s, typical_); }

 private:
  member_load load_;
  typical_load typical_;
  time_point now_{};
};

TEST(member_load, believes_a_peak_at_once_and_forgets_it_slowly) {
  single m;
  for (int i = 0; i < 100; ++i) m.attempt(10ms, outcome::answered);
  EXPECT_NEAR(m.expected(), 0.010, 1e-4);
  m.attempt(500ms, outcome::answered);
  EXPECT_NEAR(m.expected(), 0.500, 1e-4);
  for (int i = 0; i < 100; ++i) m.attempt(10ms, outcome::answered);  // one second of it
  EXPECT_GT(m.expected(), 0.400);
  for (int i = 0; i < 5'000; ++i) m.attempt(10ms, outcome::answered);
  EXPECT_LT(m.expected(), 0.020);
}

TEST(member_load, starts_at_half_of_what_is_typical) {
  single m;
  const double before = m.expected();
  EXPECT_GT(before, 0.0);
  m.set_typical(0.080);
  EXPECT_DOUBLE_EQ(m.expected(), 0.040);
  m.attempt(20ms, outcome::answered);
  EXPECT_NEAR(m.expected(), 0.020, 1e-4);
}

TEST(member_load, silence_forgives_down_to_half_of_what_is_typical) {
  single m;
  m.attempt(2s, outcome::answered);
  m.set_typical(0.100);
  m.wait(10s);
  EXPECT_NEAR(m.expected(), 2.0 / 2.718, 0.01);
  m.wait(1h);
  EXPECT_DOUBLE_EQ(m.expected(), 0.050);
}

TEST(member_load, costs_the_age_of_its_oldest_attempt) {
  single m;
  m.attempt(10ms, outcome::answered);
  m.begin();
  m.wait(5ms);
  EXPECT_NEAR(m.expected(), 0.010, 1e-4);
  m.wait(395ms);
  EXPECT_NEAR(m.expected(), 0.400, 1e-6);
}

TEST(member_load, failing_fast_costs_more_with_each_failure_in_a_row) {
  struct {
    unsigned failures;
    double at_least_s;
  } const table[] = {{1, 0.08}, {2, 0.22}, {3, 0.5}, {6, 3.4}, {12, 4.9}};
  for (const auto& row : table) {
    single m;
    for (int i = 0; i < 100; ++i) m.attempt(10ms, outcome::answered);
    for (unsigned i = 0; i < row.failures; ++i) m.attempt(100us, outcome::refused);
    EXPECT_GE(m.expected(), row.at_least_s) << row.failures;
    EXPECT_LE(m.expected(), failure_s + 0.1) << row.failures;
  }
}

TEST(member_load, learns_from_an_outcome_what_it_says_of_the_member) {
  struct {
    outcome how;
    bool failure;
  } const table[] = {
      {outcome::answered, false},  {outcome::faulted, true},   {outcome::refused, true},
      {outcome::unreached, true},  {outcome::stale, false},    {outcome::lost, true},
      {outcome::unreadable, true}, {outcome::timed_out, true}, {outcome::abandoned, false}};
  for (const auto& row : table) {
    single m;
    for (int i = 0; i < 100; ++i) m.attempt(10ms, outcome::answered);
    m.attempt(1ms, row.how);
    EXPECT_EQ(m.expected() > 0.011, row.failure) << to_string(row.how);
    EXPECT_GT(m.expected(), 0.009) << to_string(row.how);
  }
}

TEST(member_load, an_abandoned_attempt_shows_how_long_it_had_waited) {
  single m;
  m.attempt(10ms, outcome::answered);
  m.attempt(3s, outcome::abandoned);
  EXPECT_NEAR(m.expected(), 3.0, 1e-6);
  m.load().forget();
  EXPECT_LT(m.expected(), 0.1);
}

TEST(member_load, a_pause_of_ours_ages_no_attempt) {
  member_load load;
  typical_load typical;
  const time_point begun{1s};
  load.began(begun, 0);
  EXPECT_GE(load.expected_s(begun + 5s, decay_s, failure_s, typical), 5.0);
  load.paused(5s);
  EXPECT_LT(load.expected_s(begun + 5010ms, decay_s, failure_s, typical), 0.02);
  EXPECT_GE(load.expected_s(begun + 6s, decay_s, failure_s, typical), 1.0);
  load.ended(begun + 6s, begun + 5s, outcome::answered, 0, decay_s, typical);
  EXPECT_LT(load.expected_s(begun + 20s, decay_s, failure_s, typical), 1.0) << "none is out";
}

TEST(member_load, what_was_given_up_takes_back_no_failure) {
  const auto after = [](outcome between, duration took) {
    member_load load;
    typical_load typical;
    const time_point now{10s};
    const auto see = [&](outcome how, duration t) {
      load.began(now - t, 0);
      load.ended(now, now - t, how, 0, decay_s, typical);
    };
    see(outcome::answered, 10ms);
    for (int i = 0; i < 5; ++i) see(outcome::lost, 10ms);
    see(between, took);
    see(outcome::lost, 10ms);
    return load.expected_s(now, decay_s, failure_s, typical);
  };
  EXPECT_DOUBLE_EQ(after(outcome::abandoned, 1ms), after(outcome::stale, 1ms));
  EXPECT_GE(after(outcome::abandoned, 20ms), after(outcome::stale, 1ms));
  EXPECT_LT(after(outcome::answered, 10ms), after(outcome::stale, 1ms)) << "an answer does";
}

}  // namespace
}  // namespace understudy::core
