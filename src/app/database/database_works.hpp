// The long works about a database that an operator asks a gateway for.
#pragma once

#include <string>

#include "app/database/database.hpp"

namespace understudy::app {

// Each begins, on the database's own executor, and returns at once. Empty: it runs; else why not.

/// Whether all nodes have the same data: db::verify of the primary and all other nodes of the
/// topology. Its report is a db::verify_report's; it is ok where that says equal.
[[nodiscard]] std::string begin_verify(database& of);

/// Whether a server can be adopted: db::inspect, as the supervisor. Its report is a
/// db::adopt_report's; it is ok where that is ready.
[[nodiscard]] std::string begin_inspection(database& of, core::node_id node);

// Another secret for a cluster, see db/accounts.hpp and docs/DATABASE.md. Their report is a
// rotation_report().

/// The secret in `file` (an absolute path on this host, with the same demands as of the
/// configuration's) becomes as good as the one of before for all servers, and replicas receive with
/// it from now on, as this gateway looks with it. Needs every node, and the supervisor in charge.
[[nodiscard]] std::string begin_rotation(database& of, const std::string& file);

/// The one of before becomes invalid, where nothing uses it any more: this gateway and all agents
/// have read the new one, and all replicas receive with it. Other gateways can not be asked.
[[nodiscard]] std::string end_rotation(database& of);

}  // namespace understudy::app
