// `understudy db rotate-password`: another secret for a cluster, while it works.
#pragma once

#include <boost/json/value.hpp>
#include <string>

#include "app/commands/command_db.hpp"

namespace understudy::app {

/// With `file` (made absolute here, and read by the gateway) the new secret becomes as good as the
/// old one; with `finish` the old one becomes invalid. Prints what is to be done next. Exit codes:
/// 0 done, 1 something was in the way, else as of orders.
int run_db_rotate(const db_command& command);

/// What a report (database_reports.hpp) says that something was in the way, a line each.
[[nodiscard]] std::string rotation_text(const boost::json::value& report);

}  // namespace understudy::app
