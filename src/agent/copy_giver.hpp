// The side of an agent that gives copies of its node to others.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "agent/words.hpp"
#include "core/types.hpp"
#include "db/local_node.hpp"
#include "net/tls_acceptor.hpp"

namespace understudy::agent {

struct giver_options {
  std::string listen;  ///< HOST:PORT
  core::node_id node{};
  std::string secret;
  std::shared_ptr<net::tls_acceptor> tls{};  ///< null: without TLS
  std::string secret_before{};               ///< as good; empty: there is none
};

/// Listens at an address of its own, on a thread of its own, and gives a copy to whoever shows the
/// ticket that a call was answered with: once, and soon. One copy at a time. For any thread.
class copy_giver {
 public:
  /// `of` outlives it. std::runtime_error with a sentence where it can not listen.
  copy_giver(giver_options options, db::copy_source& of);
  /// Ends what is under way, and blocks until it has ended.
  ~copy_giver();
  copy_giver(const copy_giver&) = delete;
  copy_giver& operator=(const copy_giver&) = delete;

  [[nodiscard]] copy_said promise();
  [[nodiscard]] std::string address() const;

 private:
  struct gift;
  [[nodiscard]] static boost::asio::awaitable<void> accept(copy_giver* self);
  [[nodiscard]] static boost::asio::awaitable<void> serve(copy_giver* self,
                                                          boost::asio::ip::tcp::socket peer);
  [[nodiscard]] static boost::asio::awaitable<void> give(copy_giver* self,
                                                         std::shared_ptr<gift> what);
  struct redeemed {
    std::string ticket;
    std::string secret;  ///< under which its holder said it
  };
  /// The ticket, where this is what its holder says; it is used up then.
  [[nodiscard]] std::optional<redeemed> redeem(std::string_view request);

  const giver_options options_;
  db::copy_source& of_;
  std::mutex mutex_;
  std::string ticket_;  ///< that nobody has shown yet
  core::time_point valid_until_{};
  bool giving_ = false;
  boost::asio::io_context io_{1};
  boost::asio::ip::tcp::acceptor acceptor_;
  std::weak_ptr<gift> now_;  ///< on the own thread
  unsigned peers_ = 0;
  std::thread thread_;
};

}  // namespace understudy::agent
