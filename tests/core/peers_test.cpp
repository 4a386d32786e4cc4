// Our detector beside those of its peers: the same calls, the same faults.
//
// UNDERSTUDY_PEERS_TABLE=1 core_test --gtest_filter='peers.all*' also prints the comparison of
// docs/HEALTH.md as Markdown (5 s in a release build).
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "core/dice.hpp"
#include "core/peers_proxy.hpp"

namespace understudy::core::peers {
namespace {

using namespace std::chrono_literals;

constexpr duration hurt_from = 500ms;

/// What callers saw of the calls from the fault on.
struct figures {
  double runs = 0;
  double calls = 0;
  double failed_idempotent = 0;
  double failed_others = 0;
  double hurt = 0;  ///< failed, or slower than hurt_from
  double blind = 0;
  double ejections = 0;
  std::vector<double> left{};  ///< of each run, in seconds; one that was not left has none

  [[nodiscard]] double failed() const { return failed_idempotent + failed_others; }
};

void add(figures& sum, const scenario& s, const make_contender& make) {
  world w(s, make);
  w.run();
  ++sum.runs;
  sum.ejections += w.ejections();
  const time_point from = time_point{} + s.fault_at;
  const time_point to = time_point{} + s.fault_ends;
  bool left = false;
  for (const call_seen& c : w.calls()) {
    if (c.begun < from) continue;
    ++sum.calls;
    (c.idempotent ? sum.failed_idempotent : sum.failed_others) += !c.good;
    sum.hurt += !c.good || c.ended - c.begun > hurt_from;
    sum.blind += c.repeated_blindly;
    if (left || c.begun >= to || (s.method && *s.method != c.method)) continue;
    left = w.server_of_first_attempt(c) == backup;
    if (left) sum.left.push_back(std::chrono::duration<double>(c.begun - from).count());
  }
}

/// A fault of the primary for a time; before it, enough calls to learn what is usual.
scenario fault(const std::string& name, condition what, duration lasts, double rate,
               std::uint64_t seed) {
  dice random(seed);
  const auto whole = std::chrono::duration_cast<std::chrono::seconds>(lasts);
  scenario s{
      .name = name + " for " + std::to_string(whole.count()) + " s", .rate = rate, .seed = seed};
  s.fault_at = (rate < 10 ? 60s : 2s) + std::chrono::milliseconds(random.next() % 2000);
  s.fault_ends = s.fault_at + lasts;
  s.calls_for = s.fault_ends + (rate < 10 ? 20s : 3s);
  s.changes = {{s.fault_at, primary, what}, {s.fault_ends, primary, condition::healthy}};
  return s;
}

/// Where the fault is seen by calls alone, few calls take longer to show what a detector does.
duration seen_by_calls(double rate) {
  return rate < 10 ? 60s : 10s;
}

scenario one_method(scenario s) {
  s.method = 0;
  return s;
}

scenario crash(double rate, std::uint64_t seed) {
  return fault("crashed", condition::crashed, 4s, rate, seed);
}
scenario freeze(double rate, std::uint64_t seed) {
  return fault("frozen", condition::frozen, 10s, rate, seed);
}
scenario slow(double rate, std::uint64_t seed) {
  return one_method(fault("a method slow", condition::slow, seen_by_calls(rate), rate, seed));
}
scenario errs(double rate, std::uint64_t seed) {
  return one_method(fault("a method faults", condition::sick, seen_by_calls(rate), rate, seed));
}
scenario service_errors(double rate, std::uint64_t seed) {
  return fault("errors of the service", condition::rude, seen_by_calls(rate), rate, seed);
}
scenario grey(double rate, std::uint64_t seed) {
  return fault("1 % of attempts hang", condition::grey, seen_by_calls(rate), rate, seed);
}

/// It faults for 5 s, and is well for 5 s.
scenario flapping(double rate, std::uint64_t seed) {
  scenario s = fault("flapping", condition::sick, 2 * seen_by_calls(rate), rate, seed);
  s.changes.clear();
  bool sick = false;
  for (duration at = s.fault_at; at < s.fault_ends; at += 5s) {
    sick = !sick;
    s.changes.push_back({at, primary, sick ? condition::sick : condition::healthy});
  }
  s.changes.push_back({s.fault_ends, primary, condition::healthy});
  return s;
}

/// One pause of up to 90 ms a second, of either server, as a busy machine makes them.
scenario well(duration lasts, double rate, std::uint64_t seed) {
  scenario s{.name = "well for an hour, pauses of up to 90 ms",
             .rate = rate,
             .calls_for = lasts,
             .seed = seed};
  dice random(seed);
  for (duration at = 2s; at < lasts; at += 1s) {
    const auto which = static_cast<std::size_t>(random.next() % 2);
    const auto pause = std::chrono::milliseconds(random.next() % 90);
    s.changes.push_back({at, which, condition::frozen});
    s.changes.push_back({at + pause, which, condition::healthy});
  }
  return s;
}
scenario healthy_hour(double rate, std::uint64_t seed) {
  return well(1h, rate, seed);
}

/// Nothing is wrong: one method takes 0.1 to 1 s by nature.
scenario long_calls(double rate, std::uint64_t seed) {
  scenario s{.name = "well for 2 minutes, a method of 0.1 to 1 s", .rate = rate, .seed = seed};
  s.calls_for = 2min;
  s.method = 0;
  s.slow_factor = 100;
  s.changes = {{0s, primary, condition::slow}, {0s, backup, condition::slow}};
  return s;
}

using make_scenario = scenario (*)(double rate, std::uint64_t seed);

figures over_seeds(make_scenario make, double rate, unsigned seeds, const make_contender& who) {
  figures sum;
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) add(sum, make(rate, seed), who);
  return sum;
}

// ---- the table

std::string number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, value > 0 && value < 9.95 ? "%.1f" : "%.0f", value);
  return text;
}

