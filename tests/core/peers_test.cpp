// Our detector beside those of its peers: the same calls, the same faults.
//
// UNDERSTUDY_PEERS_TABLE=1 core_test --gtest_filter='peers.*' also prints the comparison of
// docs/HEALTH.md as Markdown (a minute in a release build).
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>
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
scenario fault(std::string name, condition what, duration lasts, double rate, std::uint64_t seed) {
  dice random(seed);
  scenario s{.name = std::move(name), .rate = rate, .seed = seed};
  s.fault_at = (rate < 10 ? 60s : 4s) + std::chrono::milliseconds(random.next() % 2000);
  s.fault_ends = s.fault_at + lasts;
  s.calls_for = s.fault_ends + (rate < 10 ? 20s : 3s);
  s.changes = {{s.fault_at, primary, what}, {s.fault_ends, primary, condition::healthy}};
  return s;
}

scenario one_method(scenario s) {
  s.method = 0;
  return s;
}

scenario crash(double rate, std::uint64_t seed) {
  return fault("crash, back after 4 s", condition::crashed, 4s, rate, seed);
}
scenario freeze(double rate, std::uint64_t seed) {
  return fault("freeze for 10 s", condition::frozen, 10s, rate, seed);
}
scenario slow(double rate, std::uint64_t seed) {
  return one_method(fault("one method slow for 20 s", condition::slow, 20s, rate, seed));
}
scenario errs(double rate, std::uint64_t seed) {
  return one_method(fault("one method errs for 20 s", condition::sick, 20s, rate, seed));
}
scenario service_errors(double rate, std::uint64_t seed) {
  return fault("errors of the service for 20 s", condition::rude, 20s, rate, seed);
}
scenario grey(double rate, std::uint64_t seed) {
  return fault("1 % of attempts hang for 60 s", condition::grey, 60s, rate, seed);
}

/// It errs for 5 s, and is well for 5 s.
scenario flapping(double rate, std::uint64_t seed) {
  scenario s = fault("flapping for 60 s", condition::sick, 60s, rate, seed);
  s.changes.clear();
  for (int i = 0; i < 12; ++i)
    s.changes.push_back(
        {s.fault_at + i * 5s, primary, i % 2 == 0 ? condition::sick : condition::healthy});
  return s;
}

/// One pause of up to 90 ms a second, of either server, as a busy machine makes them.
scenario well(duration lasts, double rate, std::uint64_t seed) {
  scenario s{.name = "well, pauses", .rate = rate, .calls_for = lasts, .seed = seed};
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

std::string cell(const figures& f) {
  std::string text = number(f.failed_idempotent / f.runs) + " + " +
                     number(f.failed_others / f.runs) + " / " + number(f.hurt / f.runs);
  if (f.blind > 0) text += ", " + number(f.blind / f.runs) + " blind";
  std::vector<double> left = f.left;
  if (2 * static_cast<double>(left.size()) <= f.runs) return text + ", never";
  std::sort(left.begin(), left.end());
  char seconds[32];
  std::snprintf(seconds, sizeof seconds, ", %.2f s", left[left.size() / 2]);
  return text + seconds;
}

std::string healthy_cell(const figures& f) {
  return number(f.failed() / f.runs) + " / " + number(f.hurt / f.runs) + ", left " +
         number(f.ejections / f.runs) + " times";
}

void print_table(double rate) {
  std::printf("\n**%.0f call%s a second**\n\n| |", rate, rate > 1 ? "s" : "");
  const make_scenario faults[]{crash, freeze, slow, errs, service_errors, grey, flapping};
  std::vector<std::string> rows(contenders().size());
  const auto column = [&](make_scenario make, unsigned seeds, auto to_text) {
    double calls = 0;
    for (std::size_t i = 0; i < contenders().size(); ++i) {
      const figures f = over_seeds(make, rate, seeds, contenders()[i].make);
      rows[i] += " " + to_text(f) + " |";
      calls = f.calls / f.runs;
    }
    std::printf(" %s (%.0f calls) |", make(rate, 1).name.c_str(), calls);
  };
  for (const make_scenario make : faults) column(make, rate < 10 ? 400 : 100, cell);
  column(healthy_hour, rate < 10 ? 20 : 4, healthy_cell);
  std::printf("\n| --- |");
  for (std::size_t i = 0; i <= std::size(faults); ++i) std::printf(" --- |");
  for (std::size_t i = 0; i < rows.size(); ++i)
    std::printf("\n| %s |%s", contenders()[i].name.c_str(), rows[i].c_str());
  std::printf("\n");
}

TEST(peers, table) {
  if (std::getenv("UNDERSTUDY_PEERS_TABLE") == nullptr) GTEST_SKIP();
  print_table(50);
  print_table(1);
}

}  // namespace
}  // namespace understudy::core::peers
