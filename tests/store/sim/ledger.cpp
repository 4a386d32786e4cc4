#include "store/sim/ledger.hpp"

#include <algorithm>

namespace understudy::store::sim {

std::string_view name_of(rule which) {
  static constexpr std::array<std::string_view, static_cast<std::size_t>(rule::count)> names{
      "accepted_is_somewhere", "acknowledged_survives",   "ends_once",
      "one_effect_with_once",  "no_effect_of_the_undone", "unknown_is_not_repeated",
      "one_valid_claim",       "stale_is_refused",        "one_of_a_line",
      "limit_is_kept",         "pause_is_kept",           "time_is_kept",
      "attempts_are_bounded",  "key_is_one_call",         "urgent_goes_first",
      "backoff_is_spread",     "cancel_is_kept",          "webhook_is_told",
      "none_starves"};
  return names.at(static_cast<std::size_t>(which));
}

void ledger::judge(rule which, bool holds, const std::string& otherwise) {
  ++judged_.at(static_cast<std::size_t>(which));
  if (!holds) wrong_.push_back(std::string(name_of(which)) + ": " + otherwise);
}

std::optional<call_id> ledger::of_key(const std::string& key) const {
  const auto found = keys_.find(key);
  if (found == keys_.end()) return std::nullopt;
  return found->second;
}

void ledger::saw(wall_time now) {
  latest_ = std::max(latest_, now);
  for (auto& [id, call] : calls_) {
    if (call.valid && now >= call.claimed + terms_.lease) call.lease_ended = true;
  }
}

void ledger::begin(wall_time now) {
  now_ = now;
  saw(now);
  paused_before_ = paused_;
  held_before_ = held_;
  limits_before_ = limits_;
  fresh_.clear();
  repeats_.clear();
}

void ledger::join(call_id id) {
  const new_call& what = calls_[id].what;
  if (!what.order.empty()) lines_[{what.service, what.order}].push_back(id);
}

void ledger::leave(call_id id) {
  const new_call& what = calls_[id].what;
  const line which{what.service, what.order};
  const auto found = lines_.find(which);
  if (found == lines_.end()) return;
  std::erase(found->second, id);
  if (!found->second.empty()) return;
  lines_.erase(found);
  unsure_.erase(which);
}

bool ledger::forgettable(const known_call& call) const {
  return call.final() && call.finished + terms_.result_kept <= latest_;
}

void ledger::lose_claim(known_call& call) {
  call.valid.reset();
  if (call.received) call.unknown = call.ever_unknown = true;
}

known_call& ledger::enter(call_id id, const new_call& what) {
  judge(rule::acknowledged_survives, !calls_.contains(id), "an id is given twice");
  known_call& call = calls_[id];
  call.what = what;
  call.created = now_;
  call.due = what.due;
  call.deadline = what.terms.deadline;
  if (!what.key.empty()) keys_[what.key] = id;
  join(id);
  fresh_.insert(id);
  return call;
}

// The store made it of the end of another call.
void ledger::enter_notice(const claimed_call& claim) {
  new_call what;
  what.service = claim.service;
  what.method = claim.method;
  what.params = claim.params;
  what.terms = claim.terms;
  enter(claim.id, what).due = wall_time::min();
}

void ledger::accepted(const new_call& call, const acceptance& answer) {
  if (answer.what == acceptance::kind::refused) return;
  const auto before = call.key.empty() ? std::nullopt : of_key(call.key);
  const auto about = " under key " + call.key;
  if (answer.what == acceptance::kind::accepted) {
    const bool anew = !before || forgettable(calls_[*before]);
    judge(rule::key_is_one_call, anew, "a second call is accepted" + about);
    if (before) calls_[*before].gone = true;
    enter(answer.id, call);
    return;
  }
  judge(rule::key_is_one_call, before == answer.id, "another call is meant" + about);
  if (!before) return;
  const bool same = calls_[*before].what.content_print == call.content_print;
  judge(rule::key_is_one_call, same == (answer.what == acceptance::kind::repeated),
        "other content is taken for the same, or the same for other," + about);
  if (answer.ended) repeats_.push_back(answer);
}

void ledger::reported(const attempt_report& report, bool held) {
  known_call& call = calls_[report.id];
  const bool valid = call.valid == report.token;
  const auto id = std::to_string(static_cast<std::uint64_t>(report.id));
  judge(rule::stale_is_refused, held ? valid : !valid || call.lease_ended,
        (held ? "a stale word was taken of call " : "a claim's word was refused of call ") + id);
  if (!held) return;
  call.valid.reset();
  if (report.may_have_run) call.unknown = call.ever_unknown = true;
  if (report.next.state != call_state::waiting) return;
  call.state = call_state::waiting;
  call.due = report.next.due;
  fresh_.insert(report.id);
}

void ledger::cancelled(call_id id, std::optional<call_state> answer) {
  if (answer == call_state::running) calls_[id].cancel_asked = true;
}

void ledger::retried(call_id id, std::optional<call_id> as, bool as_new) {
  if (!as) return;
  known_call& call = calls_[id];
  judge(rule::ends_once, call.state == call_state::dead, "one was retried that is not dead");
  if (as_new) {
    leave(id);
    new_call what = call.what;
    what.due = now_;
    const auto key_is_of = of_key(what.key);
    enter(*as, what).retries = 1;
    // The key may have gone with an earlier copy.
    if (key_is_of && key_is_of != id) keys_[what.key] = *key_is_of;
    if (!key_is_of) keys_.erase(what.key);
    return;
  }
  const auto found = lines_.find({call.what.service, call.what.order});
  const bool blocks =
      found != lines_.end() && std::ranges::find(found->second, id) != found->second.end();
  if (!blocks) join(id);
  call.state = call_state::waiting;
  call.reason = core::dead_reason::none;
  call.due = now_;
  call.cancel_asked = call.unknown = false;
  call.receipts = 0;
  ++call.retries;
  fresh_.insert(id);
}

void ledger::purged(call_id id, bool done) {
  if (!done) return;
  known_call& call = calls_[id];
  judge(rule::ends_once, call.state == call_state::dead, "one was purged that is not dead");
  leave(id);
  if (of_key(call.what.key) == id) keys_.erase(call.what.key);
  call.gone = true;
}

void ledger::paused(const std::string& service, bool paused) {
  if (paused) {
    paused_.insert(service);
  } else {
    paused_.erase(service);
  }
}

void ledger::held(const std::string& service, bool held) {
  if (held) {
    held_.insert(service);
  } else {
    held_.erase(service);
  }
}

void ledger::limited(const std::string& service, std::size_t most) {
  limits_[service] = most;
}

void ledger::ended(const call_ending& ending) {
  const auto found = calls_.find(ending.id);
  if (found == calls_.end()) {
    lost_notices_ = true;
    return;
  }
  const known_call& call = found->second;
  const bool may =
      call.live() || (call.state == call_state::dead && ending.state == call_state::cancelled);
  judge(rule::ends_once, may && !call.gone, "a call that is over ends again");
  close(ending, now_);
}

void ledger::close(const call_ending& ending, wall_time when) {
  known_call& call = calls_[ending.id];
  if (call.valid) lose_claim(call);
  if (ending.reason == core::dead_reason::outcome_unknown) call.ever_unknown = true;
  call.state = ending.state;
  call.reason = ending.reason;
  call.error = ending.error;
  call.payload = ending.payload;
  call.finished = when;
  if (!call.what.webhook.empty()) ++call.ends_to_tell;
  const bool blocks =
      call.state == call_state::dead && call.what.terms.dead == core::on_dead::block;
  if (!blocks) leave(ending.id);
  if (call.state == call_state::done) {
    judge(rule::ends_once, call.answers.contains(call.payload),
          "a call is done with an answer that no server gave: " + call.payload);
  }
}

void ledger::claimed(const claimed_call& claim) {
  if (claim.service == webhook_service && !calls_.contains(claim.id)) enter_notice(claim);
  const auto found = calls_.find(claim.id);
  judge(rule::acknowledged_survives, found != calls_.end() && !found->second.gone,
        "a call is claimed that nobody made");
  if (found == calls_.end()) return;
  known_call& call = found->second;
  if (call.valid && call.lease_ended) lose_claim(call);
  judge_claim(claim, call);
  call.state = call_state::running;
  call.valid = claim.token;
  call.claimed = now_;
  call.lease_ended = false;
  call.received = false;
  call.deadline = claim.terms.deadline;
  last_token_ = claim.token;
  ++claims_;
}

void ledger::settle(const std::vector<claimed_call>& claims) {
  judge_places(claims);
  judge_priorities(claims);
  for (const acceptance& answer : repeats_) {
    const known_call& call = calls_[answer.id];
    if (call.live()) continue;  // retried since
    judge(rule::key_is_one_call,
          answer.ended->state == call.state && answer.ended->payload == call.payload &&
              answer.ended->error == call.error,
          "a key has two answers: " + answer.ended->payload + " and " + call.payload);
  }
}

}  // namespace understudy::store::sim