/// Failed idempotent + other calls / hurt, blind repeats, when it was left.
std::string cell(const figures& f) {
  std::string text = "0";
  if (f.hurt > 0)
    text = number(f.failed_idempotent / f.runs) + " + " + number(f.failed_others / f.runs) + " / " +
           number(f.hurt / f.runs);
  if (f.blind > 0) text += ", " + number(f.blind / f.runs) + " blind";
  std::vector<double> left = f.left;
  if (2 * static_cast<double>(left.size()) <= f.runs) return text + ", never";
  std::sort(left.begin(), left.end());
  char seconds[32];
  std::snprintf(seconds, sizeof seconds, ", %.2f s", left[left.size() / 2]);
  return text + seconds;
}

/// Where nothing is wrong: failed calls, servers left.
std::string well_cell(const figures& f) {
  std::string text = number(f.failed() / f.runs) + " failed";
  if (f.blind > 0) text += ", " + number(f.blind / f.runs) + " blind";
  return text + ", " + number(f.ejections / f.runs) + " left";
}

void print_table(double rate) {
  std::printf("\n**%.0f call%s a second**\n\n| |", rate, rate > 1 ? "s" : "");
  for (const named_contender& each : contenders()) std::printf(" %s |", each.name.c_str());
  std::printf("\n| --- |");
  for (std::size_t i = 0; i < contenders().size(); ++i) std::printf(" --- |");
  const auto row = [&](make_scenario make, unsigned runs, auto to_text) {
    std::string cells;
    double calls = 0;
    for (const named_contender& each : contenders()) {
      const figures f = over_seeds(make, rate, runs, each.make);
      cells += " " + to_text(f) + " |";
      calls = f.calls / f.runs;
    }
    std::printf("\n| %s (%.0f calls) |%s", make(rate, 1).name.c_str(), calls, cells.c_str());
  };
  for (const make_scenario make : {crash, freeze, slow, errs, service_errors, grey, flapping})
    row(make, rate < 10 ? 400 : 100, cell);
  row(healthy_hour, rate < 10 ? 20 : 4, well_cell);
  row(long_calls, rate < 10 ? 20 : 4, well_cell);
  std::printf("\n");
}

// ---- what must hold

constexpr double rates[]{50.0, 1.0};
constexpr unsigned seeds = 20;

const named_contender& our_own() {
  return contenders().back();
}
const named_contender& contender_named(std::string_view name) {
  return *std::find_if(contenders().begin(), contenders().end(),
                       [&](const named_contender& each) { return each.name == name; });
}

TEST(peers, all_get_the_same_calls) {
  for (const named_contender& each : contenders()) {
    world a(freeze(50, 7), each.make);
    world b(freeze(50, 7), our_own().make);
    a.run();
    b.run();
    ASSERT_EQ(a.calls().size(), b.calls().size());
    for (std::size_t i = 0; i < a.calls().size(); ++i) {
      EXPECT_EQ(a.calls()[i].begun, b.calls()[i].begun);
      EXPECT_EQ(a.calls()[i].idempotent, b.calls()[i].idempotent);
      EXPECT_EQ(a.calls()[i].method, b.calls()[i].method);
    }
  }
  if (std::getenv("UNDERSTUDY_PEERS_TABLE") == nullptr) return;
  print_table(50);
  print_table(1);
}

/// The best peer that repeats nothing blindly, by docs/HEALTH.md. The margin is 2 calls, or 0.5 %
/// of the calls.
TEST(peers, ours_fails_no_idempotent_call_and_hurts_hardly_more_than_the_best_peer) {
  const make_contender& best = contender_named("NGINX, tuned").make;
  for (const double rate : rates) {
    for (const make_scenario make : {crash, freeze, slow, errs, service_errors, grey, flapping}) {
      SCOPED_TRACE(make(rate, 1).name + ", " + std::to_string(rate) + " calls/s");
      const figures mine = over_seeds(make, rate, seeds, our_own().make);
      EXPECT_EQ(mine.blind, 0);
      if (make != service_errors) {
        EXPECT_EQ(mine.failed_idempotent, 0);
      }
      const double margin = std::max(2 * mine.runs, 0.005 * mine.calls);
      EXPECT_LE(mine.hurt, over_seeds(make, rate, seeds, best).hurt + margin);
    }
  }
}

TEST(peers, ours_leaves_no_server_that_is_well) {
  for (const double rate : rates) {
    for (std::uint64_t seed = 1; seed <= 2; ++seed) {
      figures f;
      add(f, well(rate < 10 ? 1h : 2min, rate, seed), our_own().make);
      add(f, long_calls(rate, seed), our_own().make);
      EXPECT_EQ(f.ejections, 0) << "seed " << seed << ", " << rate << " calls/s";
      EXPECT_EQ(f.failed(), 0) << "seed " << seed << ", " << rate << " calls/s";
    }
  }
}

}  // namespace
}  // namespace understudy::core::peers
