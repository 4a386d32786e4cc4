// MariaDB servers that are nobody's children any more, found by their folders.
#pragma once

#include <sys/types.h>

#include <string>

namespace understudy::app {

/// The process of the server of an agent whose folder this is; 0: there is none.
[[nodiscard]] pid_t find_server(const std::string& folder);
/// All its threads are stopped, or it has ended.
[[nodiscard]] bool stands_still(pid_t id);
/// SIGKILL to it, and to whatever else of MariaDB's was started for this folder; waits until all
/// are gone, some seconds at most. Only once its agent is gone: that would start another one.
void end_servers(const std::string& folder);

}  // namespace understudy::app
