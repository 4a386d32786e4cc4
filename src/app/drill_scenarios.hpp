// What a drill does to its servers while they are loaded, and what it then found.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "app/drill_judge.hpp"

namespace understudy::app {

struct drill_settings {
  double calls_per_second = 50;
  bool saturated = false;  ///< a closed loop instead
  std::chrono::milliseconds duration{4000};
  bool keep = false;
  std::string orders_program;
  std::function<void(std::string_view)> progress;
};

/// In the order in which they are run.
[[nodiscard]] std::vector<std::string> scenario_names();

/// Starts servers and a gateway, loads and breaks them, stops them, and tells what was seen.
/// `name` is one of scenario_names(). Throws std::runtime_error with a sentence where a process
/// could not be started or did not do what was waited for, and drill_interrupted.
[[nodiscard]] drill_facts run_scenario(std::string_view name, const drill_settings& settings);

}  // namespace understudy::app
