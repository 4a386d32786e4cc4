// The names of server states, for people, JSON and labels.
#pragma once

#include <array>
#include <string_view>

#include "core/pool.hpp"

namespace understudy::app {

/// In the order of core::server_state.
inline constexpr std::array<std::string_view, 5> server_states{"up", "suspect", "down", "returning",
                                                               "drained"};
static_assert(static_cast<std::size_t>(core::server_state::drained) + 1 == server_states.size());

[[nodiscard]] constexpr std::string_view name_of(core::server_state state) {
  return server_states.at(static_cast<std::size_t>(state));
}

}  // namespace understudy::app
