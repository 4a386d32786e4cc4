// More load than the servers bear: what comes of it with our limit and queue, and with others.
//
// UNDERSTUDY_OVERLOAD_TABLE=1 core_test --gtest_filter='overload.*' also prints the comparison of
// docs/HEALTH.md as Markdown (a quarter of a minute in a release build).
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>

#include "core/overload_sim.hpp"

namespace understudy::core::overload {
namespace {

using namespace std::chrono_literals;

std::unique_ptr<limit_policy> ours() {
  return std::make_unique<our_limit>();
}
std::unique_ptr<limit_policy> unlimited() {
  return std::make_unique<no_limit>();
}
std::unique_ptr<queue_policy> our_pending() {
  return std::make_unique<our_queue>();
}
std::unique_ptr<queue_policy> fifo() {
  return std::make_unique<plain_queue>(false);
}

result run_ours(const scenario& s) {
  return run(s, ours, our_pending);
}

scenario loaded(double load, duration timeout) {
  scenario s;
  s.load = load;
  s.timeout = timeout;
  s.warm_seconds = 4;
  s.seconds = 8;
  return s;
}

TEST(overload, below_capacity_nobody_is_refused) {
  const result r = run_ours(loaded(0.5, 1s));
  EXPECT_EQ(r.refused, 0.0);
  EXPECT_GE(r.groups[0].good, 0.99 * r.groups[0].requests);
}

TEST(overload, near_capacity_nearly_all_are_answered) {
  const result r = run_ours(loaded(0.9, 5s));
  EXPECT_GE(r.groups[0].good, 0.95 * r.groups[0].requests);
}

/// The baseline that the rest is measured against: without a limit nothing comes in time.
TEST(overload, without_a_limit_all_work_is_wasted) {
  const result r = run(loaded(10, 1s), unlimited, fifo);
  EXPECT_LE(r.goodput, 0.05);
  EXPECT_GE(r.wasted, 0.8);
}

TEST(overload, at_ten_times_the_capacity_it_is_still_used) {
  for (const unsigned workers : {1U, 4U, 8U}) {
    for (const duration timeout : {duration{1s}, duration{5s}}) {
      scenario s = loaded(10, timeout);
      s.workers = workers;
      const result r = run_ours(s);
      EXPECT_GE(r.goodput, 0.8) << workers << " workers";
      EXPECT_LE(r.wasted, 0.1) << workers << " workers";
      EXPECT_LE(r.p99, 0.95 * in_seconds(timeout)) << workers << " workers";
    }
  }
}

TEST(overload, two_servers_are_both_used) {
  scenario s = loaded(10, 1s);
  s.servers = 2;
  EXPECT_GE(run_ours(s).goodput, 0.8);
}

TEST(overload, a_flood_does_not_starve_polite_callers) {
  scenario s = loaded(10, 1s);
  s.callers = {{1, 0.9, 5}, {10, 0.1, 5}};
  s.seconds = 15;
  const result r = run_ours(s);
  // Eleven callers: each polite one asks for a tenth of the capacity, its share is an eleventh.
  const double fair = r.groups[1].requests * 10 / 11;
  EXPECT_GE(r.groups[1].good, 0.9 * fair);
  EXPECT_GE(r.goodput, 0.8);
  // In one line, first come, first served, the flood takes all places.
  const result flooded = run(s, ours, fifo);
  EXPECT_LE(flooded.groups[1].good, 0.3 * fair);
}

TEST(overload, what_matters_more_goes_first_and_nothing_starves) {
  scenario s = loaded(2, 5s);
  s.callers = {{5, 0.2, 9}, {5, 0.6, 5}, {5, 0.2, 0}};
  s.seconds = 20;
  const result r = run_ours(s);
  const auto share = [&](std::size_t g) { return r.groups[g].good / r.groups[g].requests; };
  EXPECT_GE(share(0), 0.95);
  EXPECT_GT(share(1), 1.5 * share(2));
  EXPECT_GE(share(2), 0.03);
}

TEST(overload, half_of_the_capacity_lost_costs_half_of_the_answers) {
  scenario s = loaded(0.8, 1s);
  s.drop_at = 10;
  s.drop_for = 30;
  s.warm_seconds = 10;
  s.seconds = 30;
  const result r = run_ours(s);
  EXPECT_GE(r.goodput, 0.5 * 0.8);
  EXPECT_LE(run(s, unlimited, fifo).goodput, 0.2);
}

TEST(overload, a_slow_method_is_not_taken_for_overload) {
  scenario s = loaded(0.8, 5s);
  s.workers = 16;
  s.methods = {{0.9, 0.01}, {0.1, 0.2}};
  s.seconds = 20;
  const result r = run_ours(s);
  EXPECT_GE(r.groups[0].good, 0.97 * r.groups[0].requests);
}

TEST(overload, pauses_are_survived) {
  scenario s = loaded(0.7, 1s);
  s.workers = 8;
  s.pause_every = 3;
  s.pause_for = 0.3;
  const result r = run_ours(s);
  EXPECT_GE(r.groups[0].good, 0.95 * r.groups[0].requests);
}

TEST(overload, the_same_seed_gives_the_same_run) {
  const result a = run_ours(loaded(2, 1s));
  const result b = run_ours(loaded(2, 1s));
  EXPECT_EQ(a.goodput, b.goodput);
  EXPECT_EQ(a.p99, b.p99);
  EXPECT_EQ(a.limit, b.limit);
}

struct named_limit {
  const char* name;
  make_limit make;
};
const std::vector<named_limit>& limits() {
  static const std::vector<named_limit> all{
      {"no limit", unlimited},
      {"fixed at 8", [] { return std::make_unique<fixed_limit>(8); }},
      {"fixed at 100", [] { return std::make_unique<fixed_limit>(100); }},
      {"AIMD", [] { return std::make_unique<aimd_limit>(); }},
      {"Vegas", [] { return std::make_unique<vegas_limit>(); }},
      {"Gradient2", [] { return std::make_unique<gradient2_limit>(); }},
      {"ours", ours},
  };
  return all;
}

struct named_scenario {
  const char* name;
  scenario what;
};
std::vector<named_scenario> scenarios() {
  std::vector<named_scenario> out;
  const auto add = [&out](const char* name, double load, duration timeout) -> scenario& {
    scenario s;
    s.load = load;
    s.timeout = timeout;
    out.push_back({name, s});
    return out.back().what;
  };
  out.reserve(32);
  add("load 0.5", 0.5, 1s);
  add("load 0.9", 0.9, 1s);
  add("load 1.2", 1.2, 1s);
  add("load 2", 2, 1s);
  add("load 10", 10, 1s);
  add("load 10, timeout 5 s", 10, 5s);
  add("load 10, 1 worker", 10, 1s).workers = 1;
  add("load 10, 64 workers", 10, 1s).workers = 64;
  add("load 10, two servers", 10, 1s).servers = 2;
  auto& mixed = add("load 10, 16 workers, methods of 10 and 200 ms", 10, 1s);
  mixed.workers = 16;
  mixed.methods = {{0.9, 0.01}, {0.1, 0.2}};
  auto& pauses = add("load 10, 8 workers, pauses of 0.3 s", 10, 1s);
  pauses.workers = 8;
  pauses.pause_every = 5;
  pauses.pause_for = 0.3;
  auto& drop = add("load 0.8, half the workers gone for 30 s", 0.8, 1s);
  drop.drop_at = 10;
  drop.drop_for = 30;
  drop.seconds = 40;
  auto& push_back = add("load 10, 8 workers, servers push back", 10, 1s);
  push_back.workers = 8;
  push_back.servers_push_back = true;
  auto& slow = add("load 10, a method of 1 s, timeout 5 s", 10, 5s);
  slow.methods = {{1, 1.0}};
  slow.seconds = 60;
  return out;
}

void print_limits() {
  std::printf("| goodput (p99 of answers, s) |");
  for (const auto& l : limits()) std::printf(" %s |", l.name);
  std::printf("\n| --- |");
  for (std::size_t i = 0; i < limits().size(); ++i) std::printf(" --- |");
  std::printf("\n");
  for (const auto& s : scenarios()) {
    std::printf("| %s |", s.name);
    for (const auto& l : limits()) {
      const result r = run(s.what, l.make, our_pending);
      if (r.goodput < 0.005) {
        std::printf(" 0 |");
      } else {
        std::printf(" %.2f (%.2f) |", r.goodput, r.p99);
      }
    }
    std::printf("\n");
  }
}

void print_queues() {
  const std::vector<std::pair<const char*, make_queue>> queues{
      {"first come, first served", fifo},
      {"adaptive LIFO, CoDel", [] { return std::make_unique<plain_queue>(true); }},
      {"ours", our_pending}};
  std::printf(
      "\n| queue | goodput | p99 | greedy | 10 polite | priority 9 | 5 | 0 |\n"
      "| --- | --- | --- | --- | --- | --- | --- | --- |\n");
  scenario load;
  load.load = 10;
  load.timeout = 1s;
  scenario greedy = load;
  greedy.callers = {{1, 0.9, 5}, {10, 0.1, 5}};
  scenario mixed = load;
  mixed.load = 2;
  mixed.callers = {{5, 0.2, 9}, {5, 0.6, 5}, {5, 0.2, 0}};
  for (const auto& [name, make] : queues) {
    const result l = run(load, ours, make);
    const result g = run(greedy, ours, make);
    const result m = run(mixed, ours, make);
    const auto share = [](const group_result& r) { return r.good / r.requests; };
    std::printf("| %s | %.2f | %.2f s | %.3f | %.3f | %.2f | %.2f | %.2f |\n", name, l.goodput,
                l.p99, share(g.groups[0]), share(g.groups[1]), share(m.groups[0]),
                share(m.groups[1]), share(m.groups[2]));
  }
}

TEST(overload, at_half_load_no_limit_is_in_the_way) {
  for (const auto& l : limits()) {
    const result r = run(loaded(0.5, 1s), l.make, our_pending);
    EXPECT_GE(r.groups[0].good, 0.99 * r.groups[0].requests) << l.name;
  }
  if (std::getenv("UNDERSTUDY_OVERLOAD_TABLE") == nullptr) return;
  print_limits();
  print_queues();
}

}  // namespace
}  // namespace understudy::core::overload
