#include "app/drill/drill_judge.hpp"

#include <algorithm>

#include "understudy/error.hpp"

namespace understudy::app {

namespace {

using std::chrono::milliseconds;
using time_point = load_clock::time_point;

double in_ms(load_clock::duration d) {
  return std::chrono::duration<double, std::milli>(d).count();
}

load_clock::duration took(const drill_call& c) {
  return c.call.end - c.call.start;
}

bool has_code(const drill_call& c, std::int64_t code) {
  return c.call.how == load_end::answered && c.call.error && c.call.code == code;
}

/// A caller that waited in vain knows as little as one that was told so.
bool is_unknown(const drill_call& c) {
  return c.write && (has_code(c, code::outcome_unknown) || c.call.how == load_end::timed_out);
}

bool is_failed(const drill_call& c) {
  return !c.call.good() && !is_unknown(c);
}

bool is_hurt(const drill_call& c) {
  return is_failed(c) || (!is_unknown(c) && took(c) > hurt_after);
}

bool is_touched(const drill_call& c, const drill_facts& facts) {
  return !c.call.good() || took(c) > facts.bounds.slow_after;
}

/// The server that broke may have been working on it.
bool is_near_fault(const drill_call& c, const drill_facts& facts) {
  return std::any_of(facts.faults.begin(), facts.faults.end(), [&](time_point at) {
    return c.call.start <= at + facts.bounds.excused && c.call.end >= at;
  });
}

/// The service's own answer, before the gateway could know that it speaks against the server.
bool is_own_answer(const drill_call& c, const drill_facts& facts) {
  return facts.bounds.own_code && has_code(c, *facts.bounds.own_code) &&
         (c.write || facts.bounds.own_code_for_all);
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

std::optional<std::int64_t> judge_leaving(const drill_facts& facts) {
  if (facts.faults.empty()) return std::nullopt;
  load_clock::duration last{0};
  for (const auto& c : facts.calls) {
    if (is_touched(c, facts)) last = std::max(last, c.call.start - facts.faults.front());
  }
  return std::chrono::ceil<milliseconds>(last).count();
}

/// Of the writes sent and answered after the fault; nothing where there is none.
std::optional<double> share_that_stayed(const drill_facts& facts) {
  std::uint64_t ran = 0;
  std::uint64_t stayed = 0;
  for (const auto& c : facts.calls) {
    const auto row = facts.rows.find(c.call.number);
    if (!c.write || facts.faults.empty() || c.call.start < facts.faults.front()) continue;
    if (row == facts.rows.end()) continue;
    ++ran;
    stayed += row->second.on_primary ? 1 : 0;
  }
  if (ran == 0) return std::nullopt;
  return static_cast<double>(stayed) / static_cast<double>(ran);
}

double good_per_second(const drill_facts& facts, time_point begin, time_point end) {
  const auto good = std::count_if(facts.calls.begin(), facts.calls.end(), [&](const auto& c) {
    return c.call.good() && took(c) <= hurt_after && c.call.end >= begin && c.call.end < end;
  });
  return static_cast<double>(good) / std::chrono::duration<double>(end - begin).count();
}

/// Nothing where the peak had no good answer: then there is nothing to compare with.
std::optional<double> share_of_peak(const drill_facts& facts) {
  const auto& g = *facts.goodput;
  const double peak = good_per_second(facts, g.peak_begin, g.peak_end);
  if (peak == 0) return std::nullopt;
  return good_per_second(facts, g.overload_begin, g.overload_end) / peak;
}

void count(const drill_call& c, unsigned executions, drill_counts& counts) {
  ++counts.calls;
  counts.acknowledged += c.call.good() ? 1 : 0;
  counts.failed += is_failed(c) ? 1 : 0;
  counts.unknown += is_unknown(c) ? 1 : 0;
  counts.hurt += is_hurt(c) ? 1 : 0;
  counts.slowest_ms = std::max(counts.slowest_ms, in_ms(took(c)));
  if (!c.write) return;
  counts.lost += c.call.good() && executions == 0 ? 1 : 0;
  counts.duplicated += executions > 1 ? 1 : 0;
}

void count(const drill_facts& facts, drill_result& result) {
  for (const auto& c : facts.calls) {
    const auto row = facts.rows.find(c.call.number);
    const unsigned executions = row == facts.rows.end() ? 0 : row->second.executions;
    count(c, executions, result);
    count(c, executions, c.write ? result.writes : result.idempotent);
  }
}

/// Writes down what is broken.
class verdict {
 public:
  verdict(const drill_facts& facts, drill_result& result) : facts_(facts), result_(result) {}

  void effects() {
    breaks("P1", result_.lost, " acknowledged writes are not in the database");
    breaks("P3", result_.duplicated, " writes ran twice");
  }

  void scenario() {
    result_.broken.insert(result_.broken.end(), facts_.broken.begin(), facts_.broken.end());
  }

  void store() {
    for (const auto& problem : facts_.store_problems) result_.broken.push_back({"P1", problem});
    breaks("P2", facts_.contradictions, " calls of one key were answered in two ways");
  }

  void full_disk() {
    if (!facts_.full_disk) return;
    const drill_full_disk& seen = *facts_.full_disk;
    const auto unless = [&](bool kept, const std::string& why) {
      if (!kept) result_.broken.push_back({"P6", why});
    };
    unless(seen.refused > 0, "the disk was full, and no call was refused");
    breaks("P6", seen.hintless, " calls were refused and not told when to come again");
    unless(seen.ended_when_low > 0 && seen.refused_when_low > 0,
           "accepted calls did not go on while others were refused");
    unless(seen.gateway_lives, "the gateway died of a full disk");
  }

  void failures() {
    breaks("P5", result_.acknowledged == 0 ? result_.calls : 0, " calls, and not one was answered");
    if (facts_.bounds.refusals) return;
    breaks("P5", calls([&](const auto& c) { return !c.write && is_failed(c) && !excused(c); }),
           " idempotent calls failed");
    breaks("P5", calls([&](const auto& c) { return c.write && is_failed(c) && !excused(c); }),
           " writes failed");
    const auto unknown =
        calls([&](const auto& c) { return is_unknown(c) && !is_near_fault(c, facts_); });
    breaks("P5", unknown > facts_.bounds.unknown_max ? unknown : 0,
           " writes have an unknown outcome that no fault explains");
  }

  void times() {
    const drill_bounds& bounds = facts_.bounds;
    if (bounds.idempotent_max) {
      breaks("P5", calls([&](const auto& c) {
               return !c.write && c.call.good() && took(c) > *bounds.idempotent_max;
             }),
             " idempotent calls took longer than " + text(*bounds.idempotent_max));
    }
    const auto slow =
        calls([&](const auto& c) { return c.call.good() && took(c) > bounds.slow_after; });
    if (bounds.slow_max && slow > *bounds.slow_max) {
      breaks("P5", slow,
             " calls took longer than " + text(bounds.slow_after) + ", and only " +
                 std::to_string(*bounds.slow_max) + " may");
    }
    if (bounds.left_within && result_.left_ms.value_or(0) > bounds.left_within->count()) {
      breaks("P5", calls([&](const auto& c) {
               return is_touched(c, facts_) &&
                      c.call.start > facts_.faults.front() + *bounds.left_within;
             }),
             " calls were still touched that were sent more than " + text(*bounds.left_within) +
                 " after the fault");
    }
    longest("time without a success", bounds.silence_max, result_.silence_ms);
    longest("recovery", bounds.recover_max, static_cast<double>(result_.recover_ms.value_or(0)));
  }

  void servers() {
    const drill_bounds& bounds = facts_.bounds;
    if (bounds.met_max && facts_.met.value_or(0) > *bounds.met_max) {
      breaks("P5", *facts_.met,
             " calls met the trouble until it was left, and only " +
                 std::to_string(*bounds.met_max) + " may");
    }
    if (bounds.stayed_min && result_.stayed && *result_.stayed < *bounds.stayed_min) {
      breaks("P5", static_cast<std::uint64_t>((1 - *result_.stayed) * 100),
             " % of the calls of a healthy method left the primary");
    }
    if (facts_.primary_serves == false) {
      result_.broken.push_back({"P5", "the primary did not come back, though it is well"});
    }
    if (facts_.goodput && result_.goodput_share.value_or(0) < goodput_min) {
      breaks("P6", static_cast<std::uint64_t>(result_.goodput_share.value_or(0) * 100),
             " % of the peak's goodput was left under overload", true);
    }
    if (!facts_.killer) return;
    if (facts_.killer->workers > killer_workers_max) {
      breaks("P6", facts_.killer->workers, " workers died of one call");
    }
    if (!facts_.killer->answered) {
      result_.broken.push_back({"P5", "the killer's caller got no error"});
    }
  }

 private:
  template <typename Predicate>
  [[nodiscard]] std::uint64_t calls(Predicate which) const {
    return static_cast<std::uint64_t>(
        std::count_if(facts_.calls.begin(), facts_.calls.end(), which));
  }
  [[nodiscard]] bool excused(const drill_call& c) const {
    const bool taken_for_killer =
        facts_.bounds.all_die && !c.write && has_code(c, code::outcome_unknown);
    return (is_own_answer(c, facts_) || taken_for_killer) && is_near_fault(c, facts_);
  }
  static std::string text(milliseconds time) { return std::to_string(time.count()) + " ms"; }

  void longest(const std::string& what, std::optional<milliseconds> bound, double ms) {
    if (!bound || ms <= static_cast<double>(bound->count())) return;
    breaks("P5", static_cast<std::uint64_t>(ms),
           " ms was the longest " + what + ", and " + text(*bound) + " are promised");
  }
  void breaks(const std::string& id, std::uint64_t number, const std::string& what,
              bool also_none = false) {
    if (number > 0 || also_none) result_.broken.push_back({id, std::to_string(number) + what});
  }

  const drill_facts& facts_;
  drill_result& result_;
};

}  // namespace

drill_result judge(const drill_facts& facts) {
  drill_result result;
  result.scenario = facts.scenario;
  result.skipped = facts.skipped;
  if (!facts.skipped.empty()) return result;
  count(facts, result);
  result.silence_ms = longest_silence_ms(facts);
  if (facts.detect) result.detect_ms = facts.detect->count();
  result.recover_ms = judge_recovery(facts);
  result.left_ms = judge_leaving(facts);
  result.met = facts.met;
  if (facts.bounds.stayed_min) result.stayed = share_that_stayed(facts);
  if (facts.goodput) result.goodput_share = share_of_peak(facts);
  if (facts.killer) result.killed = facts.killer->workers;
  result.figures = facts.figures;
  if (facts.full_disk) {
    result.figures.emplace_back("refused", static_cast<double>(facts.full_disk->refused));
  }
  verdict what(facts, result);
  what.effects();
  what.scenario();
  what.store();
  what.full_disk();
  what.failures();
  what.times();
  what.servers();
  return result;
}

}  // namespace understudy::app
