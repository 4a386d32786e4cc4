// `understudy servers list|drain|resume`: the servers of a running gateway.
#pragma once

#include <string>

#include "app/config/config.hpp"

namespace understudy::app {

struct servers_command {
  std::string at = default_http_address;  ///< the gateway's http (or admin) address
  std::string pool;                       ///< of drain and resume
  std::string server;                     ///< HOST:PORT
  bool json = false;
};

int run_servers_list(const servers_command& command);
/// No new calls go there; running ones end.
int run_servers_drain(const servers_command& command);
/// Ends a drain, or lets a manual failback happen.
int run_servers_resume(const servers_command& command);

}  // namespace understudy::app
