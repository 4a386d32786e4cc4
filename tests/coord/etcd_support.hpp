// A supervisor's coordinator on an event loop of its own, and peers that etcd should not have.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <memory>
#include <string>
#include <vector>

#include "coord/etcd/etcd_coordinator.hpp"
#include "coord_support.hpp"
#include "support/etcd.hpp"

namespace understudy::coord {

/// Stands still but when it is told to run, as a process does that is paused.
class supervisor {
 public:
  supervisor(const std::vector<std::string>& endpoints, std::uint64_t id,
             std::chrono::milliseconds poll = 1000ms);
  [[nodiscard]] coordinator& get() { return *coordinator_; }
  [[nodiscard]] std::uint64_t id() const { return id_; }
  [[nodiscard]] loop& events() { return loop_; }

  read_result read(core::duration time = 20s);
  write_result write(revision expected, const core::topology& t, core::duration time = 20s);
  /// Reads, and writes the next generation; again while the outcome of that is anything else.
  /// How it ended each time but the last.
  std::vector<write_end> write_next();
  [[nodiscard]] bool leads() { return coordinator_->leading_until() > in(0s); }
  [[nodiscard]] bool hears_of(std::uint64_t leader) {
    return coordinator_->leader().who == core::supervisor_id{leader};
  }

 private:
  std::uint64_t id_;
  loop loop_;
  std::unique_ptr<coordinator> coordinator_;
};

/// Listens on loopback. Hands on what it is sent, and keeps the answers to itself.
class swallower {
 public:
  /// To `etcd`, 127.0.0.1:PORT, on the loop of `events`.
  swallower(loop& events, const std::string& etcd);
  [[nodiscard]] std::string endpoint() const;
  [[nodiscard]] int connections() const { return connections_; }

 private:
  static boost::asio::awaitable<void> accept(swallower* self);
  static boost::asio::awaitable<void> hand_on(boost::asio::ip::tcp::socket from,
                                              boost::asio::ip::tcp::endpoint to);
  boost::asio::ip::tcp::acceptor acceptor_;
  boost::asio::ip::tcp::endpoint etcd_;
  int connections_ = 0;
};

/// Nobody listens there.
[[nodiscard]] std::string dead_endpoint();

}  // namespace understudy::coord
