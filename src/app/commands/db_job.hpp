// Has a gateway do a long work about a database, and waits for its end.
#pragma once

#include <boost/json/value.hpp>
#include <string>

#include "app/commands/command_db.hpp"

namespace understudy::app {

/// POST /databases/NAME/`order`, then /databases/NAME/job until that has ended, at most
/// `command.job_patience`. Progress goes to standard error: one line that is rewritten on a
/// terminal; else a line where something has changed, one a second at most; none with --json.
/// True: `ended` is the job's document. False: it has complained, and `exit` is how to end; the
/// work may go on.
[[nodiscard]] bool run_job(db_command& command, const std::string& order, const std::string& body,
                           boost::json::value& ended, int& exit);

/// DELETE /databases/NAME/job, prints and returns as commands do.
int stop_job(db_command command);

/// Of an object's member that is true.
[[nodiscard]] bool is_true(const boost::json::value& object, std::string_view name);
/// A member of an object; null where there is none.
[[nodiscard]] const boost::json::value& member_of(const boost::json::value& object,
                                                  std::string_view name);

}  // namespace understudy::app
