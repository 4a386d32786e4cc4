// /servers/{pool}/{host:port}: registering, removing, draining and resuming servers.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <string_view>

#include "app/admin/administration.hpp"
#include "net/http.hpp"

namespace understudy::app {

inline constexpr std::string_view servers_path = "/servers/";

/// The methods that a path below servers_path takes, as the Allow header lists them; none for a
/// path that names no server.
[[nodiscard]] std::string_view server_methods(std::string_view path);

/// PUT (a JSON object of priority, weight, ttl_ms, each optional; ttl_ms is 30000 by default),
/// DELETE, POST .../drain, POST .../resume. 200 with {"done":true}; 400 for what cannot be read,
/// 404 for unknown pools and servers and for paths that name none, 409 for what the pool refuses,
/// each with a sentence.
[[nodiscard]] boost::asio::awaitable<net::http_response> change_server(
    administration& gateway, const net::http_request& request);

}  // namespace understudy::app
