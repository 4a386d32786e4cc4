// The calls of one connection that carries many at a time (docs/MULTIPLEX.md).
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "net/frame_server.hpp"
#include "net/server_connection.hpp"
#include "wire/multiplex.hpp"

namespace understudy::net {

/// Runs calls at the same time, and writes the answers of one turn of the loop together. Each call
/// that runs has a handler of its own. While the peer is slow to take answers, nothing is read.
/// Thread: the lane's.
class server_multiplex : public std::enable_shared_from_this<server_multiplex> {
 public:
  /// What a client may be granted.
  [[nodiscard]] static wire::multiplex_grant terms(const frame_server_options& options);

  /// `socket` outlives run().
  server_multiplex(boost::asio::ip::tcp::socket& socket, std::shared_ptr<server_lane> lane,
                   std::unique_ptr<frame_handler> handler, wire::multiplex_request wanted,
                   std::string peer);
  ~server_multiplex();
  server_multiplex(const server_multiplex&) = delete;
  server_multiplex& operator=(const server_multiplex&) = delete;

  /// Grants it, then serves until the peer has ended or drain() is over, and all calls have ended.
  /// False if the connection is lost.
  [[nodiscard]] boost::asio::awaitable<bool> run();
  void check(server_lane::clock::time_point now);
  /// Says that it ends; reads on for a little, for calls that are on their way.
  void drain();
  void close();

 private:
  struct job;

  [[nodiscard]] boost::asio::awaitable<void> serve_calls();
  [[nodiscard]] static boost::asio::awaitable<void> work(std::shared_ptr<job> mine);
  [[nodiscard]] bool take(std::string_view message);
  void start(wire::call_number number, std::string_view body);
  void refuse(wire::call_number number, std::int64_t code, std::string_view message,
              std::string_view data = "null");
  void answered(std::size_t at, wire::call_number number);
  void ended(job& done, bool badly);
  [[nodiscard]] bool account();
  void set_reading_deadline();
  void flush_soon();
  void flush();
  [[nodiscard]] bool full() const;
  [[nodiscard]] boost::asio::awaitable<void> wait_for_change();

  boost::asio::ip::tcp::socket& socket_;
  std::shared_ptr<server_lane> lane_;
  wire::multiplex_request wanted_;
  wire::multiplex_grant granted_;
  std::string peer_;
  wire::frame_reader reader_;
  frame_call call_;
  std::vector<std::unique_ptr<frame_handler>> handlers_;  ///< that no call uses
  std::string out_;
  std::size_t sent_ = 0;
  std::size_t running_ = 0;
  std::size_t running_bytes_ = 0;  ///< of their requests
  std::size_t accounted_ = 0;      ///< of lane_->shared()->received_bytes
  boost::asio::steady_timer changed_;
  server_lane::clock::time_point read_deadline_ = server_lane::clock::time_point::max();
  server_lane::clock::time_point write_deadline_ = server_lane::clock::time_point::max();
  bool begun_ = false;     ///< part of a frame is here: its deadline is not renewed
  bool reading_ = true;    ///< what comes is read
  bool waiting_ = false;   ///< for bytes
  bool flushing_ = false;  ///< a flush is on its way
  bool leaving_ = false;   ///< the peer was told so
  bool lost_ = false;
};

}  // namespace understudy::net
