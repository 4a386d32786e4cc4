// Whose call it is, for fairness among those that wait.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>

namespace understudy::app {

/// Calls of one machine are one caller's: connections cost nothing, addresses do. `peer` is
/// ip:port.
[[nodiscard]] inline std::uint64_t caller_of(std::string_view peer) {
  return std::hash<std::string_view>()(peer.substr(0, peer.rfind(':')));
}

}  // namespace understudy::app
