// What operators ask for: a first primary, another primary, rest. And a primary that comes back.
#include "core/cluster/supervisor.hpp"

namespace understudy::core {

using namespace std::chrono_literals;

// Of a cluster that is not there yet: nobody can have told it anything.
void supervisor::start_empty(time_point now, node_id node) {
  node_view& of = view(node);
  if (!of.ready(now)) return;
  const process is = of.by_agent(now);
  if (is == process::down) {
    of.told(now, start_server{});
    out_.emplace_back(tell{node, generation{1}, start_server{}});
    return;
  }
  if (is == process::running) return;
  note("bootstrap_waits", name(node), {}, "neither its server nor an agent answers",
       "nothing is done before all nodes are there");
}

void supervisor::bootstrap(time_point now) {
  const auto* const wish = std::get_if<bootstrap_order>(&*order_);
  if (wish == nullptr) return;
  bool all = true;
  for (const node_entry& each : wish->nodes) {
    if (!view(each.id).present()) {
      all = false;
      start_empty(now, each.id);
    }
  }
  if (!all) return;
  for (const node_entry& each : wish->nodes) {
    const node_view& of = view(each.id);
    const bool has_data = !of.is().state.empty();
    if (has_data && !(wish->adopt && each.id == wish->primary)) {
      note("bootstrap_refused", name(each.id), {{"holds", to_string(of.is().state)}},
           "it is not empty", "nothing was done: adopt it, or empty it");
      order_.reset();
      return;
    }
  }
  topology first;
  first.epoch = epoch{1};
  first.phase = phase::solo;
  first.primary = wish->primary;
  first.nodes = wish->nodes;
  settle(*first.find(first.primary), view(first.primary));
  order_.reset();
  note("bootstrap", name(first.primary), {}, "an operator asked for it", "it is the first primary");
  write(std::move(first));
}

// While the cluster is at rest, and its primary is well.
void supervisor::carry_out_order(time_point now) {
  if (!order_ || is_upkeep()) return;
  const order what = *std::exchange(order_, std::nullopt);
  if (const auto* rest = std::get_if<maintenance_order>(&what)) {
    topology next = *topology_;
    next.maintenance = rest->on;
    if (next.maintenance != topology_->maintenance) write(std::move(next));
  } else if (const auto* wish = std::get_if<switchover_order>(&what)) {
    begin_switchover(now, wish->to);
  } else if (std::holds_alternative<takeover_order>(what)) {
    if (topology_->phase == phase::stable) return primary_is_gone(now, true);
    note("takeover_refused", name(topology_->primary), {}, "it serves alone: nobody has all it has",
         "nothing was done");
  }
}

void supervisor::begin_switchover(time_point now, node_id to) {
  node_id best = to;
  if (number_of(best) == 0) {
    each_other([&](const node_entry& each) {
      const bool fits = topology_->sync.contains(each.id) && has_standing(each.id) &&
                        acknowledges(each.id) && keeps_up(now, each.id);
      const bool better = number_of(best) == 0 || each.rule < topology_->find(best)->rule;
      if (fits && better) best = each.id;
    });
  }
  const bool can = topology_->phase == phase::stable && number_of(best) != 0 &&
                   topology_->sync.contains(best) && has_standing(best) && acknowledges(best) &&
                   keeps_up(now, best);
  if (!can && now - reign_at_ < options_.silent_after) {
    order_ = switchover_order{to};  // nodes are not in hand yet
    return;
  }
  if (!can) {
    return note("switchover_refused", name(best), {}, "it is no member that keeps up",
                "nothing was done");
  }
  topology next = *topology_;
  next.phase = phase::switchover;
  next.next = best;
  note("switchover", name(best), {}, "an operator asked for it",
       "writes wait until it has everything");
  write(std::move(next));
}

void supervisor::abort_switchover(time_point /*now*/, const char* why) {
  topology next = *topology_;
  next.phase = phase::stable;
  next.next = node_id{};
  note("switchover_aborted", name(topology_->next), {}, why, "the primary stays what it is");
  write(std::move(next));
}

void supervisor::switchover(time_point now) {
  const node_id old = topology_->primary;
  const node_id successor = topology_->next;
  if (primary_now(now) == primary_state::gone) return primary_is_gone(now, true);
  const auto lasts = now - phase_at_;
  // Whoever began it is gone, and with it the gates that it had closed.
  if (inherited_) {
    return abort_switchover(now, "its supervisor is gone");
  }
  if (lasts >= options_.switchover_within) {
    return abort_switchover(now, "the successor did not have everything in time");
  }
  if (!gates_closed_) {
    if (lasts >= options_.gates_within) abort_switchover(now, "a gate could not be closed");
    return;
  }
  if (!has_standing(successor)) return abort_switchover(now, "the successor is gone");
  if (!hand(now, old)) return;
  if (!view(old).is().read_only) {
    if (view(old).failures(close{}) > 2)
      return abort_switchover(now, "the primary can not be closed");
    return say(now, old, close{});
  }
  if (!hand(now, successor)) return;
  const gtid last = view(old).is().written;
  const sight& is = view(successor).is();
  if (is.written == last) make_primary(successor, last);
}

// Members were lost together with the primary: it has all that was acknowledged, as long as it is
// started as what it was.
void supervisor::resuming(time_point now) {
  const node_id primary = topology_->primary;
  const node_view& of = view(primary);
  each_other([&](const node_entry& each) {
    if (!view(each.id).present()) start_again(now, each.id);
  });
  if (!of.present()) {
    start_again(now, primary);
    if (of.by_agent(now) == process::unknown && now - phase_at_ >= 3 * options_.stalled_after &&
        all_can_be_revoked()) {
      topology next = *topology_;
      next.phase = phase::takeover;
      note("takeover", name(primary), {}, "its host is gone, and all members are there",
           "what they had received is applied, and they are revoked");
      write(std::move(next));
    }
    return;
  }
  if (!hand(now, primary)) return;
  const sight& is = of.is();
  topology next = *topology_;
  if (is.start == next.find(primary)->since) {
    next.phase = phase::stable;  // it had never gone
    return write(std::move(next));
  }
  if (is.role != start_role::primary) {
    if (!next.find(primary)->agent.empty()) return say(now, primary, kill_server{});
    return note("resume_refused", name(primary), {}, "it was not started as a primary",
                "the end of its log may be cut off: it stays closed until an operator decides");
  }
  next.phase = phase::promoting;
  next.sync = {};
  next.promoted_with = is.written;
  settle(*next.find(primary), of);
  write(std::move(next));
}

}  // namespace understudy::core
