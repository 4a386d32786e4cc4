// The HTTP side of the gateway: /rpc, /servers, /events, /metrics, /status.json, /healthz, /readyz.
#pragma once

#include <functional>
#include <string>

#include "app/event_log.hpp"
#include "app/metrics.hpp"
#include "app/router.hpp"
#include "net/http.hpp"

namespace understudy::app {

struct admin_parts {
  router& routes;
  event_log& events;
  app::metrics& metrics;
  std::function<bool()> draining;  ///< /readyz answers 503 then
  std::string version;
};

/// Which paths an address serves: the public one /rpc and health, the administrative one the
/// rest; both where there is no separate admin address.
enum class http_side : std::uint8_t { calls, admin, both };

[[nodiscard]] net::http_handler make_http_handler(admin_parts parts, http_side side);

}  // namespace understudy::app
