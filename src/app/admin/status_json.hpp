// What the gateway tells about itself as one JSON document (/status.json).
#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "app/common/event_log.hpp"
#include "app/gateway/router.hpp"

namespace understudy::app {

/// The name of a pool's own listener.
[[nodiscard]] inline std::string pool_listener_name(const std::string& pool) {
  return "pool " + pool;
}

struct listener_status {
  std::string name;  ///< "rpc", "http", "admin", or pool_listener_name()
  std::string address;
  std::size_t connections = 0;
};

struct gateway_status {
  std::string_view version;
  std::chrono::milliseconds uptime{};
  bool draining = false;
  std::vector<listener_status> listeners;
  std::vector<pool_status> pools;
  std::vector<event> events;  ///< the recent ones, oldest first
};

/// {"version","uptime_ms","draining","listeners":[{"name","address","connections"}],
///  "pools":[{"name","listen","services":[],"parked","servers":[{"address","state","priority",
///  "weight","in_flight","attempts","failures","share","since_ms","lanes"?}]}],"events":[<event>]}
/// `since_ms` is when the server entered its state: Unix time, as all times here. `lanes` is there
/// only while lanes differ: {"up":3,"down":1}; `state` is then the worst.
[[nodiscard]] std::string to_json(const gateway_status& status);

/// True if a call to the pool would be tried now, on some lane.
[[nodiscard]] bool usable(const pool_status& pool);

}  // namespace understudy::app
