// A handshake, with a deadline.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>

#include "core/types.hpp"
#include "net/tls_session.hpp"

namespace understudy::net {

/// No error once it is done; timed_out at the deadline; connection_aborted where it failed, and the
/// session says why. Both arguments outlive it.
[[nodiscard]] boost::asio::awaitable<boost::system::error_code> shake_hands(
    boost::asio::ip::tcp::socket& socket, tls_session& session, core::time_point deadline);

}  // namespace understudy::net
