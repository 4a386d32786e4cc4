// Addresses as people write them: `host:port`, `[::1]:port`.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace understudy::net {

struct host_port {
  std::string host;  ///< without the brackets of `[::1]:9501`
  std::string port;
};

enum class port_rule : std::uint8_t {
  given,         ///< 1 to 65535: someone is to be called there
  any_for_zero,  ///< 0, too: the system chooses one to listen on
};

/// Nothing where host or port is missing, where a blank or "/" says that it is something else (a
/// URL), or where an IPv6 address has no brackets and so leaves open where the port begins.
[[nodiscard]] std::optional<host_port> split_address(std::string_view address,
                                                     port_rule port = port_rule::given);

/// Where a server is, and what it speaks there.
struct server_address {
  host_port at;
  std::string http_target;  ///< JSON-RPC over HTTP, posted to this path; empty: frames
};

/// `host:port`, or `http://host:port/path` for a server that speaks JSON-RPC over HTTP; its path
/// is "/" where it was left out, may have a query, and is percent-encoded where that is needed.
[[nodiscard]] std::optional<server_address> split_server_address(std::string_view address);

/// The address of a server that was found at `endpoint` by the host's name in `of`.
[[nodiscard]] std::string format_server_address(const server_address& of,
                                                const boost::asio::ip::tcp::endpoint& endpoint);

/// What a server address looks like, for messages.
inline constexpr std::string_view server_address_form = "HOST:PORT or http://HOST:PORT/PATH";

/// The endpoint of an address whose host is an IP address; nothing for names.
[[nodiscard]] std::optional<boost::asio::ip::tcp::endpoint> numeric_endpoint(
    const host_port& address);

/// `ip:port`, `[ip]:port` for IPv6.
[[nodiscard]] std::string format_endpoint(const boost::asio::ip::tcp::endpoint& endpoint);

/// Who is at the other end; empty where nobody is any more.
[[nodiscard]] std::string peer_of(const boost::asio::ip::tcp::socket& socket);

}  // namespace understudy::net
