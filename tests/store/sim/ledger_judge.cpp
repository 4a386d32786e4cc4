// ledger: claims, and what servers did, before the rules.
#include <algorithm>

#include "store/sim/ledger.hpp"

namespace understudy::store::sim {

namespace {

std::string named(call_id id) {
  return "call " + std::to_string(static_cast<std::uint64_t>(id));
}

// Smaller goes first: by priority, then those whose callers wait.
int rank(const core::stored_terms& terms) {
  return (9 - terms.priority) * 2 + (terms.mode == core::call_mode::durable ? 0 : 1);
}

}  // namespace

void ledger::judge_claim(const claimed_call& claim, const known_call& call) {
  const std::string id = named(claim.id);
  const new_call& what = call.what;
  judge(rule::acknowledged_survives,
        claim.params == what.params && claim.method == what.method && claim.key == what.key,
        id + " is claimed as another");
  judge(rule::one_valid_claim, call.live() && !call.valid, id + " is claimed twice, or is over");
  judge(rule::one_valid_claim, claim.token > last_token_, id + " has a token that was used");
  judge(rule::pause_is_kept,
        !(paused_.contains(what.service) && paused_before_.contains(what.service)),
        id + " begins in a paused service");
  judge(rule::pause_is_kept, !(held_.contains(what.service) && held_before_.contains(what.service)),
        id + " begins in a held service");
  judge(rule::time_is_kept, call.due <= latest_, id + " begins too early");
  judge(rule::time_is_kept, claim.terms.deadline >= now_, id + " begins after its deadline");
  // A retry gives it as much time as it had.
  judge(rule::time_is_kept, call.retries > 0 || claim.terms.deadline == what.terms.deadline,
        id + " has another deadline");
  judge(rule::time_is_kept, call.created + terms_.age_max >= now_, id + " is too old");
  judge(rule::attempts_are_bounded, call.receipts < what.terms.attempts_max,
        id + " has had its attempts");
  judge(rule::unknown_is_not_repeated,
        !(call.unknown && what.terms.unknown == core::on_unknown::dead),
        id + " may have run, and is tried again");
  judge(rule::cancel_is_kept, !call.cancel_asked, id + " is tried after its cancel");
  if (what.order.empty() || unsure_.contains({what.service, what.order})) return;
  const auto& all = lines_[{what.service, what.order}];
  judge(rule::one_of_a_line, !all.empty() && all.front() == claim.id,
        id + " is not the first of its line");
}

void ledger::judge_places(const std::vector<claimed_call>& claims) {
  judge(rule::limit_is_kept, claims_ <= granted_, "more is claimed than there are places");
  std::set<std::string> services;
  for (const claimed_call& each : claims) services.insert(each.service);
  for (const std::string& service : services) {
    const std::size_t most = limits_[service];
    const auto before = limits_before_.find(service);
    if (most == 0 || (before != limits_before_.end() && before->second == 0)) continue;
    const auto running = std::ranges::count_if(calls_, [&](const auto& each) {
      const known_call& call = each.second;
      return call.what.service == service && call.valid && !call.lease_ended;
    });
    const std::size_t bound =
        before == limits_before_.end() ? most : std::max(most, before->second);
    judge(rule::limit_is_kept, static_cast<std::size_t>(running) <= bound,
          std::to_string(running) + " calls of " + service + " run at once");
  }
}

void ledger::judge_priorities(const std::vector<claimed_call>& claims) {
  std::map<std::string, int> last;  // that was claimed of each service
  for (const claimed_call& each : claims) {
    int& least = last[each.service];
    least = std::max(least, rank(each.terms));
  }
  for (const auto& [id, call] : calls_) {
    const auto found = last.find(call.what.service);
    const bool ready = call.state == call_state::waiting && call.what.order.empty() &&
                       call.due <= now_ && call.deadline >= now_ && !fresh_.contains(id) &&
                       !call.gone;
    if (found == last.end() || !ready) continue;
    judge(rule::urgent_goes_first, rank(call.what.terms) >= found->second,
          named(id) + " is more urgent than one that was claimed");
  }
}

void ledger::received(const claimed_call& claim, std::chrono::milliseconds since, wall_time now) {
  known_call& call = calls_[claim.id];
  const std::string id = named(claim.id);
  judge(rule::one_valid_claim, since < terms_.lease && call.valid == claim.token,
        id + " is sent under a claim that is lost");
  judge(rule::time_is_kept, now <= claim.terms.deadline, id + " is sent after its deadline");
  if (call.valid == claim.token) call.received = true;
  ++call.receipts;
  judge(rule::attempts_are_bounded, call.receipts <= call.what.terms.attempts_max,
        id + " is sent more often than attempts_max");
}

void ledger::effect(call_id id) {
  known_call& call = calls_[id];
  ++call.effects;
  if (!terms_.once.contains(call.what.service)) return;
  judge(rule::one_effect_with_once, call.effects == 1, named(id) + " took effect twice");
}

void ledger::notice_arrived(call_id about) {
  const auto found = calls_.find(about);
  judge(rule::webhook_is_told, found != calls_.end() && found->second.ends_to_tell > 0,
        named(about) + " is told to have ended, and has not");
  if (found != calls_.end()) ++found->second.told;
}

void ledger::audit() {
  for (const auto& [id, call] : calls_) {
    if (call.what.service != webhook_service) audit_one(id, call);
  }
}

void ledger::audit_one(call_id id, const known_call& call) {
  const bool once = terms_.once.contains(call.what.service);
  const std::string what = named(id) + " took effect " + std::to_string(call.effects) + " times, ";
  if (call.state == call_state::done && !call.error) {
    const unsigned most = once ? 1 : call.effects;
    judge(rule::one_effect_with_once, call.effects >= 1 && call.effects <= most,
          what + "and is done");
  }
  const bool never = call.state == call_state::cancelled || call.state == call_state::expired ||
                     call.reason == core::dead_reason::attempts_spent ||
                     (!call.ever_unknown && (call.state == call_state::dead || call.error));
  if (never) {
    judge(rule::no_effect_of_the_undone, call.effects == 0,
          what + "and is " + std::string(core::to_string(call.state)) + ' ' +
              std::string(core::to_string(call.reason)));
  }
  if (call.what.terms.unknown == core::on_unknown::dead) {
    judge(rule::unknown_is_not_repeated, call.effects <= 1 + call.retries, what + "but may not");
  }
  if (call.ends_to_tell == 0 || lost_notices_) return;
  // Where the address was deaf for too long the notice is dead, for an operator to see.
  const std::string ticket = '-' + std::to_string(static_cast<std::uint64_t>(id)) + '"';
  const bool dead = std::ranges::any_of(calls_, [&](const auto& each) {
    const known_call& notice = each.second;
    return notice.what.service == webhook_service && notice.state == call_state::dead &&
           notice.what.params.find(ticket) != std::string::npos;
  });
  judge(rule::webhook_is_told, call.told > 0 || dead, named(id) + " has an untold end");
}

}  // namespace understudy::store::sim
