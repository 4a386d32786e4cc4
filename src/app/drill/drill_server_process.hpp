// MariaDB servers that are nobody's children any more, found by their folders.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "app/bench/load_socket.hpp"

namespace understudy::app {

/// The process of the server of an agent whose folder this is; 0: there is none.
[[nodiscard]] pid_t find_server(const std::string& folder);
/// All its threads are stopped, or it has ended.
[[nodiscard]] bool stands_still(pid_t id);

/// Ends the servers of these folders, and whatever else of MariaDB's was started for them, when it
/// is destroyed, or when this process ends in whatever way: a child of ours waits for that. By then
/// agents have to be gone, who would start others; children of ours are, when we are.
class server_guard {
 public:
  /// std::runtime_error with a sentence where no process can be had.
  explicit server_guard(std::vector<std::string> folders);
  ~server_guard();  ///< waits until they are gone, some seconds at most
  server_guard(const server_guard&) = delete;
  server_guard& operator=(const server_guard&) = delete;

 private:
  owned_fd lives_;  ///< the child's read ends when this is closed
  pid_t child_ = -1;
};

}  // namespace understudy::app
