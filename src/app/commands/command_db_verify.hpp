// `understudy db verify`: whether all nodes have the same data.
#pragma once

#include <boost/json/value.hpp>
#include <string>

#include "app/commands/command_db.hpp"

namespace understudy::app {

/// Exit codes: 0 all was compared and is the same; 1 there are differences, or something was not
/// compared; 4 the gateway refuses; 5 not done within `job_patience`, and it goes on; or it was
/// stopped.
int run_db_verify(const db_command& command);

/// What a report (database_reports.hpp) says, in sentences, each in a line.
[[nodiscard]] std::string verify_text(const boost::json::value& report);

}  // namespace understudy::app
