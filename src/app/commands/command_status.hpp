// `understudy status`: one look at a running gateway.
#pragma once

#include <string>

#include "app/config/config.hpp"

namespace understudy::app {

struct status_command {
  std::string at = default_http_address;  ///< the gateway's http (or admin) address
  bool json = false;                      ///< the document of /status.json as it came
};

int run_status(const status_command& command);

}  // namespace understudy::app
