// Competes for the leader's key under a lease.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <string>

#include "coord/coordinator.hpp"
#include "coord/etcd/etcd_client.hpp"
#include "coord/etcd/lease_clock.hpp"

namespace understudy::coord::etcd {

/// As `coordinator` says of campaign() and what follows it. Shared with its own coroutines, which
/// end after stop() or resign().
class candidacy {
 public:
  candidacy(const boost::asio::any_io_executor& executor, std::shared_ptr<etcd_client> client,
            std::string key, core::supervisor_id self, std::chrono::seconds ttl);
  static void campaign(const std::shared_ptr<candidacy>& self);
  static boost::asio::awaitable<void> resign(std::shared_ptr<candidacy> self,
                                             core::time_point deadline);
  void stop();
  [[nodiscard]] core::time_point leading_until() const { return clock_.leading_until(); }
  [[nodiscard]] leader_sight leader() const { return leader_; }

 private:
  static boost::asio::awaitable<void> compete(std::shared_ptr<candidacy> self, unsigned round);
  /// Keeps the lease, or gets one. False: there is none now.
  static boost::asio::awaitable<bool> hold_lease(std::shared_ptr<candidacy> self, unsigned round,
                                                 core::time_point deadline);
  /// Takes the leader's key if it is free, and learns whose it is.
  static boost::asio::awaitable<void> claim(std::shared_ptr<candidacy> self, unsigned round,
                                            core::time_point deadline);
  [[nodiscard]] core::duration interval() const;

  boost::asio::any_io_executor executor_;
  std::shared_ptr<etcd_client> client_;
  std::string key_;
  core::supervisor_id self_;
  std::chrono::seconds ttl_;
  boost::asio::steady_timer next_;
  lease_clock clock_;
  leader_sight leader_;
  unsigned round_ = 0;  ///< grows with each campaign() and its end: what is older stops
  bool competing_ = false;
};

}  // namespace understudy::coord::etcd
