#include "core/stored_call.hpp"

#include <algorithm>
#include <array>

namespace understudy::core {
namespace {

constexpr std::array<std::string_view, 3> modes{"direct", "durable", "queued"};
constexpr std::array<std::string_view, 6> states{"waiting", "running",   "done",
                                                 "dead",    "cancelled", "expired"};
constexpr std::array<std::string_view, 5> reasons{"", "attempts_spent", "outcome_unknown",
                                                  "final_error", "too_old"};

}  // namespace

std::string_view to_string(call_mode mode) {
  return modes.at(static_cast<std::size_t>(mode));
}
std::string_view to_string(call_state state) {
  return states.at(static_cast<std::size_t>(state));
}
std::string_view to_string(dead_reason reason) {
  return reasons.at(static_cast<std::size_t>(reason));
}

std::optional<call_state> call_state_named(std::string_view name) {
  const auto found = std::ranges::find(states, name);
  if (found == states.end()) return std::nullopt;
  return static_cast<call_state>(found - states.begin());
}

}  // namespace understudy::core
