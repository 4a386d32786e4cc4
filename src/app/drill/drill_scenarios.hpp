// What a drill does to its servers while they are loaded, and what it then found.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "app/drill/drill_judge.hpp"

namespace understudy::app {

enum class drill_pace : std::uint8_t {
  normal,     ///< calls_per_second
  trickle,    ///< one call per second: few calls, so little evidence
  saturated,  ///< a closed loop, as fast as the servers answer
};

struct drill_settings {
  drill_pace pace = drill_pace::normal;
  double calls_per_second = 50;
  std::chrono::milliseconds duration{4000};
  std::optional<unsigned> kills;    ///< where the scenario is about that; else as it has it
  std::uint64_t calls = 1'000'000;  ///< that wait, where the scenario is about that
  std::uint64_t seed = 1;           ///< of their instants
  bool keep = false;
  std::string orders_program;
  std::function<void(std::string_view)> progress;
};

struct drill_scenario_info {
  std::string name;
  std::string about;      ///< what is done to the servers
  bool own_pace = false;  ///< it makes its own load: no other pace is possible
  bool in_all = false;    ///< `all` runs it
};

/// In the order in which they are run.
[[nodiscard]] std::vector<drill_scenario_info> known_scenarios();

/// What is added to a scenario's name: nothing, `-trickle` or `-saturated`.
[[nodiscard]] std::string_view suffix_of(drill_pace pace);

/// Starts servers and a gateway, loads and breaks them, stops them, and tells what was seen.
/// `name` is that of one of known_scenarios(). Throws std::runtime_error with a sentence where a
/// process could not be started or did not do what was waited for, and drill_interrupted.
[[nodiscard]] drill_facts run_scenario(std::string_view name, const drill_settings& settings);

}  // namespace understudy::app
