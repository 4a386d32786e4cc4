#include "core/call_schedule.hpp"

#include <algorithm>
#include <cmath>

#include "understudy/error.hpp"

namespace understudy::core {

using std::chrono::milliseconds;

namespace {

bool among(const std::vector<std::int64_t>& codes, std::int64_t code) {
  return std::ranges::find(codes, code) != codes.end();
}

// No server will ever answer otherwise.
bool hopeless(std::int64_t code) {
  return code == code::parse_error || code == code::invalid_request ||
         code == code::method_not_found || code == code::invalid_params;
}

enum class answer_means : std::uint8_t { the_answer, the_end, failure };

answer_means meaning(const stored_terms& terms, const retry_rule& rule, const attempt_end& end) {
  if (end.fate == attempt_fate::result) return answer_means::the_answer;
  const bool durable = terms.mode != call_mode::queued;
  const auto as_end = durable ? answer_means::the_answer : answer_means::the_end;
  if (among(rule.final_codes, end.code)) return as_end;
  if (among(rule.retry_codes, end.code)) return answer_means::failure;
  if (hopeless(end.code)) return as_end;
  if (end.fate == attempt_fate::fault) return answer_means::failure;
  return durable ? answer_means::the_answer : answer_means::failure;
}

// `failures` are those before: the second retry is the first that waits.
milliseconds backoff(const retry_rule& rule, unsigned failures, dice& jitter) {
  if (failures == 0) return milliseconds(0);
  const double most = std::min(static_cast<double>(rule.backoff_max.count()),
                               std::ldexp(static_cast<double>(rule.backoff_min.count()),
                                          static_cast<int>(std::min(failures - 1, 40U))));
  return milliseconds(static_cast<std::int64_t>(jitter.unit() * most));
}

call_next dead(dead_reason reason, bool counted = true) {
  call_next next;
  next.state = call_state::dead;
  next.reason = reason;
  next.counted = counted;
  return next;
}

call_next again(const stored_terms& terms, wall_time due, bool counted, bool may_have_run) {
  if (due > terms.deadline) {
    call_next next = end_waiting(call_state::expired, may_have_run);
    next.counted = counted;
    return next;
  }
  call_next next;
  next.state = call_state::waiting;
  next.due = due;
  next.counted = counted;
  return next;
}

}  // namespace

call_next after_attempt(const stored_terms& terms, const retry_rule& rule, unsigned attempts,
                        bool may_have_run, const attempt_end& end, wall_time now, dice& jitter) {
  const bool put_off = end.fate == attempt_fate::not_sent || end.fate == attempt_fate::elsewhere;
  if (put_off) {
    const auto asked = std::max(end.retry_after, backoff(rule, 1, jitter));
    // Another attempt at work may take effect.
    const bool ran = may_have_run || end.fate == attempt_fate::elsewhere;
    return again(terms, now + asked, false, ran);
  }
  const bool unknown = end.fate == attempt_fate::unknown;
  if (!unknown) {
    switch (meaning(terms, rule, end)) {
      case answer_means::the_answer:
        return {};
      case answer_means::the_end:
        return dead(dead_reason::final_error);
      case answer_means::failure:
        break;
    }
  } else if (terms.unknown == on_unknown::dead) {
    return dead(dead_reason::outcome_unknown);
  }
  const bool ran = may_have_run || unknown;
  if (attempts + 1 >= terms.attempts_max) {
    return dead(ran ? dead_reason::outcome_unknown : dead_reason::attempts_spent);
  }
  const auto pause = std::max(end.retry_after, backoff(rule, attempts, jitter));
  return again(terms, now + pause, true, ran);
}

call_next end_waiting(call_state ended, bool may_have_run) {
  if (may_have_run) return dead(dead_reason::outcome_unknown, false);
  call_next next;
  next.state = ended;
  next.counted = false;
  return next;
}

call_next after_lost_claim(const stored_terms& terms, unsigned attempts, wall_time now) {
  if (terms.unknown == on_unknown::dead || attempts + 1 >= terms.attempts_max) {
    return dead(dead_reason::outcome_unknown);
  }
  return again(terms, now, true, true);
}

}  // namespace understudy::core
