// When a primary is given up, and how another takes its place.
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
  topology next = *topology_;
  if (!asked && topology_->maintenance) {
    return note("primary_gone", name(topology_->primary), {}, "maintenance: no takeover",
                "writes wait until it is back, or an operator asks for a takeover");
  }
  if (!asked && held_down(now)) {
    return note("primary_gone", name(topology_->primary), {},
                "no second takeover so soon, unless all nodes are members again",
                "writes wait until it is back, or an operator asks for a takeover");
  }
  bool standing = true;
  each_other([&](const node_entry& each) {
    if (topology_->sync.contains(each.id) && !has_standing(each.id)) standing = false;
  });
  const node_view& of = view(topology_->primary);
  const bool can_resume = of.by_agent(now) == process::down || of.present();
  if (standing || (all_can_be_revoked() && !can_resume)) {
    next.phase = phase::takeover;
    note("takeover", name(topology_->primary),
         {{"absent_ms", std::to_string(of.absent_for(now) / 1ms)},
          {"refused", of.refused() ? "yes" : "no"}},
         "the primary is gone, and all who can acknowledge to it are there", "they are revoked");
    return write(std::move(next));
  }
  if (suspected_at_ == time_point::min()) suspected_at_ = now;
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
  bool all = true;
  each_other([&](const node_entry& each) {
    if (topology_->sync.contains(each.id) && !revoked(now, each.id)) all = false;
  });
  if (!all) {
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

void supervisor::make_primary(node_id node, const gtid& with) {
  topology next = *topology_;
  if (number_of(next.epoch) >= epoch_max) return;
  next.epoch = after(next.epoch);
  next.phase = phase::promoting;
  next.primary = node;
  next.next = node_id{};
  next.sync = {};
  next.promoted_with = with;
  settle(*next.find(node), view(node));
  note("primary", name(node),
       {{"epoch", std::to_string(number_of(next.epoch))}, {"position", to_string(with)}},
       "nobody has more of what was acknowledged", "it is promoted");
  write(std::move(next));
}

// Who may follow at once: its log is a part of the primary's, and it takes no writes.
node_set supervisor::able_to_follow(const sight& primary) const {
  node_set able;
  each_other([&](const node_entry& each) {
    const node_view& of = view(each.id);
    if (each.rule == promotion::never || !of.fenced(reign_)) return;
    if (of.is().read_only && primary.state.holds(of.is().held())) able.insert(each.id);
  });
  return able;
}

// It was made primary and has not been opened: nothing was acknowledged since.
void supervisor::replace_unopened(time_point now) {
  node_id best{};
  each_other([&](const node_entry& each) {
    if (each.rule == promotion::never || number_of(best) != 0 || !hand(now, each.id)) return;
    const sight& is = view(each.id).is();
    if (is.read_only && is.drained() && is.state.holds(topology_->promoted_with)) best = each.id;
  });
  if (number_of(best) != 0) return make_primary(best, view(best).is().written);
  start_again(now, topology_->primary);
  note("promotion_stuck", name(topology_->primary), {},
       "the new primary is gone, and nobody else has all that it had",
       "writes wait until it is back");
}

void supervisor::promoting(time_point now) {
  const node_id primary = topology_->primary;
  const node_view& of = view(primary);
  if (!of.present()) {
    // Others are made ready to follow, or to take its place.
    // Not started, as long as the primary can be: that may cut off what nobody else has.
    const bool lost =
        of.by_agent(now) == process::unknown && of.absent_for(now) >= 3 * options_.stalled_after;
    each_other([&](const node_entry& each) {
      hand(now, each.id);
      if (lost) start_again(now, each.id);
    });
    if (of.refused() || of.by_agent(now) == process::down ||
        of.absent_for(now) >= options_.silent_after) {
      replace_unopened(now);
    }
    return;
  }
  if (!hand(now, primary)) return;
  const sight& is = of.is();
  if (!is.state.holds(topology_->promoted_with)) {
    // It died just then, and was started as a replica by an earlier word.
    const bool may_have = !is.salvaged && can_be_revoked(primary);
    return may_have ? say(now, primary, salvage{}) : replace_unopened(now);
  }
  if (is.start != topology_->find(primary)->since) {
    if (is.role != start_role::primary) return replace_unopened(now);
    topology next = *topology_;
    settle(*next.find(primary), of);
    return write(std::move(next));
  }
  const bool promoted =
      is.server_id == server_id_of(topology_->epoch, primary) && is.semi_sync && !is.replica;
  if (promoted) return finish_promotion(now);
  bool all = true;  // who is there has been asked what it holds
  each_other([&](const node_entry& each) {
    if (view(each.id).present() && !view(each.id).fenced(reign_)) {
      hand(now, each.id);
      all = false;
    }
  });
  if (all || now - phase_at_ >= options_.rival_after) {
    say(now, primary, promote{topology_->epoch, able_to_follow(is)});
  }
}

void supervisor::finish_promotion(time_point now) {
  const node_id primary = topology_->primary;
  const sight& is = view(primary).is();
  bool hopeful = false;
  bool served = false;
  each_other([&](const node_entry& each) {
    if (!view(each.id).present()) return start_again(now, each.id);
    if (is.cut.contains(each.id)) return tend(now, each.id);
    hopeful = true;
    if (!hand(now, each.id)) return;
    const sight& other = view(each.id).is();
    const bool follows = other.follows == primary && other.acks &&
                         other.receiving != receiver::stopped && other.receive_error == 0;
    if (!follows) return say(now, each.id, follow{primary, true});
    if (other.receiving == receiver::running && other.held().seq >= is.written.seq) served = true;
  });
  topology next = *topology_;
  if (served && is.ackers > 0) {
    // Whoever is not cut off may acknowledge, seen or not.
    each_other([&](const node_entry& each) {
      if (is.cut.contains(each.id)) return;
      next.sync.insert(each.id);
      settle(*next.find(each.id), view(each.id));
    });
    next.phase = phase::stable;
    return write(std::move(next));
  }
  if (hopeful && now - phase_at_ < options_.followers_within) return;
  if (!options_.solo) {
    return note("promotion_waits", name(primary), {}, "nobody follows, and solo is forbidden",
                "writes wait for a replica");
  }
  next.phase = phase::solo;
  note("solo", name(primary), {}, "nobody can acknowledge", "it serves alone");
  write(std::move(next));
}

}  // namespace understudy::core
