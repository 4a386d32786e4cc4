// `understudy config check FILE`, and how every command prints what is wrong with a file.
#pragma once

#include <string>
#include <vector>

#include "app/config/config.hpp"

namespace understudy::app {

struct config_check_command {
  std::string file;
  bool json = false;  ///< {"valid": bool, "problems": [{"line": n, "message": s}]}
};

int run_config_check(const config_check_command& command);

/// One line on standard error for each problem: `FILE:LINE: message`.
void print_problems(const std::string& file, const std::vector<config_problem>& problems);

}  // namespace understudy::app
