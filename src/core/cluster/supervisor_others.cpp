// Nodes that are neither primary nor member: brought back, repaired, rebuilt.
#include "core/cluster/supervisor.hpp"

namespace understudy::core {

using namespace std::chrono_literals;

void supervisor::tend_others(time_point now) {
  each_other([&](const node_entry& each) {
    if (!topology_->sync.contains(each.id) && !leaving(each.id)) tend(now, each.id);
  });
}

// A primary goes on with its whole log; anybody else gives up what nobody acknowledged.
void supervisor::start_again(time_point now, node_id node) {
  node_view& of = view(node);
  if (of.present() || !of.ready(now)) return;
  const bool is_primary = node == topology_->primary;
  if (of.by_agent(now) == process::down) {
    say(now, node, start_server{is_primary ? start_role::primary : start_role::replica});
  } else if (of.by_agent(now) == process::stuck && !is_primary) {
    say(now, node, clone{topology_->primary});
  }
}

void supervisor::tend(time_point now, node_id node) {
  if (!view(node).present()) return start_again(now, node);
  if (!hand(now, node)) return;
  const sight& is = view(node).is();
  const node_id primary = topology_->primary;
  const bool has_agent = !topology_->find(node)->agent.empty();
  if (!is.read_only) {
    // Deposed. Its commits wait for ever; a kill lets none of them through.
    return has_agent ? say(now, node, kill_server{}) : say(now, node, close{});
  }
  if (!view(primary).fenced(reign_)) return;
  const sight& leader = view(primary).is();
  if (is.acks && !topology_->sync.empty()) {
    // Only members may.
    return say(now, node, follow{primary, false});
  }
  const bool receives = is.follows == primary && is.receiving == receiver::running;
  if (is.receive_error == 1236) return mend(now, node);
  if (!receives && !leader.state.holds(is.written)) {
    // Unless the primary was looked at before the node wrote that.
    if (view(primary).seen_at() >= view(node).wrote_at() + options_.look_within) mend(now, node);
    return;
  }
  if (leader.cut.contains(node)) {
    if (is.acks) return say(now, node, follow{primary, false});
    if (hand(now, primary)) say(now, primary, cut{node, false});
    return;
  }
  if (is.receiving == receiver::stopped && !is.applying && !is.drained()) {
    // A start would delete what it has received: the primary has that, but the node can not know.
    if (has_agent) say(now, node, salvage{});
    return;
  }
  if (is.follows != primary || is.receiving == receiver::stopped || !is.applying) {
    say(now, node, follow{primary, is.acks});
  }
}

// It holds what the primary does not. Kept apart, taken back if that can be done; else rebuilt.
void supervisor::mend(time_point now, node_id node) {
  if (topology_->find(node)->agent.empty()) {
    return note("diverged", name(node), {{"position", to_string(view(node).is().written)}},
                "its log and the primary's are two histories",
                "it stays out: without an agent it can not be rebuilt from here");
  }
  const node_view& of = view(node);
  const bool tried = of.failures(repair{}) > 0;
  note("diverged", name(node), {{"position", to_string(of.is().written)}},
       "its log and the primary's are two histories",
       tried ? "it is rebuilt from the primary" : "its own part is kept in a file and taken back");
  say(now, node, tried ? step(clone{topology_->primary}) : step(repair{topology_->primary}));
}

}  // namespace understudy::core
