// The balancer as the pool uses it: shares, exclusions, zones, keys; and what it all costs.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <deque>
#include <map>
#include <set>
#include <vector>

#include "core/balance_ring.hpp"
#include "core/balance_weights.hpp"
#include "core/balancer.hpp"

namespace understudy::core {
namespace {

using namespace std::chrono_literals;

constexpr balance_policy policies[] = {balance_policy::peak_ewma, balance_policy::round_robin,
                                       balance_policy::least_request,
                                       balance_policy::consistent_hash};

server_id id_of(std::size_t i) {
  return static_cast<server_id>(i + 1);
}
std::size_t index_of(server_id id) {
  return static_cast<std::size_t>(id) - 1;
}
std::string name_of(std::size_t i) {
  return "10.1." + std::to_string(i / 250) + "." + std::to_string(i % 250) + ":9501";
}

/// A balancer and the attempts it believes to be out.
class bench {
 public:
  explicit bench(const balance_options& options, std::uint64_t seed = 1)
      : balancer_(options), random_(seed) {}

  void add(std::size_t i, double weight = 1.0, std::string_view zone = {}) {
    balancer_.add(id_of(i), {.name = name_of(i), .weight = weight, .zone = zone});
    balancer_.set_eligible(id_of(i), true);
  }
  void add_all(std::span<const double> weights) {
    for (std::size_t i = 0; i < weights.size(); ++i) add(i, weights[i]);
  }

  std::optional<server_id> pick(std::span<const server_id> tried = {},
                                std::optional<std::uint64_t> key = {}) {
    return balancer_.pick(now_, key, tried, random_);
  }
  /// Picks and begins.
  std::size_t start(std::optional<std::uint64_t> key = {}) {
    const server_id id = *pick({}, key);
    balancer_.began(now_, id);
    out_.emplace_back(id, now_);
    return index_of(id);
  }
  void end_oldest(outcome how = outcome::answered) {
    const auto [id, begun] = out_.front();
    out_.pop_front();
    balancer_.ended(now_, id, begun, how);
  }
  void pass(duration d) { now_ += d; }
  std::size_t out() const { return out_.size(); }
  time_point now() const { return now_; }
  balancer& operator*() { return balancer_; }
  balancer* operator->() { return &balancer_; }
  dice& random() { return random_; }

