#include "app/database/database_json.hpp"

#include <string_view>

#include "app/common/json_out.hpp"

namespace understudy::app {

namespace {

std::string_view truth(bool is) {
  return is ? "true" : "false";
}

std::string_view durability(const core::topology& now) {
  switch (now.phase) {
    case core::phase::stable:
    case core::phase::switchover:
      return "replicated";
    case core::phase::solo:
      return "local";
    default:
      return "none";
  }
}

std::string_view name_of(core::receiver is) {
  switch (is) {
    case core::receiver::stopped:
      return "stopped";
    case core::receiver::connecting:
      return "connecting";
    case core::receiver::running:
      return "running";
  }
  return "";
}

std::string_view role_of(core::node_id node, const database_status& status) {
  if (!status.known || status.known->find(node) == nullptr) return "none";
  return status.known->primary == node ? "primary" : "replica";
}

void append_replica(json_object& object, const core::sight& is, const core::sight* primary) {
  if (is.replica) {
    object.text("received", core::to_string(is.received));
    object.text("receiving", name_of(is.receiving));
    object.raw("applying", truth(is.applying));
  }
  if (primary != nullptr && primary->written.seq >= is.written.seq) {
    object.number("behind", primary->written.seq - is.written.seq);
  }
  const unsigned error = is.apply_error != 0 ? is.apply_error : is.receive_error;
  if (error != 0) object.number("error", error);
}

void append_node(std::string& out, const database_node_status& node, const database_status& status,
                 const core::sight* primary) {
  json_object object(out);
  const std::string_view role = role_of(node.node.id, status);
  object.number("id", core::number_of(node.node.id));
  object.text("address", node.node.address);
  object.text("agent", node.node.agent);
  object.text("role", role);
  object.raw("member", truth(status.known && status.known->sync.contains(node.node.id)));
  object.text("state", node.seen ? "up" : "silent");
  if (!node.seen) return;
  object.number("server_id", node.seen->server_id);
  object.raw("read_only", truth(node.seen->read_only));
  object.text("position", core::to_string(node.seen->written));
  if (role != "primary") append_replica(object, *node.seen, primary);
}

std::string_view name_of(net::sql_hold is) {
  switch (is) {
    case net::sql_hold::none:
      return "open";
    case net::sql_hold::closing:
      return "closing";
    case net::sql_hold::closed:
      return "closed";
  }
  return "";
}

void append_endpoint(std::string& out, const endpoint_status& end) {
  json_object object(out);
  object.text("name", end.name);
  object.text("address", end.address);
  object.text("state", name_of(end.now.hold));
  object.number("epoch", end.now.stamp);
  object.number("connections", end.now.open);
  object.number("waiting", end.now.waiting);
  object.number("in_transaction", end.now.in_transaction);
  object.number("accepted", end.now.accepted);
  object.number("refused", end.now.refused);
  object.number("ended", end.now.ended);
  object.number("cut", end.now.cut);
  json_array targets(object.key("targets"));
  for (const auto& each : end.now.targets) {
    json_object target(targets.element());
    target.text("address", each.address);
    target.number("connections", each.connections);
  }
}

const core::sight* primary_of(const database_status& status) {
  if (!status.known) return nullptr;
  for (const database_node_status& each : status.nodes) {
    if (each.node.id == status.known->primary && each.seen) return &*each.seen;
  }
  return nullptr;
}

void append_topology(json_object& object, const core::topology& now) {
  object.text("phase", core::to_string(now.phase));
  object.number("epoch", core::number_of(now.epoch));
  object.number("gen", core::number_of(now.gen));
  object.raw("maintenance", truth(now.maintenance));
  object.text("durability", durability(now));
  object.number("primary", core::number_of(now.primary));
  if (core::number_of(now.next) != 0) object.number("next", core::number_of(now.next));
  json_array sync(object.key("sync"));
  for (const core::node_entry& each : now.nodes) {
    if (now.sync.contains(each.id)) sync.element() += std::to_string(core::number_of(each.id));
  }
}

}  // namespace

void append_json(std::string& out, const database_status& status) {
  json_object object(out);
  object.text("name", status.name);
  object.raw("acts", truth(status.acts));
  if (status.known) {
    append_topology(object, *status.known);
  } else {
    object.text("phase", "unknown");
  }
  {
    json_array nodes(object.key("nodes"));
    const core::sight* const primary = primary_of(status);
    for (const database_node_status& each : status.nodes) {
      append_node(nodes.element(), each, status, primary);
    }
  }
  json_array ends(object.key("endpoints"));
  for (const endpoint_status& each : status.endpoints) append_endpoint(ends.element(), each);
}

}  // namespace understudy::app
