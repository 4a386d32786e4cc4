// POST /rpc: JSON-RPC 2.0 over HTTP, single calls, batches and notifications.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstddef>

#include "app/gateway/router.hpp"
#include "net/http.hpp"

namespace understudy::app {

struct rpc_limits {
  std::size_t batch_max = 1000;        ///< elements; a longer batch is refused whole, none runs
  std::size_t batch_running_max = 32;  ///< elements of one batch that run at a time
  std::size_t batch_bytes_max = std::size_t{64} << 20;  ///< of answers; then no element is begun
};

/// Each request goes to the router byte for byte, and its answer comes back with the caller's id
/// bytes; results and errors of services pass as received. A request without `id` is executed and
/// not answered (204). Batches are answered in order, with status 200. Status of a single call: 200
/// for every answer of a service; our own errors as wire::http_status says, with Retry-After where
/// repeating is safe. Headers of ours are obeyed or refused as call_wishes.hpp says; a deadline
/// holds for each call of a batch. Files do not pass over HTTP, in neither direction.
/// `request` outlives the answer.
[[nodiscard]] boost::asio::awaitable<net::http_response> serve_rpc(router& routes,
                                                                   const net::http_request& request,
                                                                   rpc_limits limits = {});

}  // namespace understudy::app
