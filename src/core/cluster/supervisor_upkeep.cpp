// What operators ask for about nodes that are not the primary: another one, one less, a fresh copy.
#include <algorithm>

#include "core/cluster/supervisor.hpp"

namespace understudy::core {

namespace {

// Whom an order is about, where that is another node than the primary.
node_id subject_of(const order& what) {
  if (const auto* gone = std::get_if<remove_node_order>(&what)) return gone->node;
  if (const auto* copy = std::get_if<clone_order>(&what)) return copy->node;
  if (const auto* back = std::get_if<rejoin_order>(&what)) return back->node;
  return {};
}

}  // namespace

bool supervisor::is_upkeep() const {
  return order_ &&
         (std::holds_alternative<add_node_order>(*order_) || number_of(subject_of(*order_)) != 0);
}

// Of an order about a cluster that exists; empty: it can be tried.
std::string supervisor::refusal_of(const order& what) const {
  if (const auto* over = std::get_if<switchover_order>(&what)) {
    if (topology_->phase != phase::stable) {
      return "The cluster is not stable, but " + std::string(to_string(topology_->phase)) + ".";
    }
    if (over->to == topology_->primary) return "It is the primary already.";
    if (number_of(over->to) != 0 && !topology_->sync.contains(over->to)) {
      return "It is no member of the sync set: it may lack what was acknowledged.";
    }
  }
  if (const auto* more = std::get_if<add_node_order>(&what)) {
    for (const node_entry& each : topology_->nodes) {
      if (each.id == more->node.id) return "It is a node of the cluster already.";
      if (each.address == more->node.address && !each.address.empty()) {
        return "Node " + std::to_string(number_of(each.id)) + " has this address.";
      }
    }
  }
  const node_id node = subject_of(what);
  if (number_of(node) == 0) return {};
  const node_entry* const entry = topology_->find(node);
  if (entry == nullptr) return "It is no node of the cluster.";
  if (node == topology_->primary) return "It is the primary: hand over to another first.";
  if (std::holds_alternative<rejoin_order>(what) && topology_->sync.contains(node)) {
    return "It is a member of the sync set: there is nothing to mend.";
  }
  if (const auto* copy = std::get_if<clone_order>(&what)) {
    if (entry->agent.empty()) return "It has no agent that could make it a copy.";
    const bool unknown = number_of(copy->donor) != 0 && topology_->find(copy->donor) == nullptr;
    if (unknown || copy->donor == node) return "There is no such donor.";
  }
  return {};
}

// No member, and not to become one, while the order is carried out.
bool supervisor::leaving(node_id node) const {
  if (!order_ || std::holds_alternative<rejoin_order>(*order_)) return false;
  return subject_of(*order_) == node && node != topology_->primary;
}

void supervisor::upkeep(time_point now) {
  if (!is_upkeep()) return;
  // Since it was asked for it may have taken over.
  if (subject_of(*order_) == topology_->primary) {
    note("order_refused", name(topology_->primary), {}, "it is the primary now",
         "nothing was done: hand over to another first");
    return order_.reset();
  }
  const bool over = std::visit(
      [&](const auto& wish) {
        if constexpr (requires { done(now, wish); }) {
          return done(now, wish);
        } else {
          return false;
        }
      },
      order(*order_));
  if (over) order_.reset();
}

bool supervisor::done(time_point /*now*/, const add_node_order& wish) {
  if (topology_->find(wish.node.id) != nullptr) return true;
  topology next = *topology_;
  next.nodes.push_back(wish.node);
  next.nodes.back().since = next.nodes.back().boot = 0;
  note("node_added", name(wish.node.id), {{"address", wish.node.address}},
       "an operator asked for it", "it follows, and becomes a member when it keeps up");
  write(std::move(next));
  return false;
}

// The members were told to let it go (keep_members). Whoever is no part of the topology is watched
// by nobody: its account is locked before.
bool supervisor::done(time_point now, const remove_node_order& wish) {
  if (topology_->find(wish.node) == nullptr) return true;
  if (topology_->sync.contains(wish.node) || !hand(now, topology_->primary)) return false;
  if (!view(topology_->primary).is().cut.contains(wish.node)) {
    say(now, topology_->primary, cut{wish.node, true});
    return false;
  }
  topology next = *topology_;
  std::erase_if(next.nodes, [&](const node_entry& each) { return each.id == wish.node; });
  note("node_removed", name(wish.node), {}, "an operator asked for it",
       "it can not receive from the primary any more");
  write(std::move(next));
  return false;
}

node_id supervisor::donor_for(node_id node) const {
  node_id best = topology_->primary;
  each_other([&](const node_entry& each) {
    const bool has_all = topology_->sync.contains(each.id) && has_standing(each.id) &&
                         acknowledges(each.id) && !each.agent.empty();
    if (each.id != node && has_all) best = each.id;
  });
  return best;
}

bool supervisor::done(time_point now, const clone_order& wish) {
  if (topology_->find(wish.node) == nullptr) return true;
  if (topology_->sync.contains(wish.node) || !view(wish.node).ready(now)) return false;
  // Whoever may be told by another supervisor still is taken in hand first.
  if (view(wish.node).present() && !hand(now, wish.node)) return false;
  const node_id donor = number_of(wish.donor) != 0 ? wish.donor : donor_for(wish.node);
  note("clone", name(wish.node), {{"donor", name(donor)}}, "an operator asked for it",
       "it becomes a copy of the donor, and then follows");
  say(now, wish.node, clone{donor});
  return true;
}

bool supervisor::done(time_point /*now*/, const rejoin_order& wish) {
  view(wish.node).forgive();
  note("rejoin", name(wish.node), {}, "an operator asked for it", "what failed is tried at once");
  return true;
}

}  // namespace understudy::core
