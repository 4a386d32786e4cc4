// Other passwords for a cluster's own accounts, while it runs.
#pragma once

#include <string>
#include <vector>

#include "core/types.hpp"
#include "db/members.hpp"

namespace understudy::db {

/// The supervisor's account is each node's own; those of replicas are the primary's, and
/// replicated. A rotation goes:
/// 1. begin_rotation: every account takes the old and the new password;
/// 2. supervisors and agents are told of the new ones (node_session::use_passwords), and each
///    replica takes its primary anew, one after the other (node_session::renew_receiver);
/// 3. finish_rotation: every account takes the new one alone.
/// Each part may be repeated. finish_rotation with old and new exchanged takes back what was begun.
/// Whom a rotation met in the middle of a takeover is refused, and goes on with it afterwards.
struct rotation_task {
  members all;  ///< with the passwords of before
  core::node_id primary{};
  std::string supervisor;   ///< the new password; the same as before: it is not changed
  std::string replication;  ///< the same
  const interrupt* stop = nullptr;
  core::time_point deadline = core::time_point::max();
};

/// Why it was not done, in sentences, each of a node: nothing was taken away then. Empty: done.
using obstacles = std::vector<std::string>;

/// When it returns without an obstacle all nodes have it. Connections go on. Every node has to
/// answer: one that is down would never learn of the supervisor's new password. A logged change
/// waits for an acknowledgement as any other, until the deadline.
///
/// No password is sent to a server: hashes are (native_hash), so none is in a log.
[[nodiscard]] obstacles begin_rotation(const rotation_task& task);

/// Refused where a node does not answer to the new passwords, or has a replica that was not renewed
/// since. Nodes that were locked out (core::cut) stay so.
[[nodiscard]] obstacles finish_rotation(const rotation_task& task);

}  // namespace understudy::db
