// What a supervisor has done by a node, by its agent, by the coordinator and by gateways.
#pragma once

#include <cstdint>
#include <variant>

#include "core/cluster/sight.hpp"

namespace understudy::core {

// Each step may be repeated, and is refused by a node that was told a higher generation. Each is
// answered with a sight taken after it.

/// Take the fence: end the session of whoever held it, and look.
struct hold {};
/// Stop receiving: it can acknowledge nothing more. The SQL thread runs on (and is started first
/// where it had stopped): together they would delete what was received and not applied.
struct revoke {};
/// Become primary, still read-only: stop and forget replication, write as (epoch, node), wait for
/// acknowledgements, and cut off all nodes but `allowed`. Refused unless drained.
struct promote {
  core::epoch epoch{};
  node_set allowed;
};
/// Take writes: with `solo`, stop waiting for acknowledgements; a row in the journal first. Refused
/// unless promoted in this epoch.
struct open {
  core::epoch epoch{};
  bool solo = false;
};
/// Take no writes. Fails where commits wait for acknowledgements: it can not be done then.
struct close {};
/// Be a replica of `primary`; with `acks`, acknowledge. Where it is one already only its receiver
/// is restarted. A deposed primary gets its place from its own log. What it has received and not
/// applied it applies first, but for what `primary` is known to hold: that it gets again.
struct follow {
  node_id primary{};
  bool acks = false;
  gtid known{};
};
/// On a primary: whether commits wait for acknowledgements.
struct wait_for_acks {
  bool on = false;
};
/// On a primary: lock or unlock the replication account of `node`, and end its connection.
struct cut {
  node_id node{};
  bool off = true;
};

/// By the agent.
struct kill_server {};
struct start_server {
  start_role role = start_role::replica;
};
/// Make it a copy of `donor`, which goes on serving, and start it as a replica.
struct clone {
  node_id donor{};
};
/// Keep in a file what it has and `primary` has not, and take that back (flashback); it follows
/// nobody then. Where that can not be done it fails, and a clone is due.
struct repair {
  node_id primary{};
};
/// Apply what was received before a restart, from the relay log's files, and look.
struct salvage {};

using step = std::variant<hold, revoke, promote, open, close, follow, wait_for_acks, cut,
                          kill_server, start_server, clone, repair, salvage>;

[[nodiscard]] std::string_view name_of(const step& what);
/// Done by the agent, not over SQL.
[[nodiscard]] bool by_agent(const step& what);

/// How a step ended.
enum class step_end : std::uint8_t {
  done,
  refused,  ///< the node was told a higher generation
  failed,   ///< it was not done, or only in part; what is so is seen
  unknown,  ///< no answer: it may be done, or yet to be done
};

}  // namespace understudy::core
