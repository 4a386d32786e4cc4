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

}  // namespace understudy::app