 private:
  balancer balancer_;
  dice random_;
  time_point now_{};
  std::deque<std::pair<server_id, time_point>> out_;
};

/// Shares of `calls` calls, `at_once` of which are out at any time.
std::vector<double> shares(bench& b, std::size_t members, int calls, std::size_t at_once) {
  std::vector<double> hits(members);
  for (int i = 0; i < calls; ++i) {
    hits[b.start()] += 1.0 / calls;
    b.pass(1ms);
    while (b.out() >= at_once) b.end_oldest();
  }
  return hits;
}

TEST(balance, shares_follow_weights) {
  const double weights[] = {1.0, 2.0, 0.5, 4.0, 2.5};
  for (const balance_policy policy : policies) {
    bench b({.policy = policy});
    b.add_all(weights);
    const std::vector<double> got = shares(b, 5, 30'000, 200);
    for (std::size_t i = 0; i < 5; ++i) {
      const double fair = weights[i] / 10.0;
      if (policy == balance_policy::consistent_hash) {
        // Bounded from above; a member whose points lie badly gets less.
        EXPECT_LT(got[i], 1.26 * fair) << i;
        EXPECT_GT(got[i], 0.4 * fair) << i;
      } else {
        EXPECT_NEAR(got[i], fair, 0.1 * fair) << to_string(policy) << " " << i;
      }
    }
  }
}

TEST(balance, a_heavy_one_among_many_gets_its_share) {
  for (const balance_policy policy : policies) {
    bench b({.policy = policy});
    b.add(0, 10.0);
    for (std::size_t i = 1; i < 41; ++i) b.add(i);
    const double heavy = shares(b, 41, 30'000, 400)[0];
    EXPECT_NEAR(heavy, 0.2, 0.05) << to_string(policy);
  }
}

TEST(balance, idle_members_share_by_weight_where_the_policy_promises_it) {
  for (const balance_policy policy : {balance_policy::round_robin, balance_policy::least_request}) {
    const double weights[] = {1.0, 3.0};
    bench b({.policy = policy});
    b.add_all(weights);
    EXPECT_NEAR(shares(b, 2, 10'000, 1)[1], 0.75, 0.02) << to_string(policy);
  }
}

TEST(balance, equal_and_idle_servers_are_all_used) {
  for (const balance_policy policy : policies) {
    for (const std::size_t members : {2U, 3U, 20U}) {
      bench b({.policy = policy});
      for (std::size_t i = 0; i < members; ++i) b.add(i);
      const std::vector<double> got = shares(b, members, 20'000, 1);
      for (const double share : got)
        EXPECT_GT(share, 0.3 / static_cast<double>(members)) << to_string(policy);
    }
  }
}

TEST(balance, nobody_rushes_to_a_new_member_or_one_that_came_back) {
  for (const bool returns : {false, true}) {
    bench b({.policy = balance_policy::peak_ewma});
    for (std::size_t i = 0; i < 10; ++i) b.add(i);
    for (int i = 0; i < 2'000; ++i) {
      b.start();
      b.pass(1ms);
      if (b.out() > 50) b.end_oldest();
    }
    while (b.out() > 0) b.end_oldest();
    const std::size_t fresh = returns ? 3 : 10;
    if (returns) {
      b->set_eligible(id_of(fresh), false);
      b.pass(30s);
      for (int i = 0; i < 500; ++i) {
        b.start();
        b.pass(1ms);
        if (b.out() > 50) b.end_oldest();
      }
      while (b.out() > 0) b.end_oldest();
      b->set_eligible(id_of(fresh), true);
    } else {
      b.add(fresh);
    }
    int hits = 0;
    for (int i = 0; i < 220; ++i) hits += b.start() == fresh ? 1 : 0;
    EXPECT_GT(hits, 3) << returns;
    EXPECT_LT(hits, 60) << returns << ": three times its fair share";
  }
}

TEST(balance, picks_nothing_where_there_is_nothing) {
  for (const balance_policy policy : policies) {
    bench b({.policy = policy});
    EXPECT_EQ(b.pick(), std::nullopt);
    b->add(id_of(0), {});
    EXPECT_EQ(b.pick(), std::nullopt) << "not eligible until told so";
    b->set_eligible(id_of(0), true);
    EXPECT_EQ(b.pick(), id_of(0));
    const server_id tried[] = {id_of(0)};
    EXPECT_EQ(b.pick(tried), std::nullopt);
    b->remove(id_of(0));
    EXPECT_EQ(b.pick(), std::nullopt);
    EXPECT_EQ(b->eligible(), 0U);
  }
}

TEST(balance, finds_the_last_one_not_tried_though_it_is_light) {
  for (const balance_policy policy : policies) {
    bench b({.policy = policy});
    b.add(0, 1000.0);
    b.add(1, 1000.0);
    for (std::size_t i = 2; i < 9; ++i) b.add(i, 0.001);
    std::vector<server_id> tried;
    for (std::size_t i = 0; i < 8; ++i) tried.push_back(id_of(i));
    for (int i = 0; i < 100; ++i) ASSERT_EQ(b.pick(tried, 7), id_of(8)) << to_string(policy);
  }
}

/// Everything a pool may do, in no sensible order; the truth is kept beside it.
void random_events(balance_policy policy, std::uint64_t seed) {
  struct truth {
    bool eligible = false;
    bool removed = false;
    unsigned in_flight = 0;
  };
  bench b({.policy = policy, .zone = seed % 2 == 0 ? "a" : ""}, seed);
  dice random(seed);
  std::map<server_id, truth> all;
  std::vector<std::pair<server_id, time_point>> out;
  std::uint32_t next_id = 0;
  const auto any = [&] { return std::next(all.begin(), below(random, all.size())); };
  for (int i = 0; i < 3'000; ++i) {
    b.pass(std::chrono::microseconds(below(random, 3'000)));
    const std::uint64_t draw = below(random, 100);
    if (all.size() < 2 || (draw < 3 && all.size() < 30)) {
      const auto id = static_cast<server_id>(++next_id);
      b->add(id, {.name = std::to_string(next_id),
                  .weight = 3 * random.unit(),
                  .zone = draw % 2 == 0 ? "a" : "b"});
      all[id];
    } else if (draw < 5) {
      const auto which = any();
      if (which->second.removed) continue;
      b->remove(which->first);
      which->second.removed = true;
      which->second.eligible = false;
      if (which->second.in_flight == 0) all.erase(which);
    } else if (draw < 15) {
      const auto which = any();
      if (which->second.removed) continue;
      which->second.eligible = below(random, 3) > 0;
      b->set_eligible(which->first, which->second.eligible);
    } else if (draw < 18) {
      const auto which = any();
      if (!which->second.removed)
        b->update(which->first, {.weight = 5 * random.unit(), .zone = "a"});
    } else if (draw < 60) {
      std::vector<server_id> tried;
      for (const auto& [id, t] : all) {
        if (below(random, 4) == 0) tried.push_back(id);
      }
      const bool some = std::any_of(all.begin(), all.end(), [&](const auto& m) {
        return m.second.eligible && std::find(tried.begin(), tried.end(), m.first) == tried.end();
      });
      const auto got = b.pick(tried, draw % 3 == 0 ? std::optional(random.next()) : std::nullopt);
      ASSERT_EQ(got.has_value(), some);
      if (!got) continue;
      ASSERT_TRUE(all.at(*got).eligible);
      ASSERT_EQ(std::count(tried.begin(), tried.end(), *got), 0);
      b->began(b.now(), *got);
      ++all.at(*got).in_flight;
      out.emplace_back(*got, b.now());
    } else if (!out.empty()) {
      const std::size_t which = below(random, out.size());
      const auto [id, begun] = out[which];
      out.erase(out.begin() + static_cast<std::ptrdiff_t>(which));
      b->ended(b.now(), id, begun, static_cast<outcome>(below(random, 9)));
      truth& t = all.at(id);
      if (--t.in_flight == 0 && t.removed) all.erase(id);
    }
    for (const auto& [id, t] : all) ASSERT_EQ(b->in_flight(id), t.in_flight);
  }
  for (const auto& [id, begun] : out) b->ended(b.now(), id, begun, outcome::answered);
  for (const auto& [id, t] : all) {
    if (!t.removed) {
      EXPECT_EQ(b->in_flight(id), 0U);
    }
  }
}

TEST(balance, holds_under_any_sequence_of_events) {
  for (const balance_policy policy : policies) {
    for (std::uint64_t seed = 1; seed <= 6; ++seed) {
      SCOPED_TRACE(std::string(to_string(policy)) + " seed " + std::to_string(seed));
      random_events(policy, seed);
      if (testing::Test::HasFatalFailure()) return;
    }
  }
}

/// Where each of many keys goes while nothing is in flight.
std::vector<server_id> owners(bench& b) {
  std::vector<server_id> out;
  for (std::uint64_t k = 0; k < 20'000; ++k) out.push_back(*b.pick({}, balance_key(k, 1)));
  return out;
}

TEST(consistent_hash, a_member_less_or_more_moves_its_own_keys_alone) {
  constexpr std::size_t members = 20;
  bench b({.policy = balance_policy::consistent_hash});
  for (std::size_t i = 0; i < members; ++i) b.add(i);
  const std::vector<server_id> before = owners(b);
  EXPECT_EQ(owners(b), before) << "the same key goes to the same member";
  b->set_eligible(id_of(7), false);
  const std::vector<server_id> without = owners(b);
  std::size_t moved = 0;
  for (std::size_t k = 0; k < before.size(); ++k) {
    if (before[k] == without[k]) continue;
    ++moved;
    ASSERT_EQ(before[k], id_of(7)) << "a key of another member moved";
  }
  EXPECT_NEAR(static_cast<double>(moved), 20'000.0 / members, 0.5 * 20'000.0 / members);
  b->set_eligible(id_of(7), true);
  EXPECT_EQ(owners(b), before) << "and they come back";
  b.add(members);
  const std::vector<server_id> with = owners(b);
  moved = 0;
  for (std::size_t k = 0; k < before.size(); ++k) {
    if (before[k] == with[k]) continue;
    ++moved;
    ASSERT_EQ(with[k], id_of(members)) << "a key moved between two old members";
  }
  EXPECT_NEAR(static_cast<double>(moved), 20'000.0 / (members + 1), 0.5 * 20'000.0 / members);
}

TEST(consistent_hash, gateways_agree_whatever_the_order_they_learned_of_the_members) {
  bench one({.policy = balance_policy::consistent_hash}, 1);
  bench two({.policy = balance_policy::consistent_hash}, 2);
  for (std::size_t i = 0; i < 12; ++i) one.add(i);
  for (std::size_t i = 30; i-- > 0;) two.add(i);
  for (std::size_t i = 12; i < 30; ++i) two->remove(id_of(i));
  EXPECT_EQ(owners(one), owners(two));
}

TEST(consistent_hash, one_hot_key_is_bounded_by_the_mean_load) {
  constexpr std::size_t members = 10;
  for (const double slack : {0.25, 1.0}) {
    bench b({.policy = balance_policy::consistent_hash, .hash_slack = slack});
    for (std::size_t i = 0; i < members; ++i) b.add(i);
    for (int calls = 1; calls <= 2'000; ++calls) {
      const std::size_t got = b.start(42);
      ASSERT_LE(b->in_flight(id_of(got)), std::ceil((1 + slack) * calls / members)) << calls;
    }
  }
}

TEST(zones, calls_stay_while_enough_of_the_own_zone_is_eligible_and_then_leave_in_proportion) {
  struct {
    std::size_t eligible;  // of 10 in our zone
    double at_home;
  } const table[] = {{10, 1.0},    {8, 1.0},     {7, 1.0}, {6, 6 / 7.0},
                     {3, 3 / 7.0}, {1, 1 / 7.0}, {0, 0}};
  for (const balance_policy policy : policies) {
    for (const auto& row : table) {
      bench b({.policy = policy, .zone = "here"});
      for (std::size_t i = 0; i < 10; ++i) b.add(i, 1.0, "here");
      for (std::size_t i = 10; i < 30; ++i) b.add(i, 1.0, i % 2 == 0 ? "there" : "");
      for (std::size_t i = row.eligible; i < 10; ++i) b->set_eligible(id_of(i), false);
      int at_home = 0;
      for (std::uint64_t k = 0; k < 5'000; ++k) {
        at_home += index_of(*b.pick({}, balance_key(k, 1))) < 10 ? 1 : 0;
      }
      EXPECT_NEAR(at_home / 5'000.0, row.at_home, row.at_home == 1.0 ? 0.0 : 0.03)
          << to_string(policy) << " " << row.eligible;
    }
  }
}

TEST(zones, a_call_leaves_when_all_at_home_were_tried) {
  bench b({.zone = "here"});
  b.add(0, 1.0, "here");
  b.add(1, 1.0, "there");
  const server_id tried[] = {id_of(0)};
  EXPECT_EQ(b.pick(tried), id_of(1));
  b->update(id_of(1), {.zone = "here"});
  b->set_eligible(id_of(0), false);
  EXPECT_EQ(b.pick(), id_of(1)) << "it moved to our zone";
}

/// Steps for each pick, with as many attempts in flight as there are members and one just tried.
double steps_of(balance_policy policy, std::size_t members, bool mixed_weights) {
  bench b({.policy = policy});
  for (std::size_t i = 0; i < members; ++i) {
    b.add(i, mixed_weights ? 0.5 + static_cast<double>(i % 4) : 1.0);
  }
  const auto turn = [&] {
    b.start(b.random().next());
    b.pass(100us);
    if (b.out() > members) b.end_oldest();
  };
  for (std::size_t i = 0; i < 2 * members; ++i) turn();
  const std::uint64_t before = b->steps();
  for (int i = 0; i < 5'000; ++i) turn();
  return static_cast<double>(b->steps() - before) / 5'000;
}

TEST(balance, deciding_among_ten_thousand_costs_at_most_twice_that_of_few) {
  for (const balance_policy policy : policies) {
    for (const bool mixed : {false, true}) {
      // Two of different weights are compared without a draw: the first to draw for is eight.
      const double few = steps_of(policy, mixed ? 8 : 2, mixed);
      EXPECT_GE(few, 1.0) << to_string(policy);
      EXPECT_LE(steps_of(policy, 10'000, mixed), 2 * few) << to_string(policy) << " " << mixed;
    }
  }
}

TEST(balance, one_that_comes_back_keeps_the_attempts_that_are_still_out) {
  for (const balance_policy policy : policies) {
    bench b({.policy = policy, .zone = "here"});
    b.add(0, 1.0, "here");
    b.add(1, 1.0, "there");
    EXPECT_EQ(b.start(), 0U);
    b->remove(id_of(0));
    EXPECT_EQ(b.pick(), id_of(1));
    b.add(0, 4.0, "there");
    EXPECT_EQ(b->in_flight(id_of(0)), 1U);
    b.end_oldest();
    EXPECT_EQ(b->in_flight(id_of(0)), 0U);
    EXPECT_EQ(b->eligible(), 2U) << "its attempt's end does not make it be forgotten";
    b->set_eligible(id_of(1), false);
    EXPECT_EQ(b.pick(), id_of(0));
    // Its zone is another now: were its weight still counted here, calls would stay for nobody.
    b.add(2, 0.5, "here");
    for (int i = 0; i < 100; ++i) ASSERT_EQ(b.pick(), id_of(2)) << to_string(policy);
  }
}

TEST(balance, a_slot_is_kept_until_the_last_attempt_has_ended) {
  balancer b({});
  dice random(1);
  const time_point now{};
  const member_slot first = b.add(id_of(0), {});
  b.set_eligible(id_of(0), true);
  EXPECT_EQ(b.pick_slot(now, {}, {}, random), first);
  b.began(now, first);
  b.remove(id_of(0));
  EXPECT_EQ(b.pick_slot(now, {}, {}, random), no_slot);
  const member_slot second = b.add(id_of(1), {});
  EXPECT_NE(second, first);
  EXPECT_EQ(b.add(id_of(0), {}), first) << "it came back";
  b.remove(id_of(0));
  b.ended(now, first, now, outcome::answered);
  EXPECT_EQ(b.add(id_of(2), {}), first) << "it is free";
  EXPECT_EQ(b.in_flight(id_of(2)), 0U);
}

}  // namespace
}  // namespace understudy::core
