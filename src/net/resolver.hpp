// Addresses `host:port`: numeric ones read, names looked up.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/types.hpp"

namespace understudy::net {

struct host_port {
  std::string host;  ///< without the brackets of `[::1]:9501`
  std::string port;
};

/// Splits at the last colon. Nothing where host or port is missing, or port is no port number.
[[nodiscard]] std::optional<host_port> split_address(std::string_view address);

/// The endpoint of an address whose host is an IP address; nothing for names.
[[nodiscard]] std::optional<boost::asio::ip::tcp::endpoint> numeric_endpoint(
    const host_port& address);

/// `ip:port`, `[ip]:port` for IPv6.
[[nodiscard]] std::string format_endpoint(const boost::asio::ip::tcp::endpoint& endpoint);

struct resolved {
  boost::system::error_code error;
  std::vector<boost::asio::ip::tcp::endpoint> endpoints;  ///< sorted, each once
};

/// Looks a name up in a thread of its own (the system's resolver blocks). timed_out at `deadline`.
[[nodiscard]] boost::asio::awaitable<resolved> resolve(boost::asio::any_io_executor executor,
                                                       host_port address,
                                                       core::time_point deadline);

}  // namespace understudy::net
