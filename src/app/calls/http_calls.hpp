// /calls: stored calls over HTTP, for callers and for administration.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <memory>
#include <string_view>

#include "app/calls/call_desk.hpp"
#include "net/http.hpp"

namespace understudy::app {

inline constexpr std::string_view calls_path = "/calls";

/// The methods of a path below /calls as the Allow header lists them; empty: there is no such path.
[[nodiscard]] std::string_view calls_methods(std::string_view path);
/// Whether a path and method are for operators only: they show or change the calls of others.
[[nodiscard]] bool calls_administrative(std::string_view path, std::string_view method);

/// POST /calls stores a call {"method", "params", ...}, or several in an array: 202 and {"ticket"}.
/// With wait_ms, 200 and the outcome where it ends in time. GET /calls lists. GET /calls/TICKET,
/// GET /calls/TICKET/result, DELETE /calls/TICKET cancels, POST /calls/TICKET/retry|purge, GET
/// /calls/stats|verify, POST /calls/services/NAME/pause|resume. At home. `request` outlives the
/// answer.
[[nodiscard]] boost::asio::awaitable<net::http_response> serve_calls(
    std::shared_ptr<call_desk> desk, const net::http_request& request);

}  // namespace understudy::app
