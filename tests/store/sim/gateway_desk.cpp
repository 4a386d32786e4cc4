// gateway: the desk's part, which does what call_desk_attempts.cpp does.
#include <algorithm>

#include "store/sim/gateway.hpp"

namespace understudy::store::sim {

void gateway::begin_desk() {
  limit(std::string(webhook_service), plan_.webhooks_at_a_time);
  for (const auto& [name, pool] : servers_) {
    const auto set = limits_.find(name);
    limit(name, set == limits_.end() ? pool->plan().limit : set->second);
  }
  grant(plan_.places);
}

void gateway::grant(std::size_t places) {
  operation asks;
  asks.apply = [places](transaction& to) { to.grant(places); };
  asks.durable = [this, places] { book_.granted(places); };
  ask(std::move(asks));
}

void gateway::carry(const claimed_call& call, duration claimed) {
  if (time_.now() < stalled_until_) {
    return in_life(stalled_until_ - time_.now(), [this, call, claimed] { carry(call, claimed); });
  }
  ++running_;
  outcome late;
  late.end.fate = core::attempt_fate::not_sent;
  const duration lease = core::claim_lease(plan_.attempt_max);
  if (!core::may_begin(lease, time_.now() - claimed)) return finish(call, late);
  if (call.service == webhook_service) return carry_to_webhook(call);
  const auto answered = [this, life = life_, call](const outcome& how) {
    if (up_ && life == life_) return finish(call, how);
    // The process that would have reported is gone: perhaps its word still comes.
    attempt_report old;
    old.id = call.id;
    old.token = call.token;
    old.payload = how.payload;
    stale_.push_back(old);
  };
  const auto left = std::max(call.terms.deadline - time_.wall(), duration(0));
  if (left == duration(0)) return answered(late);
  servers_.at(call.service)->attempt(call, claimed, std::min(plan_.attempt_max, left), answered);
}

void gateway::carry_to_webhook(const claimed_call& call) {
  // {"url":"...","call":"TICKET"}
  const auto end = call.params.rfind('"');
  const auto begin = call.params.rfind('"', end - 1) + 1;
  const auto about = parse_ticket(store_.tag(), call.params.substr(begin, end - begin));
  in_life(time_.upto(20), [this, call, about] {
    outcome how;
    const bool arrives = !time_.chance(plan_.deaf);
    const bool answers = arrives && !time_.chance(plan_.deaf / 4);
    book_.judge(rule::webhook_is_told, about.has_value(), "a notice is about no call");
    if (arrives && about) book_.notice_arrived(*about);
    how.payload = answers ? "true" : "{\"code\":-32003}";
    how.error = !answers;
    if (!answers) how.end.fate = core::attempt_fate::fault;
    book_.answered(call.id, how.payload);
    finish(call, how);
  });
}

void gateway::finish(const claimed_call& call, const outcome& how) {
  if (time_.now() < stalled_until_) {
    return in_life(stalled_until_ - time_.now(), [this, call, how] { finish(call, how); });
  }
  --running_;
  attempt_report report;
  report.id = call.id;
  report.token = call.token;
  report.error = how.error;
  report.payload = how.payload;
  report.server = "a:1";
  report.may_have_run = how.end.fate == core::attempt_fate::unknown;
  static const core::retry_rule usual{duration(100), duration(2000), {}, {}};
  const auto pool = servers_.find(call.service);
  const core::retry_rule& rule = pool == servers_.end() ? usual : pool->second->plan().retry;
  report.next = core::after_attempt(call.terms, rule, call.attempts, call.may_have_run, how.end,
                                    time_.wall(), time_.dice);
  judge_pause(call, rule, how, report.next);
  if (how.no_server) {
    hold(call.service, true);
    if (report.next.state == call_state::waiting) report.next.due = time_.wall();
  }
  if (time_.chance(0.05)) stale_.push_back(report);
  this->report(report);
  if (!draining_) grant(1);
}

// Independent of how the schedule computes it.
void gateway::judge_pause(const claimed_call& call, const core::retry_rule& rule,
                          const outcome& how, const core::call_next& next) {
  if (next.state != call_state::waiting || !next.counted) return;
  duration most = call.attempts == 0 ? duration(0) : rule.backoff_min;
  for (unsigned i = 1; i < call.attempts && most < rule.backoff_max; ++i) most *= 2;
  most = std::min(most, rule.backoff_max);
  const duration pause = next.due - time_.wall();
  book_.judge(sim::rule::backoff_is_spread,
              pause >= duration(0) && pause <= std::max(most, how.end.retry_after),
              "a pause of " + std::to_string(pause.count()) + " ms, of at most " +
                  std::to_string(most.count()));
  // A pause that reached beyond the deadline would not be here.
  if (most < duration(50) || time_.wall() + most > call.terms.deadline) return;
  pauses_.push_back(static_cast<double>(pause.count()) / static_cast<double>(most.count()));
}

void gateway::report(const attempt_report& attempt) {
  const auto held = std::make_shared<bool>();
  operation asks;
  asks.apply = [attempt, held](transaction& to) { *held = to.report(attempt); };
  asks.durable = [this, attempt, held] { book_.reported(attempt, *held); };
  asks.doubt = [id = attempt.id](ledger::doubt& in) { in.reported.insert(id); };
  ask(std::move(asks));
}

void gateway::report_stale() {
  if (stale_.empty()) return;
  const std::size_t which = time_.below(stale_.size());
  report(stale_[which]);
  stale_.erase(stale_.begin() + static_cast<long>(which));
}

void gateway::hold(const std::string& service, bool held) {
  if (held ? !held_.insert(service).second : held_.erase(service) == 0) return;
  operation asks;
  asks.apply = [service, held](transaction& to) { to.hold(service, held); };
  asks.durable = [this, service, held] { book_.held(service, held); };
  ask(std::move(asks));
  if (held && held_.size() == 1) look_at_held();
}

void gateway::look_at_held() {
  in_life(duration(100), [this] {
    const auto all = held_;
    for (const std::string& service : all) {
      if (servers_.at(service)->usable()) hold(service, false);
    }
    if (!held_.empty()) look_at_held();
  });
}

}  // namespace understudy::store::sim
