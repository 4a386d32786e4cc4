// A new primary: who follows it, when it is opened, and who takes its place if it dies.
#include <algorithm>

#include "core/cluster/supervisor.hpp"

namespace understudy::core {

using namespace std::chrono_literals;

// Who may acknowledge to it from its first transaction on: who did so to the last one, or was it,
// and has nothing that the new one lacks. They can do no harm before: nobody opens it earlier than
// this is written.
node_set supervisor::first_members(node_id primary) const {
  const auto hears_more = [&](const sight& is) {
    if (is.receiving == receiver::stopped) return false;
    // A switchover: there is nothing more to come.
    const node_view& old = view(topology_->primary);
    return is.follows != topology_->primary || !old.fenced(reign_) || !old.is().read_only;
  };
  node_set out;
  for (const node_entry& each : topology_->nodes) {
    const node_view& of = view(each.id);
    const bool is_known = topology_->sync.contains(each.id) || each.id == topology_->primary;
    if (each.id == primary || !is_known || each.rule == promotion::never) continue;
    if (!of.fenced(reign_) || !of.is().read_only || hears_more(of.is())) continue;
    if (view(primary).is().state.holds(of.is().held())) out.insert(each.id);
  }
  return out;
}

void supervisor::make_primary(node_id node, const gtid& with) {
  topology next = *topology_;
  if (number_of(next.epoch) >= epoch_max) return;
  next.epoch = after(next.epoch);
  next.phase = phase::promoting;
  next.primary = node;
  next.next = node_id{};
  next.sync = first_members(node);
  next.promoted_with = with;
  for (node_entry& each : next.nodes) {
    if (each.id == node || next.sync.contains(each.id)) settle(each, view(each.id));
  }
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

// It was made primary, and it is not known whether it has been opened. What it acknowledged then
// one of its members has, and with that all that it was promoted with. Where none of them has even
// that, it has acknowledged nothing: whoever has what it was promoted with may be primary.
void supervisor::replace(time_point now) {
  const gtid& needed = topology_->promoted_with;
  if (all_revoked(now)) {
    node_id best = most_advanced();
    if (number_of(best) != 0 && !view(best).is().drained()) {
      if (view(best).is().applying) return;
      return note("takeover_stuck", name(best),
                  {{"error", std::to_string(view(best).is().apply_error)}},
                  "it may alone have what was acknowledged, and can not apply it",
                  "writes wait for an operator");
    }
    if (number_of(best) != 0 && !view(best).is().state.holds(needed)) best = node_id{};
    each_other([&](const node_entry& each) {
      if (each.rule == promotion::never || number_of(best) != 0 || !hand(now, each.id)) return;
      const sight& is = view(each.id).is();
      if (is.read_only && is.drained() && is.state.holds(needed)) best = each.id;
    });
    if (number_of(best) != 0) return make_primary(best, view(best).is().written);
  }
  start_again(now, topology_->primary);
  note("promotion_stuck", name(topology_->primary), {},
       "the new primary is gone, and nobody else is known to have all that it had",
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
      replace(now);
    }
    return;
  }
  if (!hand(now, primary)) return;
  const sight& is = of.is();
  if (!is.state.holds(topology_->promoted_with)) {
    // It died just then, and was started as a replica by an earlier word.
    const bool may_have = !is.salvaged && can_be_revoked(primary);
    return may_have ? say(now, primary, salvage{}) : replace(now);
  }
  if (is.start != topology_->find(primary)->since) {
    if (is.role != start_role::primary) return replace(now);
    topology next = *topology_;
    settle(*next.find(primary), of);
    return write(std::move(next));
  }
  const bool promoted =
      is.server_id == server_id_of(topology_->epoch, primary) && is.semi_sync && !is.replica;
  if (promoted) return finish_promotion(now);
  promote_now(now);
}

void supervisor::promote_now(time_point now) {
  const node_id primary = topology_->primary;
  const sight is = view(primary).is();
  if (!topology_->sync.empty()) {
    say(now, primary, promote{topology_->epoch, topology_->sync});
    // Meanwhile they connect: but for those who would be turned away yet, and try again late.
    each_other([&](const node_entry& each) {
      if (topology_->sync.contains(each.id) && !is.cut.contains(each.id)) follows(now, each.id);
    });
    return;
  }
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

// It receives from the new primary, or tries to; else it is told to. Not a member that restarted: a
// start would delete what it may have acknowledged.
bool supervisor::follows(time_point now, node_id node) {
  if (!hand(now, node)) return false;
  if (topology_->sync.contains(node) && !has_standing(node)) return false;
  const sight& is = view(node).is();
  const bool does = is.follows == topology_->primary && is.acks &&
                    is.receiving != receiver::stopped && is.receive_error == 0;
  // With members, all of them were seen to have nothing that the new primary lacks.
  const gtid known = topology_->sync.contains(node) ? topology_->promoted_with : gtid{};
  if (!does) say(now, node, follow{topology_->primary, true, known});
  return does;
}

void supervisor::finish_promotion(time_point now) {
  const node_id primary = topology_->primary;
  const sight is = view(primary).is();
  const bool known = !topology_->sync.empty();  // who acknowledges, before it is opened
  bool hopeful = false;
  bool followed = false;
  bool served = false;
  bool none_standing = known;
  each_other([&](const node_entry& each) {
    const node_view& other = view(each.id);
    // Another history: it has acknowledged nothing of this one.
    const bool differs =
        other.present() && other.is().follows == primary && other.is().receive_error == 1236;
    const bool fell = differs || (other.fenced(reign_) && !has_standing(each.id));
    if (topology_->sync.contains(each.id) && !fell) none_standing = false;
    if (!other.present()) return;
    if (known ? !topology_->sync.contains(each.id) : is.cut.contains(each.id)) {
      return tend(now, each.id);
    }
    if (known && fell) return;
    if (differs && hand(now, primary)) say(now, primary, cut{each.id, true});
    if (differs) return;
    hopeful = true;
    // Its first commit may wait for one that is just being told.
    if (other.busy()) followed = true;
    if (!follows(now, each.id)) return;
    followed = true;
    const gtid& all = known ? topology_->promoted_with : is.written;
    if (other.is().receiving == receiver::running && other.is().held().seq >= all.seq) {
      served = true;
    }
  });
  if (view(primary).busy()) return;  // what it allows is just changing
  const bool opened = !is.read_only;
  // A server that starts takes time from those who are waited for.
  if (!hopeful || now - phase_at_ >= options_.rival_after) {
    each_other([&](const node_entry& each) { start_again(now, each.id); });
  }
  topology next = *topology_;
  if (known && opened && served) {
    next.phase = phase::stable;
    return write(std::move(next));
  }
  if (!known && served && is.ackers > 0) {
    // Whoever is not cut off may acknowledge, seen or not.
    each_other([&](const node_entry& each) {
      if (is.cut.contains(each.id)) return;
      next.sync.insert(each.id);
      settle(*next.find(each.id), view(each.id));
    });
    next.phase = phase::stable;
    return write(std::move(next));
  }
  const bool waits = hopeful && now - phase_at_ < options_.followers_within;
  const bool may_be_alone = options_.solo || none_standing;
  if (known && followed && !opened && (waits || !may_be_alone)) {
    return say(now, primary, open{topology_->epoch, false});
  }
  if (waits) return;
  if (!may_be_alone) {
    return note("promotion_waits", name(primary), {}, "nobody follows, and solo is forbidden",
                "writes wait for a replica");
  }
  next.phase = phase::solo;
  next.sync = {};
  note("solo", name(primary), {}, "nobody can acknowledge", "it serves alone");
  write(std::move(next));
}

}  // namespace understudy::core
