// ledger: what is still there after its owner died, and what of that was in doubt.
#include <algorithm>

#include "store/sim/ledger.hpp"

namespace understudy::store::sim {

namespace {

call_ending end_of(const call_view& view) {
  return {view.id, view.state, view.error, view.reason, view.payload, {}};
}

std::string named(call_id id) {
  return "call " + std::to_string(static_cast<std::uint64_t>(id));
}

}  // namespace

// More than one transaction may be in doubt where a start dies, too.
void ledger::died(doubt in_doubt) {
  for (new_call& each : in_doubt.accepted) doubt_.accepted.push_back(std::move(each));
  doubt_.touched.merge(in_doubt.touched);
  doubt_.reported.merge(in_doubt.reported);
  doubt_.paused.merge(in_doubt.paused);
  doubt_.commit |= in_doubt.commit;
  held_.clear();
  limits_.clear();
  granted_ = claims_ = 0;
}

void ledger::reconcile(const std::vector<call_view>& all, const store_counts& counts,
                       const std::vector<std::string>& verified, wall_time now) {
  begin(now);
  for (const auto& each : verified) judge(rule::accepted_is_somewhere, false, each);
  for (const service_counts& each : counts.services) {
    judge(rule::accepted_is_somewhere,
          each.accepted == each.waiting + each.running + each.done + each.dead + each.purged +
                               each.cancelled + each.expired,
          "the counts of " + each.service + " do not agree");
    const bool doubted = doubt_.paused.contains(each.service);
    judge(rule::pause_is_kept, doubted || each.paused == paused_.contains(each.service),
          each.service + " is paused, or not, unlike before");
    paused(each.service, each.paused);
  }
  for (const call_id id : doubt_.touched) {
    const new_call& what = calls_[id].what;
    if (!what.order.empty()) unsure_.insert({what.service, what.order});
  }
  std::set<call_id> seen;
  for (const call_view& view : all) {
    seen.insert(view.id);
    const auto found = calls_.find(view.id);
    if (found == calls_.end()) {
      adopt(view);
    } else if (!found->second.gone) {
      reconcile_one(view, found->second);
    } else {
      judge(rule::ends_once, doubt_.touched.contains(view.id) || forgettable(found->second),
            named(view.id) + " is there again");
    }
  }
  for (auto& [id, call] : calls_) {
    if (call.gone || seen.contains(id)) continue;
    judge(rule::acknowledged_survives, forgettable(call) || doubt_.touched.contains(id),
          named(id) + " is lost, which was " + std::string(core::to_string(call.state)));
    call.gone = true;
    leave(id);
    if (of_key(call.what.key) == id) keys_.erase(call.what.key);
  }
  doubt_ = {};
}

void ledger::reconcile_one(const call_view& view, known_call& call) {
  const bool touched = doubt_.touched.contains(view.id);
  const bool reported = doubt_.reported.contains(view.id);
  const bool over = view.state != call_state::waiting && view.state != call_state::running;
  judge(rule::one_valid_claim, view.state != call_state::running,
        named(view.id) + " runs after a start");
  if (!call.live() && !(call.state == call_state::dead && touched)) {
    judge(rule::acknowledged_survives,
          view.state == call.state && view.payload == call.payload && view.error == call.error,
          named(view.id) + " had another end before");
    return;
  }
  if (over) {
    if (call.state == view.state) return;  // dead still
    const bool old =
        view.reason == core::dead_reason::too_old && call.created + terms_.age_max < latest_;
    const bool by_time = old || (view.deadline <= latest_ && view.state != call_state::done);
    const bool by_death =
        (call.valid || doubt_.commit) && view.reason == core::dead_reason::outcome_unknown;
    judge(rule::ends_once, touched || reported || by_time || by_death,
          named(view.id) + " was " + std::string(core::to_string(call.state)) +
              " and has the end " + std::string(core::to_string(view.state)) + ' ' +
              std::string(core::to_string(view.reason)) + ", which nothing brought");
    if (reported) call.ever_unknown = true;  // it may have said so
    close(end_of(view), view.finished);
    return;
  }
  if (call.state == call_state::dead) return retried(view.id, view.id, false);
  if (reported) call.ever_unknown = true;  // it may have said so
  if (call.valid && reported) call.valid.reset();
  if (call.valid) lose_claim(call);
  if (touched) call.cancel_asked = false;
  call.state = call_state::waiting;
  call.due = view.due;
}

void ledger::adopt(const call_view& view) {
  const auto asked = std::ranges::find(doubt_.accepted, view.scope, &new_call::scope);
  const auto old = std::ranges::find_if(doubt_.touched, [&](call_id id) {
    return calls_[id].what.scope == view.scope && calls_[id].state == call_state::dead;
  });
  if (view.method == webhook_service) {
    // It is entered when it is claimed.
    if (view.state != call_state::waiting) lost_notices_ = true;
    return;
  }
  if (asked != doubt_.accepted.end()) {
    enter(view.id, *asked);
  } else if (old != doubt_.touched.end()) {
    retried(*old, view.id, true);
  } else {
    return judge(rule::acknowledged_survives, false, named(view.id) + " was made by nobody");
  }
  const bool over = view.state != call_state::waiting && view.state != call_state::running;
  if (over) close(end_of(view), view.finished);
}

}  // namespace understudy::store::sim
