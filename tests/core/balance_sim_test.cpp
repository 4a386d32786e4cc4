// The policies against each other before queueing servers. With UNDERSTUDY_BALANCE_TABLE set, the
// tables of docs/HEALTH.md are printed.
#include "core/balance_sim.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <numeric>

namespace understudy::balance_sim {
namespace {

report of(chooser who, fault what, std::size_t servers, double load) {
  return run({.who = who, .what = what, .servers = servers, .load = load, .calls = 12'000});
}

bool printing() {
  return std::getenv("UNDERSTUDY_BALANCE_TABLE") != nullptr;
}

/// For messages.
std::string where(fault what, std::size_t servers, double load) {
  return to_string(what) + ", " + std::to_string(servers) + " servers, load " +
         std::to_string(load);
}

TEST(balance_sim, peak_ewma_halves_the_tail_of_round_robin_when_one_becomes_slow) {
  for (const std::size_t servers : {2U, 50U}) {
    for (const double load : {0.3, 0.7}) {
      const report ewma = of(chooser::peak_ewma, fault::twenty_times_slower, servers, load);
      const report turns = of(chooser::round_robin, fault::twenty_times_slower, servers, load);
      const std::string at = where(fault::twenty_times_slower, servers, load);
      EXPECT_LT(ewma.p99_ms, turns.p99_ms / 2) << at;
      EXPECT_LT(ewma.failed_share(), 0.002) << at;
      EXPECT_GT(turns.failed_share(), 0.01) << at;
    }
  }
}

TEST(balance_sim, failing_fast_attracts_nothing_under_peak_ewma_and_much_under_least_request) {
  for (const std::size_t servers : {2U, 50U}) {
    const report ewma = of(chooser::peak_ewma, fault::fails_fast, servers, 0.7);
    const report least = of(chooser::least_request, fault::fails_fast, servers, 0.7);
    const report turns = of(chooser::round_robin, fault::fails_fast, servers, 0.7);
    EXPECT_LT(ewma.failed, turns.failed / 10) << servers;
    EXPECT_GT(least.failed, turns.failed) << servers;
  }
}

TEST(balance_sim, a_frozen_server_stops_attracting_before_anything_times_out) {
  // Least request stops, too, once enough calls hang; by their age they are noticed sooner.
  for (const double load : {0.3, 0.7}) {
    const report ewma = of(chooser::peak_ewma, fault::freezes, 2, load);
    const report least = of(chooser::least_request, fault::freezes, 2, load);
    const report turns = of(chooser::round_robin, fault::freezes, 2, load);
    EXPECT_LT(ewma.failed, least.failed / 4) << load;
    EXPECT_LT(least.failed, turns.failed / 4) << load;
    EXPECT_LT(ewma.failed, 20) << load;
  }
}

TEST(balance_sim, a_slow_server_gets_less_from_who_looks) {
  for (const std::size_t servers : {2U, 50U}) {
    const fault slow = fault::three_times_slower;
    const report ewma = of(chooser::peak_ewma, slow, servers, 0.7);
    const report least = of(chooser::least_request, slow, servers, 0.7);
    const report turns = of(chooser::round_robin, slow, servers, 0.7);
    EXPECT_LT(ewma.calls_of_server[0], least.calls_of_server[0]) << servers;
    EXPECT_LT(ewma.p99_ms, turns.p99_ms / 2) << servers;
    EXPECT_LT(least.p99_ms, turns.p99_ms / 2) << servers;
  }
}

TEST(balance_sim, among_equal_servers_looking_is_better_than_chance) {
  const report blind = of(chooser::random, fault::none, 50, 0.95);
  for (const chooser who : {chooser::peak_ewma, chooser::least_request}) {
    const report r = of(who, fault::none, 50, 0.95);
    EXPECT_LT(r.p50_ms, blind.p50_ms * 0.8) << to_string(who);
    EXPECT_LT(r.p99_ms, blind.p99_ms * 0.8) << to_string(who);
  }
}

TEST(balance_sim, now_and_then_an_error_everywhere_upsets_nobody) {
  plan p{.servers = 10, .load = 0.7, .calls = 20'000};
  const report clean = run(p);
  p.what = fault::errs_at_times;
  const report errs = run(p);
  EXPECT_GT(errs.failed, 0);
  EXPECT_LT(errs.p50_ms, clean.p50_ms * 1.3);
  EXPECT_LT(errs.p99_ms, clean.p99_ms * 1.3);
}

TEST(balance_sim, a_hash_spills_from_a_slow_owner) {
  const report hash = of(chooser::consistent_hash, fault::three_times_slower, 50, 0.7);
  const report turns = of(chooser::round_robin, fault::three_times_slower, 50, 0.7);
  EXPECT_LT(hash.p99_ms, turns.p99_ms / 2);
}

/// 5 servers at home, 10 in two other zones, some of those at home not eligible.
report with_zones(chooser who, std::size_t not_eligible, int calls) {
  plan p{.who = who, .servers = 15, .load = 0.6, .calls = calls, .not_eligible = not_eligible};
  p.options.zone = "a";
  for (std::size_t i = 0; i < p.servers; ++i) p.zones.push_back(i < 5 ? "a" : i < 10 ? "b" : "c");
  // A third of all calls begins in each zone: this gateway sees those of its own only.
  p.load /= 3.0;
  return run(p);
}

TEST(balance_sim, no_zone_is_overloaded_by_staying_at_home) {
  double last = 1.1;
  for (const std::size_t lost : {0U, 1U, 2U, 4U}) {
    const report r = with_zones(chooser::peak_ewma, lost, 6'000);
    const double at_home = 1.0 * r.in_own_zone / r.calls;
    EXPECT_NEAR(at_home, std::min(1.0, (5.0 - static_cast<double>(lost)) / 3.5), 0.03);
    EXPECT_LE(at_home, last);
    EXPECT_EQ(r.failed, 0);
    EXPECT_LT(r.p99_ms, 80.0) << lost;
    last = at_home;
  }
}

/// "p50 / p99 / p99.9", and the share that failed where some did.
void print_cell(const report& r) {
  std::printf(" %.0f / %.0f / %.0f", r.p50_ms, r.p99_ms, r.p999_ms);
  if (r.failed > 0) std::printf(", %.2g %% failed", 100 * r.failed_share());
  std::printf(" |");
}

void print_head(std::size_t servers, double load) {
  std::printf("\n**%zu servers, %.0f %% load**\n\n| servers |", servers, 100 * load);
  for (const chooser who : choosers) std::printf(" %s |", to_string(who).c_str());
  std::printf("\n| --- |");
  for (std::size_t i = 0; i < std::size(choosers); ++i) std::printf(" --- |");
  std::printf("\n");
}

void print_zones() {
  std::printf("\n| eligible at home | calls that stay | p50 / p99 / p99.9 |\n");
  std::printf("| --- | --- | --- |\n");
  for (const std::size_t lost : {0U, 1U, 2U, 3U, 4U, 5U}) {
    const report r = with_zones(chooser::peak_ewma, lost, 100'000);
    std::printf("| %zu of 5 | %.0f %% |", 5 - lost, 100.0 * r.in_own_zone / r.calls);
    print_cell(r);
    std::printf("\n");
  }
}

void check_books(const report& r, const plan& p) {
  const int begun = std::accumulate(r.calls_of_server.begin(), r.calls_of_server.end(), 0);
  EXPECT_EQ(r.left_in_flight, 0U);
  EXPECT_EQ(begun, p.calls);
  EXPECT_LE(r.failed, r.calls);
  EXPECT_NEAR(r.calls, 0.75 * p.calls, 0.1 * p.calls) << "three quarters follow the fault";
}

TEST(balance_sim, every_call_ends_once_and_nothing_is_left_in_the_books) {
  for (const std::size_t servers : {2U, 50U}) {
    for (const double load : {0.3, 0.7, 0.95}) {
      if (printing()) print_head(servers, load);
      for (const fault what : faults) {
        SCOPED_TRACE(where(what, servers, load));
        if (printing()) std::printf("| %s |", to_string(what).c_str());
        for (const chooser who : choosers) {
          const plan p{.who = who,
                       .what = what,
                       .servers = servers,
                       .load = load,
                       .calls = printing() ? 100'000 : 600};
          const report r = run(p);
          check_books(r, p);
          if (printing()) print_cell(r);
        }
        if (printing()) std::printf("\n");
      }
    }
  }
  if (printing()) print_zones();
}

TEST(balance_sim, the_same_plan_makes_the_same_run) {
  const plan p{.what = fault::twenty_times_slower, .servers = 5, .calls = 4'000, .seed = 7};
  const report a = run(p);
  const report b = run(p);
  EXPECT_EQ(a.mean_ms, b.mean_ms);
  EXPECT_EQ(a.calls_of_server, b.calls_of_server);
  plan other = p;
  other.seed = 8;
  EXPECT_NE(run(other).mean_ms, a.mean_ms);
}

}  // namespace
}  // namespace understudy::balance_sim
