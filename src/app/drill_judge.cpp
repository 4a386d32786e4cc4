#include "app/drill_judge.hpp"

#include <algorithm>

#include "understudy/error.hpp"

namespace understudy::app {

namespace {

using std::chrono::milliseconds;
using time_point = load_clock::time_point;

double in_ms(load_clock::duration d) {
  return std::chrono::duration<double, std::milli>(d).count();
}

bool is_unknown(const drill_call& c) {
  return c.write && c.call.how == load_end::answered && c.call.error &&
         c.call.code == code::outcome_unknown;
}

bool is_failed(const drill_call& c) {
  return !c.call.good() && !is_unknown(c);
}

bool is_hurt(const drill_call& c) {
  return is_failed(c) || (!is_unknown(c) && c.call.end - c.call.start > hurt_after);
}

/// The server that died may have been working on it.
bool crash_explains(const drill_call& c, const drill_facts& facts) {
  return facts.broken_at && c.call.start <= *facts.broken_at + crash_excuses &&
         c.call.end >= *facts.broken_at;
}

double longest_silence_ms(const drill_facts& facts) {
  std::vector<time_point> successes;
  for (const auto& c : facts.calls) {
    if (c.call.good()) successes.push_back(c.call.end);
  }
  std::sort(successes.begin(), successes.end());
  successes.push_back(std::max(facts.end, facts.begin));
  load_clock::duration longest{0};
  time_point last = facts.begin;
  for (const auto at : successes) {
    longest = std::max(longest, at - last);
    last = std::max(last, at);
  }
  return in_ms(longest);
}

std::optional<std::int64_t> judge_recovery(const drill_facts& facts) {
  if (facts.recover) return facts.recover->count();
  if (!facts.recover_from) return std::nullopt;
  load_clock::duration longest{0};
  for (const auto& c : facts.calls) {
    if (is_hurt(c) || is_unknown(c)) longest = std::max(longest, c.call.end - *facts.recover_from);
  }
  return std::chrono::ceil<milliseconds>(longest).count();
}

void count(const drill_call& c, unsigned executions, drill_counts& counts) {
  ++counts.calls;
  counts.acknowledged += c.call.good() ? 1 : 0;
  counts.failed += is_failed(c) ? 1 : 0;
  counts.unknown += is_unknown(c) ? 1 : 0;
  counts.hurt += is_hurt(c) ? 1 : 0;
  counts.slowest_ms = std::max(counts.slowest_ms, in_ms(c.call.end - c.call.start));
  if (!c.write) return;
  counts.lost += c.call.good() && executions == 0 ? 1 : 0;
  counts.duplicated += executions > 1 ? 1 : 0;
}

void count(const drill_facts& facts, drill_result& result) {
  for (const auto& c : facts.calls) {
    const auto row = facts.rows.find(c.call.number);
    const unsigned executions = row == facts.rows.end() ? 0 : row->second;
    count(c, executions, result);
    count(c, executions, c.write ? result.writes : result.idempotent);
  }
}

/// Calls that this promise does not allow, whatever else happened.
std::uint64_t unexplained(const drill_facts& facts) {
  return static_cast<std::uint64_t>(std::count_if(
      facts.calls.begin(), facts.calls.end(),
      [&](const drill_call& c) { return is_unknown(c) && !crash_explains(c, facts); }));
}

void judge_silence(const drill_facts& facts, drill_result& result) {
  const auto breaks = [&](std::uint64_t count, const std::string& what) {
    if (count > 0) result.broken.push_back({"P5", std::to_string(count) + what});
  };
  breaks(result.acknowledged == 0 ? result.calls : 0, " calls, and not one was answered");
  breaks(result.idempotent.failed, " idempotent calls failed");
  breaks(result.writes.failed, " writes failed");
  breaks(unexplained(facts), " writes have an unknown outcome that no crash explains");
  if (facts.promise == drill_promise::unnoticed) {
    breaks(result.hurt - result.failed,
           " calls took longer than " + std::to_string(hurt_after.count()) + " ms");
  }
  if (!facts.idempotent_max) return;
  const auto slow = std::count_if(facts.calls.begin(), facts.calls.end(), [&](const auto& c) {
    return !c.write && c.call.good() && c.call.end - c.call.start > *facts.idempotent_max;
  });
  breaks(static_cast<std::uint64_t>(slow), " idempotent calls took longer than " +
                                               std::to_string(facts.idempotent_max->count()) +
                                               " ms");
}

}  // namespace

drill_result judge(const drill_facts& facts) {
  drill_result result;
  result.scenario = facts.scenario;
  count(facts, result);
  result.silence_ms = longest_silence_ms(facts);
  if (facts.detect) result.detect_ms = facts.detect->count();
  result.recover_ms = judge_recovery(facts);
  if (result.lost > 0) {
    result.broken.push_back(
        {"P1", std::to_string(result.lost) + " acknowledged writes are not in the database"});
  }
  if (result.duplicated > 0) {
    result.broken.push_back({"P3", std::to_string(result.duplicated) + " writes ran twice"});
  }
  judge_silence(facts, result);
  return result;
}

}  // namespace understudy::app
