// What becomes of a stored call after an attempt.
#include "core/call_schedule.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

namespace understudy::core {
namespace {

using std::chrono::milliseconds;
using namespace std::chrono_literals;

constexpr wall_time now{milliseconds(1'000'000)};

stored_terms terms_of(call_mode mode) {
  stored_terms terms;
  terms.mode = mode;
  terms.attempts_max = 3;
  terms.deadline = now + 1h;
  return terms;
}

attempt_end answered(attempt_fate fate, std::int64_t code = 0) {
  attempt_end end;
  end.fate = fate;
  end.code = code;
  return end;
}

struct fixture {
  stored_terms terms;
  retry_rule rule{};
  unsigned attempts = 0;
  bool may_have_run = false;
  dice jitter{7};

  call_next after(attempt_end end) {
    return after_attempt(terms, rule, attempts, may_have_run, end, now, jitter);
  }
};

struct expectation {
  const char* what;
  call_mode mode;
  attempt_end end;
  call_state state;
  dead_reason reason = dead_reason::none;
  bool counted = true;
};

TEST(CallSchedule, AnAnswerOrAFailureByMode) {
  const auto durable = call_mode::durable;
  const auto queued = call_mode::queued;
  const expectation table[] = {
      {"result", durable, answered(attempt_fate::result), call_state::done},
      {"result", queued, answered(attempt_fate::result), call_state::done},
      {"a service's error is the answer", durable, answered(attempt_fate::error, 7),
       call_state::done},
      {"a service's error is tried again", queued, answered(attempt_fate::error, 7),
       call_state::waiting},
      {"code 0", queued, answered(attempt_fate::error, 0), call_state::waiting},
      {"invalid params", durable, answered(attempt_fate::error, -32602), call_state::done},
      {"invalid params", queued, answered(attempt_fate::error, -32602), call_state::dead,
       dead_reason::final_error},
      {"no such method", queued, answered(attempt_fate::error, -32601), call_state::dead,
       dead_reason::final_error},
      {"fault", durable, answered(attempt_fate::fault, -32603), call_state::waiting},
      {"fault", queued, answered(attempt_fate::fault, -32603), call_state::waiting},
      {"unknown", durable, answered(attempt_fate::unknown), call_state::waiting},
      {"unknown", queued, answered(attempt_fate::unknown), call_state::waiting},
      {"not sent", durable, answered(attempt_fate::not_sent), call_state::waiting,
       dead_reason::none, false},
      {"elsewhere", queued, answered(attempt_fate::elsewhere, -32014), call_state::waiting,
       dead_reason::none, false},
  };
  for (const expectation& row : table) {
    fixture call{terms_of(row.mode)};
    const call_next next = call.after(row.end);
    EXPECT_EQ(next.state, row.state) << row.what << ", " << to_string(row.mode);
    EXPECT_EQ(next.reason, row.reason) << row.what << ", " << to_string(row.mode);
    EXPECT_EQ(next.counted, row.counted) << row.what << ", " << to_string(row.mode);
  }
}

TEST(CallSchedule, TheRulesCodesWin) {
  fixture durable{terms_of(call_mode::durable)};
  durable.rule.retry_codes = {7, -32602};
  durable.rule.final_codes = {-32603};
  EXPECT_EQ(durable.after(answered(attempt_fate::error, 7)).state, call_state::waiting);
  EXPECT_EQ(durable.after(answered(attempt_fate::error, -32602)).state, call_state::waiting);
  EXPECT_EQ(durable.after(answered(attempt_fate::fault, -32603)).state, call_state::done);

  fixture queued{terms_of(call_mode::queued)};
  queued.rule.final_codes = {8};
  const call_next ended = queued.after(answered(attempt_fate::error, 8));
  EXPECT_EQ(ended.state, call_state::dead);
  EXPECT_EQ(ended.reason, dead_reason::final_error);
}

TEST(CallSchedule, TheLastAttemptEndsIt) {
  fixture call{terms_of(call_mode::queued)};
  call.attempts = 1;
  EXPECT_EQ(call.after(answered(attempt_fate::fault)).state, call_state::waiting);
  call.attempts = 2;
  const call_next last = call.after(answered(attempt_fate::fault));
  EXPECT_EQ(last.state, call_state::dead);
  EXPECT_EQ(last.reason, dead_reason::attempts_spent);
  // What was not sent is no attempt.
  EXPECT_EQ(call.after(answered(attempt_fate::not_sent)).state, call_state::waiting);
}

TEST(CallSchedule, OneThatMayHaveRunIsNeverCalledSpentOrExpired) {
  fixture call{terms_of(call_mode::queued)};
  call.attempts = 2;
  EXPECT_EQ(call.after(answered(attempt_fate::unknown)).reason, dead_reason::outcome_unknown);
  call.may_have_run = true;
  EXPECT_EQ(call.after(answered(attempt_fate::fault)).reason, dead_reason::outcome_unknown);

  fixture late{terms_of(call_mode::queued)};
  late.terms.deadline = now - 1ms;
  EXPECT_EQ(late.after(answered(attempt_fate::not_sent)).state, call_state::expired);
  EXPECT_EQ(late.after(answered(attempt_fate::fault)).state, call_state::expired);
  EXPECT_EQ(late.after(answered(attempt_fate::unknown)).state, call_state::dead);
  EXPECT_EQ(late.after(answered(attempt_fate::elsewhere)).state, call_state::dead);
  late.may_have_run = true;
  EXPECT_EQ(late.after(answered(attempt_fate::not_sent)).state, call_state::dead);

  EXPECT_EQ(end_waiting(call_state::cancelled, false).state, call_state::cancelled);
  EXPECT_EQ(end_waiting(call_state::cancelled, true).state, call_state::dead);
}

TEST(CallSchedule, AnUnknownOutcomeMayBeTheEndByRule) {
  fixture call{terms_of(call_mode::durable)};
  call.terms.unknown = on_unknown::dead;
  const call_next next = call.after(answered(attempt_fate::unknown));
  EXPECT_EQ(next.state, call_state::dead);
  EXPECT_EQ(next.reason, dead_reason::outcome_unknown);
  EXPECT_EQ(after_lost_claim(call.terms, 0, now).state, call_state::dead);
}

TEST(CallSchedule, ALostClaimCountsAndIsDueAtOnce) {
  const stored_terms terms = terms_of(call_mode::queued);
  const call_next next = after_lost_claim(terms, 1, now);
  EXPECT_EQ(next.state, call_state::waiting);
  EXPECT_EQ(next.due, now);
  EXPECT_TRUE(next.counted);
  EXPECT_EQ(after_lost_claim(terms, 2, now).state, call_state::dead);
}

TEST(CallSchedule, TheFirstRetryIsDueAtOnceAndLaterOnesAreSpread) {
  fixture call{terms_of(call_mode::queued)};
  call.terms.attempts_max = 100;
  EXPECT_EQ(call.after(answered(attempt_fate::fault)).due, now);
  for (unsigned attempts = 1; attempts < 80; ++attempts) {
    call.attempts = attempts;
    const double bound = std::min(60000.0, 500.0 * std::pow(2.0, attempts - 1));
    double sum = 0;
    constexpr int draws = 200;
    for (int i = 0; i < draws; ++i) {
      const auto pause = call.after(answered(attempt_fate::fault)).due - now;
      ASSERT_GE(pause.count(), 0);
      ASSERT_LE(static_cast<double>(pause.count()), bound);
      sum += static_cast<double>(pause.count());
    }
    EXPECT_NEAR(sum / draws / bound, 0.5, 0.15) << attempts;
  }
}

TEST(CallSchedule, WhatTheServerAsksForIsWaitedFor) {
  fixture call{terms_of(call_mode::queued)};
  attempt_end end = answered(attempt_fate::fault, -32003);
  end.retry_after = 5s;
  EXPECT_GE(call.after(end).due, now + 5s);
  end.fate = attempt_fate::not_sent;
  EXPECT_GE(call.after(end).due, now + 5s);
}

TEST(CallSchedule, NoRetryComesAfterTheDeadline) {
  fixture call{terms_of(call_mode::queued)};
  call.terms.deadline = now + 1s;
  attempt_end end = answered(attempt_fate::fault);
  end.retry_after = 2s;
  EXPECT_EQ(call.after(end).state, call_state::expired);
}

TEST(CallSchedule, AnAttemptBeginsOnlyWhileAThirdOfItsLeaseIsLeft) {
  constexpr auto lease = claim_lease(30s);
  EXPECT_EQ(lease, 60s);
  EXPECT_TRUE(may_begin(lease, 0ms));
  EXPECT_TRUE(may_begin(lease, 40s));
  EXPECT_FALSE(may_begin(lease, 40001ms));
}

}  // namespace
}  // namespace understudy::core
