// Looks names up.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <vector>

#include "core/types.hpp"
#include "net/address.hpp"

namespace understudy::net {

struct resolved {
  boost::system::error_code error;
  std::vector<boost::asio::ip::tcp::endpoint> endpoints;  ///< sorted, each once
};

/// Looks a name up in a thread of its own (the system's resolver blocks). timed_out at `deadline`.
[[nodiscard]] boost::asio::awaitable<resolved> resolve(boost::asio::any_io_executor executor,
                                                       host_port address,
                                                       core::time_point deadline);

}  // namespace understudy::net
