// The HTTP side of the gateway: /rpc, /calls, /servers, /databases, /events, /metrics,
// /status.json, /healthz, /readyz.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "app/admin/administration.hpp"
#include "app/admin/metrics.hpp"
#include "app/admin/status_json.hpp"
#include "app/calls/call_desk.hpp"
#include "app/common/event_log.hpp"
#include "app/database/databases.hpp"
#include "app/gateway/router.hpp"
#include "net/http.hpp"

namespace understudy::app {

/// The references outlive the handlers. The functions may be empty.
struct admin_parts {
  administration& gateway;
  boost::asio::any_io_executor home;  ///< where `gateway` and the functions are called
  event_log& events;
  app::metrics& metrics;
  std::function<bool()> draining;  ///< /readyz answers 503 then; any thread
  std::string version;
  std::function<std::vector<listener_status>()> listeners{};  ///< for /status.json
  std::shared_ptr<call_desk> desk{};                          ///< null: calls are not stored
  std::shared_ptr<app::databases> databases{};                ///< null: none is configured
};

/// Which paths an address serves: the public one /rpc and health, the administrative one the
/// rest; both where there is no separate admin address.
enum class http_side : std::uint8_t { calls, admin, both };

/// The handlers of one address, one for each lane, with the lane's router: /rpc and /events are
/// served where the connection is, the rest at home.
using http_handlers = std::function<net::http_handler(router&)>;

/// Every error that is not JSON-RPC's is {"error":"<sentence>"}: 404 for unknown paths, pools and
/// servers, 405 with Allow, 403 for what a page of another site sends through a browser.
[[nodiscard]] http_handlers make_http_handlers(admin_parts parts, http_side side);

}  // namespace understudy::app
