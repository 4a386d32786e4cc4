// Who may acknowledge: the sync set, and serving alone.
#include <algorithm>

#include "core/cluster/supervisor.hpp"

namespace understudy::core {

using namespace std::chrono_literals;

// It receives from the primary and acknowledges what it gets.
bool supervisor::acknowledges(node_id node) const {
  const node_view& of = view(node);
  if (!of.present()) return false;
  const sight& is = of.is();
  return is.follows == topology_->primary && is.receiving == receiver::running && is.acks;
}

// Not so far behind that those who wait for it would notice.
bool supervisor::keeps_up(time_point now, node_id node) const {
  const node_view& of = view(node);
  const node_view& primary = view(topology_->primary);
  if (!of.fenced(reign_) || !primary.present() || of.present_for(now) < options_.member_after) {
    return false;
  }
  const sight& is = of.is();
  return is.follows == topology_->primary && is.receiving == receiver::running && is.applying &&
         is.written.seq + options_.lag_max >= primary.is().written.seq;
}

// It can not acknowledge, and will not before it is told to. What is on its way to it may be that.
bool supervisor::proven_mute(node_id node) const {
  const node_view& of = view(node);
  return of.fenced(reign_) && !of.busy() && !of.is().acks;
}

// False: it is not yet as it should be.
bool supervisor::open_primary(time_point now, bool alone) {
  const node_id primary = topology_->primary;
  if (!hand(now, primary)) return false;
  const sight& is = view(primary).is();
  const bool right = is.server_id == server_id_of(topology_->epoch, primary);
  if (right && !is.read_only && is.semi_sync == !alone) return true;
  if (!right) {
    // The first of all, or one that was started again: it does not write as the primary yet.
    say(now, primary, promote{topology_->epoch, able_to_follow(is)});
  } else if (!is.read_only || (!alone && !is.semi_sync)) {
    say(now, primary, wait_for_acks{!alone});
  } else {
    say(now, primary, open{topology_->epoch, alone});
  }
  return false;
}

void supervisor::stable(time_point now) {
  const bool asked = order_ && std::holds_alternative<takeover_order>(*order_);
  if (!asked && primary_now(now) == primary_state::gone) return primary_is_gone(now, false);
  suspected_at_ = time_point::min();
  carry_out_order(now);
  if (writing_) return;
  // Fenced in peace: a takeover has one step less.
  each_other([&](const node_entry& each) { hand(now, each.id); });
  if (!view(topology_->primary).present()) return;
  if (!open_primary(now, false)) return;
  keep_members(now);
  if (!writing_) add_members(now);
  if (!writing_) upkeep(now);
  if (!writing_) tend_others(now);
}

// What a member does, or can be had to do. Only time tells that it does not: when a primary dies
// its members fall silent first.
supervisor::member_state supervisor::member_now(time_point now, node_id node) {
  start_again(now, node);
  time_point& acked_at = acked_at_.try_emplace(node, now).first->second;
  if (has_standing(node) && acknowledges(node)) {
    acked_at = now;
    return member_state::acknowledges;
  }
  const node_view& of = view(node);
  if (has_standing(node) && of.is().receive_error == 0) {
    // Its first word as a member, or of a primary that another had followed first; or its receiver
    // was stopped by a takeover that was aborted.
    const bool connects = of.is().follows == topology_->primary && of.is().acks &&
                          of.is().receiving == receiver::connecting;
    if (!connects && hand(now, node)) say(now, node, follow{topology_->primary, true});
  }
  return now - acked_at >= options_.member_lost_after ? member_state::lost : member_state::coming;
}

// Members that can not acknowledge are members no more; where none is left the primary is alone.
void supervisor::keep_members(time_point now) {
  node_set lost;
  bool any_left = false;
  bool none_standing = true;
  each_other([&](const node_entry& each) {
    if (!topology_->sync.contains(each.id)) {
      acked_at_.erase(each.id);
      return;
    }
    const member_state is = member_now(now, each.id);
    const bool leaves = leaving(each.id);
    if (is == member_state::acknowledges && !leaves) any_left = true;
    if (leaves || (is == member_state::lost && !topology_->maintenance)) lost.insert(each.id);
    // One that turned out to have another history has never acknowledged anything of this one.
    const node_view& of = view(each.id);
    const bool differs = of.present() && of.is().receive_error == 1236;
    if (!restarted(each.id) && !differs) none_standing = false;
  });
  if (lost.empty()) return;
  const bool alone = !any_left && lost == topology_->sync && (options_.solo || none_standing);
  if (alone) {
    // Where solo is forbidden commits go on waiting.
    topology next = *topology_;
    next.phase = phase::solo;
    next.sync = {};
    note("solo", name(topology_->primary), {}, "no member is left that could acknowledge",
         "the primary serves alone");
    return write(std::move(next));
  }
  each_other([&](const node_entry& each) {
    if (writing_ || !lost.contains(each.id)) return;
    if (any_left) {
      remove_member(now, each.id);
    } else if (!leaving(each.id) && has_standing(each.id) && hand(now, topology_->primary) &&
               view(topology_->primary).is().cut.contains(each.id)) {
      // It was to be removed, and is the last one now.
      say(now, topology_->primary, cut{each.id, false});
    }
  });
}

// It is cut off; when another member has all that it may have acknowledged, it is one no more.
bool supervisor::remove_member(time_point now, node_id node) {
  const node_id primary = topology_->primary;
  if (!hand(now, primary)) return false;
  const sight& is = view(primary).is();
  if (!is.cut.contains(node)) {
    cut_at_.erase(node);
    say(now, primary, cut{node, true});
    return false;
  }
  const gtid mark = cut_at_.try_emplace(node, is.written).first->second;
  bool held = false;
  each_other([&](const node_entry& each) {
    if (each.id == node || !topology_->sync.contains(each.id)) return;
    if (has_standing(each.id) && acknowledges(each.id) &&
        view(each.id).is().held().seq >= mark.seq) {
      held = true;
    }
  });
  if (!held) return false;
  topology next = *topology_;
  next.sync.erase(node);
  cut_at_.erase(node);
  note("member_removed", name(node), {{"position", to_string(mark)}},
       "it does not acknowledge, and another has all that it may have", "commits go on without it");
  write(std::move(next));
  return true;
}

void supervisor::add_members(time_point now) {
  each_other([&](const node_entry& each) {
    if (writing_ || topology_->sync.contains(each.id) || each.rule == promotion::never) return;
    if (leaving(each.id)) return;
    if (!keeps_up(now, each.id) || !proven_mute(each.id)) return;
    topology next = *topology_;
    next.sync.insert(each.id);
    settle(*next.find(each.id), view(each.id));
    note("member_added", name(each.id), {}, "it follows and keeps up",
         "its acknowledgement counts, and it may be promoted");
    write(std::move(next));
  });
}

void supervisor::solo(time_point now) {
  const node_id primary = topology_->primary;
  if (!view(primary).present()) {
    start_again(now, primary);
    return;
  }
  if (!hand(now, primary)) return;
  const sight& is = view(primary).is();
  if (is.start != topology_->find(primary)->since) {
    if (is.role != start_role::primary) {
      return note("primary_restarted", name(primary), {},
                  "it served alone, and was not started as a primary",
                  "the end of its log may be cut off: it stays closed until an operator decides");
    }
    topology next = *topology_;
    settle(*next.find(primary), view(primary));
    return write(std::move(next));
  }
  carry_out_order(now);
  if (!writing_) leave_solo(now);
  if (!writing_) upkeep(now);
  if (!writing_) tend_others(now);
}

// First the replica acknowledges, then commits wait for it, then it has all from before that, and
// then the topology says so.
void supervisor::leave_solo(time_point now) {
  const node_id primary = topology_->primary;
  node_set ready;
  each_other([&](const node_entry& each) {
    const bool may = each.rule != promotion::never && !leaving(each.id);
    if (may && keeps_up(now, each.id)) ready.insert(each.id);
  });
  const sight& is = view(primary).is();
  if (ready.empty() || topology_->maintenance) {
    waits_at_.reset();
    open_primary(now, options_.solo);
    return;
  }
  bool all_ack = true;
  each_other([&](const node_entry& each) {
    if (ready.contains(each.id) && !view(each.id).is().acks) {
      all_ack = false;
      if (hand(now, each.id)) say(now, each.id, follow{primary, true});
    }
  });
  if (!open_primary(now, !all_ack && options_.solo && !waits_at_)) return;
  if (!is.semi_sync) {
    waits_at_.reset();
    return;
  }
  if (!waits_at_) waits_at_ = is.written;
  // Who could acknowledge and is not to be a member must not be able to.
  topology next = *topology_;
  bool held = false;
  bool clear = true;
  each_other([&](const node_entry& each) {
    if (ready.contains(each.id)) {
      next.sync.insert(each.id);
      settle(*next.find(each.id), view(each.id));
      if (acknowledges(each.id) && view(each.id).is().held().seq >= waits_at_->seq) held = true;
    } else if (!proven_mute(each.id) && !is.cut.contains(each.id)) {
      clear = false;
      if (hand(now, primary)) say(now, primary, cut{each.id, true});
    }
  });
  if (!held || !clear || is.ackers == 0) return;
  next.phase = phase::stable;
  note("stable", name(primary), {}, "a replica acknowledges, and has all from before",
       "the primary serves alone no more");
  write(std::move(next));
}

}  // namespace understudy::core
