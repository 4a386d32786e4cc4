// Opens what servers of either protocol accept on.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <string>

namespace understudy::net {

/// Listens on `address` (HOST:PORT; port 0: any; a name is looked up, which blocks). A sentence
/// (std::runtime_error) where that is impossible. `share_port`: SO_REUSEPORT, so that several
/// processes listen there and the kernel spreads connections over them.
[[nodiscard]] boost::asio::ip::tcp::acceptor listen_on(const boost::asio::any_io_executor& executor,
                                                       const std::string& address,
                                                       bool share_port = false);

}  // namespace understudy::net
