// What an operator asks of a running gateway as a whole, whichever of its lanes are concerned.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <string>
#include <vector>

#include "app/gateway/call_counts.hpp"
#include "app/gateway/router.hpp"

namespace understudy::app {

/// One owner thread. A change holds on every lane when its answer is here; a refusal is the first
/// one that a lane gave.
class administration {
 public:
  virtual ~administration() = default;

  /// Added up over the lanes.
  virtual boost::asio::awaitable<std::vector<pool_status>> status() = 0;
  virtual boost::asio::awaitable<call_counts> counts() = 0;

  virtual boost::asio::awaitable<router::refusal> drain(std::string pool, std::string address) = 0;
  virtual boost::asio::awaitable<router::refusal> resume(std::string pool, std::string address) = 0;
  /// Registers or renews a server for `ttl`; it goes when the ttl ends without renewal.
  virtual boost::asio::awaitable<router::refusal> put_server(std::string pool,
                                                             core::server_options server,
                                                             std::chrono::milliseconds ttl) = 0;
  virtual boost::asio::awaitable<router::refusal> remove_server(std::string pool,
                                                                std::string address) = 0;
};

}  // namespace understudy::app
