#include "core/cluster/topology.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace understudy::core {

namespace {

constexpr std::array<std::string_view, 6> phase_names{"stable",     "solo",     "takeover",
                                                      "switchover", "resuming", "promoting"};

}  // namespace

std::string_view to_string(phase p) {
  return phase_names.at(static_cast<std::size_t>(p));
}

std::optional<phase> phase_named(std::string_view name) {
  const auto* const at = std::find(phase_names.begin(), phase_names.end(), name);
  if (at == phase_names.end()) return std::nullopt;
  return static_cast<phase>(at - phase_names.begin());
}

const node_entry* topology::find(node_id node) const {
  const auto at = std::find_if(nodes.begin(), nodes.end(),
                               [&](const node_entry& each) { return each.id == node; });
  return at == nodes.end() ? nullptr : &*at;
}

node_entry* topology::find(node_id node) {
  return const_cast<node_entry*>(std::as_const(*this).find(node));
}

std::string fault_of(const topology& t) {
  const auto said = [](node_id node) { return std::to_string(number_of(node)); };
  if (number_of(t.epoch) == 0 || number_of(t.epoch) > epoch_max) {
    return "The epoch is not between 1 and " + std::to_string(epoch_max) + ".";
  }
  for (const node_entry& each : t.nodes) {
    if (number_of(each.id) == 0 || number_of(each.id) > node_number_max) {
      return "A node's number is not between 1 and " + std::to_string(node_number_max) + ".";
    }
    if (t.find(each.id) != &each) return "Two nodes have the number " + said(each.id) + ".";
    if (t.sync.contains(each.id) && each.rule == promotion::never) {
      return "Node " + said(each.id) + " is a member, and may never be promoted.";
    }
  }
  if (t.find(t.primary) == nullptr) return "The primary is no node of the cluster.";
  if (t.sync.contains(t.primary)) return "The primary is a member of its own sync set.";
  if (t.phase == phase::solo && !t.sync.empty()) {
    return "The sync set is not empty while " + std::string(to_string(t.phase)) + ".";
  }
  if ((t.phase == phase::stable || t.phase == phase::takeover) && t.sync.empty()) {
    return "The sync set is empty while " + std::string(to_string(t.phase)) + ".";
  }
  return {};
}

}  // namespace understudy::core
