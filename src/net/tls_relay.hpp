// Carries bytes between a TLS session and a local stream, so that whoever has the other end of
// that needs to know nothing of TLS (docs/adr/0017-tls-relay.md).
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <functional>
#include <optional>

#include "net/tls_session.hpp"

namespace understudy::net {

/// Over a session whose handshake is done. Returns the other end, a socket that does not block, on
/// the same executor; nothing where there are no descriptors. `over` is called once it has ended,
/// on the executor, unless that ends before.
///
/// - The end of one direction is passed on, and the other goes on. A stream that was cut is not
///   passed on as one that ended: both directions are closed.
/// - At most 16 KiB wait here each way, and what the kernel keeps between two local sockets.
/// - Closed on this side, what was written before still has 30 s to leave. Ended on this side, the
///   peer has 5 s to end its own.
[[nodiscard]] std::optional<boost::asio::ip::tcp::socket> relay_tls(
    boost::asio::ip::tcp::socket wire, tls_session session, std::function<void()> over);

}  // namespace understudy::net
