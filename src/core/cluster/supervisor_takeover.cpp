// When a primary is given up, and who takes its place.
#include <algorithm>
#include <utility>

#include "core/cluster/supervisor.hpp"

namespace understudy::core {

using namespace std::chrono_literals;

// A member has standing while it runs as it did when it became one: what it has acknowledged is
// applied, or in its relay log and will be.
bool supervisor::has_standing(node_id node) const {
  const node_view& of = view(node);
  return of.present() && of.is().start == topology_->find(node)->since;
}

// Since it became what it is. Where another supervisor wrote that it may be we who are behind.
bool supervisor::restarted(node_id node) const {
  const node_view& of = view(node);
  return of.present() && of.is().start != topology_->find(node)->since &&
         of.seen_at() >= changed_at_ + options_.look_within;
}

// What it has acknowledged can be found on it. A power cut takes what was not synced.
bool supervisor::can_be_revoked(node_id node) const {
  const node_view& of = view(node);
  const node_entry& entry = *topology_->find(node);
  if (!of.present()) return false;
  return of.is().start == entry.since ||
         (!entry.agent.empty() && of.is().boot != 0 && of.is().boot == entry.boot);
}

bool supervisor::all_can_be_revoked() const {
  bool all = true;
  each_other([&](const node_entry& each) {
    if (topology_->sync.contains(each.id) && !can_be_revoked(each.id)) all = false;
  });
  return all;
}

void supervisor::settle(node_entry& entry, const node_view& as) {
  entry.since = as.present() ? as.is().start : 0;
  entry.boot = as.present() ? as.is().boot : 0;
}

// At least one that is seen, and none that is seen hears anything.
bool supervisor::members_hear_nothing(time_point now) const {
  bool any = false;
  bool hears = false;
  each_other([&](const node_entry& each) {
    const node_view& of = view(each.id);
    if (!topology_->sync.contains(each.id) || !of.present()) return;
    any = true;
    const sight& is = of.is();
    if (is.follows == topology_->primary && is.receiving == receiver::running &&
        of.quiet_for(now) < options_.quiet_after) {
      hears = true;
    }
  });
  return any && !hears;
}

supervisor::primary_state supervisor::primary_now(time_point now) const {
  const node_view& of = view(topology_->primary);
  if (of.present()) {
    // On its own, or by a hand that did not ask.
    return restarted(topology_->primary) ? primary_state::gone : primary_state::well;
  }
  if (of.by_agent(now) == process::down || of.by_agent(now) == process::stuck) {
    return primary_state::gone;
  }
  if (of.refused() && members_hear_nothing(now)) return primary_state::gone;
  if (of.absent_for(now) >= options_.silent_after && members_hear_nothing(now)) {
    return primary_state::gone;
  }
  return primary_state::unsure;
}

bool supervisor::held_down(time_point now) const {
  if (number_of(topology_->epoch) == 1 || now - primary_at_ >= options_.hold_down) return false;
  bool full = true;
  each_other([&](const node_entry& each) {
    if (each.rule != promotion::never && !topology_->sync.contains(each.id)) full = false;
  });
  return !full;
}

void supervisor::primary_is_gone(time_point now, bool asked) {
  if (!asked && topology_->maintenance) {
    return note("primary_gone", name(topology_->primary), {}, "maintenance: no takeover",
                "writes wait until it is back, or an operator asks for a takeover");
  }
  if (!asked && held_down(now)) {
    return note("primary_gone", name(topology_->primary), {},
                "no second takeover so soon, unless all nodes are members again",
                "writes wait until it is back, or an operator asks for a takeover");
  }
  if (suspected_at_ == time_point::min()) suspected_at_ = now;
  if (!asked && revoked_at_once(now)) return;
  topology next = *topology_;
  bool standing = true;
  each_other([&](const node_entry& each) {
    if (topology_->sync.contains(each.id) && !has_standing(each.id)) standing = false;
  });
  const node_view& of = view(topology_->primary);
  const bool can_resume = of.by_agent(now) == process::down || of.present();
  if (standing || (all_can_be_revoked() && !can_resume)) {
    next.phase = phase::takeover;
    note_takeover(now);
    return write(std::move(next));
  }
  if (can_resume && now - suspected_at_ >= options_.stalled_after) {
    next.phase = phase::resuming;
    note("resume", name(topology_->primary), {},
         "the primary is gone, and so are members: only it has all that was acknowledged",
         "it is started again as what it was");
    return write(std::move(next));
  }
  note("primary_gone", name(topology_->primary), {},
       "a member that may have acknowledged is not there, or has lost its memory",
       "no takeover: writes wait until it or the primary is back");
}

void supervisor::note_takeover(time_point now) {
  const node_view& of = view(topology_->primary);
  note("takeover", name(topology_->primary),
       {{"absent_ms", std::to_string(of.absent_for(now) / 1ms)},
        {"refused", of.refused() ? "yes" : "no"}},
       "the primary is gone, and all who can acknowledge to it are there", "they are revoked");
}

// Where the primary's process has ended its members are revoked before that is written: nobody
// waits for them. What counts is written once, when they are: who is primary instead. False: it has
// to be written that they are being revoked, for they are not in hand, or it takes its time.
bool supervisor::revoked_at_once(time_point now) {
  const node_view& of = view(topology_->primary);
  const process is = of.by_agent(now);
  const bool is_dead =
      !of.present() && (of.refused() || is == process::down || is == process::stuck);
  if (!is_dead || !mine() || topology_->phase != phase::stable) return false;
  if (now - suspected_at_ >= options_.at_once_within) return false;
  bool in_hand = true;
  each_other([&](const node_entry& each) {
    if (!topology_->sync.contains(each.id)) return;
    if (!has_standing(each.id) || !view(each.id).fenced(reign_)) in_hand = false;
  });
  if (!in_hand) return false;
  if (!all_revoked(now)) return true;
  const node_id best = most_advanced();
  if (number_of(best) == 0 || !view(best).is().drained()) return false;
  note_takeover(now);
  make_primary(best, view(best).is().written);
  return true;
}

bool supervisor::all_revoked(time_point now) {
  bool all = true;
  each_other([&](const node_entry& each) {
    if (topology_->sync.contains(each.id) && !revoked(now, each.id)) all = false;
  });
  return all;
}

// It acknowledges nothing any more, and what it has received is known.
bool supervisor::revoked(time_point now, node_id node) {
  if (!hand(now, node)) return false;
  const sight& is = view(node).is();
  if (!has_standing(node)) {
    if (!can_be_revoked(node)) return false;
    if (!is.salvaged) {
      say(now, node, salvage{});
      return false;
    }
  }
  if (is.receiving == receiver::stopped) return true;
  say(now, node, revoke{});
  return false;
}

node_id supervisor::most_advanced() const {
  node_id best{};
  const auto better = [&](const node_entry& one) {
    if (number_of(best) == 0) return true;
    const sight& a = view(one.id).is();
    const sight& b = view(best).is();
    // Whoever has anything of a later epoch has all that was acknowledged before it; a longer tail
    // of an earlier one was acknowledged by nobody.
    const auto rank = [](const gtid& of) { return std::pair(of.server / 1000, of.seq); };
    if (rank(a.held()) != rank(b.held())) return rank(a.held()) > rank(b.held());
    const bool a_applies = a.drained() || a.applying;
    const bool b_applies = b.drained() || b.applying;
    if (a_applies != b_applies) return a_applies;
    if (a.written.seq != b.written.seq) return a.written.seq > b.written.seq;  // it is ready sooner
    return one.rule < topology_->find(best)->rule;
  };
  each_other([&](const node_entry& each) {
    if (!topology_->sync.contains(each.id)) return;
    // One with another history has acknowledged nothing of this one.
    if (view(each.id).is().receive_error != 1236 && better(each)) best = each.id;
  });
  return best;
}

void supervisor::takeover(time_point now) {
  // A frozen one would keep its replicas waiting for a second while they take leave of it.
  const node_id old = topology_->primary;
  if (!view(old).present() && view(old).by_agent(now) == process::running && view(old).ready(now)) {
    say(now, old, kill_server{});
  }
  if (!all_revoked(now)) {
    const node_view& of = view(topology_->primary);
    const bool is_well = of.present() && !of.is().read_only && of.is().semi_sync &&
                         of.is().start == topology_->find(topology_->primary)->since;
    if (is_well && of.present_for(now) >= options_.stalled_after / 2) {
      topology next = *topology_;
      next.phase = phase::stable;
      note("takeover_aborted", name(topology_->primary), {},
           "it serves, and not all members could be revoked", "it stays primary");
      return write(std::move(next));
    }
    if (now - phase_at_ >= 3 * options_.stalled_after && of.by_agent(now) == process::down &&
        !all_can_be_revoked()) {
      topology next = *topology_;
      next.phase = phase::resuming;
      note("resume", name(topology_->primary), {},
           "a member that may have acknowledged is not there", "the primary is started again");
      write(std::move(next));
    }
    return;
  }
  const node_id best = most_advanced();
  if (number_of(best) == 0) return;
  const sight& is = view(best).is();
  if (!is.drained()) {
    if (!is.applying) {
      note("takeover_stuck", name(best), {{"error", std::to_string(is.apply_error)}},
           "it alone has all that was acknowledged, and can not apply it",
           "writes wait for an operator");
    }
    return;
  }
  make_primary(best, is.written);
}

}  // namespace understudy::core
