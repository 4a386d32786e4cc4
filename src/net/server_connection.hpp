// One caller's connection, and the thread ("lane") that it shares with others.
#pragma once

#include <atomic>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "net/address.hpp"
#include "net/frame_server.hpp"
#include "net/outbox.hpp"

namespace understudy::net {

/// What all connections of one frame_server share. Outlives them.
struct server_shared {
  frame_server_options options;
  std::atomic<std::size_t> connections{0};     ///< with those on their way to their lane
  std::atomic<std::size_t> received_bytes{0};  ///< that connections keep, beyond a little each
  std::atomic<std::size_t> refused{0};         ///< being told that there are too many

  /// A connection that kept `accounted` bytes keeps `keeps` now, where little counts as nothing.
  /// False if that is more than is left for it: then nothing is accounted.
  [[nodiscard]] bool account(std::size_t& accounted, std::size_t keeps);
};

class server_connection;
class server_multiplex;

/// The connections of one io_context, run by one thread. What does not say otherwise: that thread.
class server_lane : public std::enable_shared_from_this<server_lane> {
 public:
  using clock = std::chrono::steady_clock;

  server_lane(boost::asio::io_context& context, std::shared_ptr<server_shared> shared,
              frame_handler_factory make_handler);

  /// Takes over an accepted socket of this lane's context. Any thread: it counts at once. `peer`:
  /// who is at its other end, where it can not say so itself.
  void take(boost::asio::ip::tcp::socket socket, std::string peer = {});
  void drain();
  void stop();
  /// Checks deadlines every now and then until stop(): one timer for all connections.
  static boost::asio::awaitable<void> keep_time(std::shared_ptr<server_lane> self);

  /// A time at least `after` from now, one tick too late at most.
  [[nodiscard]] clock::time_point deadline(clock::duration after) const {
    return now_ + tick_ + after;
  }
  [[nodiscard]] const std::shared_ptr<server_shared>& shared() const { return shared_; }
  [[nodiscard]] boost::asio::io_context& context() const { return context_; }
  [[nodiscard]] bool draining() const { return draining_; }
  [[nodiscard]] std::unique_ptr<frame_handler> make_handler(std::string peer) const {
    return make_handler_(std::move(peer));
  }

 private:
  friend class server_connection;

  void start(boost::asio::ip::tcp::socket socket, bool refused, std::string peer);

  boost::asio::io_context& context_;
  std::shared_ptr<server_shared> shared_;
  frame_handler_factory make_handler_;
  std::vector<server_connection*> connections_;
  clock::duration tick_;
  clock::time_point now_ = clock::now();  ///< of the last tick: cheap, and exact enough
  bool draining_ = false;
  bool stopped_ = false;
};

/// Reads, calls the handler and writes, one call at a time in the order of arrival; does not read
/// while an answer is on its way (backpressure). An idle one holds no buffer. A client that asks
/// for it with its first call may go on with many calls at a time.
class server_connection {
 public:
  /// A refused one is only told that there are too many.
  server_connection(boost::asio::ip::tcp::socket socket, std::shared_ptr<server_lane> lane,
                    bool refused, std::string peer);
  ~server_connection();
  server_connection(const server_connection&) = delete;
  server_connection& operator=(const server_connection&) = delete;

  static boost::asio::awaitable<void> serve(std::shared_ptr<server_connection> self);
  /// Closes what is over its deadline, sends to rest() what has been silent for a while.
  void check(server_lane::clock::time_point now);
  /// Ends it once it rests between calls.
  void drain();
  void close();

 private:
  enum class step : std::uint8_t {
    rest,   ///< all that is complete is answered
    flush,  ///< the socket takes no more for now, or must drain first
    call,   ///< the handler has to wait
    many,   ///< from now on, many calls at a time
    last,   ///< as rest, and nothing more is read: the stream is out of step
    lost,
  };

  /// What a connection between calls is doing, if anything.
  enum class wait : std::uint8_t { none, bytes, rest };

  boost::asio::awaitable<void> run();
  boost::asio::awaitable<bool> flush();
  boost::asio::awaitable<bool> wait_drained();
  boost::asio::awaitable<void> linger();
  enum class received : std::uint8_t { bytes, nothing, end };
  boost::asio::mutable_buffer room();
  received take(boost::system::error_code failed, std::size_t bytes);
  received receive_now();
  bool account();
  boost::asio::awaitable<void> rest();
  step answer_buffered();
  [[nodiscard]] bool wants_many(std::string_view body);
  step after_frames(step done);
  void answer_added(std::size_t at);
  bool send_now();
  void set_reading_deadline();
  void release_buffers();
  [[nodiscard]] std::string peer() const { return peer_.empty() ? peer_of(socket_) : peer_; }

  boost::asio::ip::tcp::socket socket_;
  outbox& outbox_;
  std::shared_ptr<server_lane> lane_;
  std::string peer_;  ///< empty: the socket says it
  std::size_t slot_;
  std::unique_ptr<frame_handler> handler_;
  std::shared_ptr<server_multiplex> many_;  ///< null: one call at a time
  wire::frame_reader reader_;
  frame_call call_;
  std::string out_;
  std::size_t sent_ = 0;
  std::size_t accounted_ = 0;             ///< of lane_->shared()->received_bytes
  std::size_t hold_ = std::string::npos;  ///< in out_: let all before it drain first
  server_lane::clock::time_point deadline_;
  server_lane::clock::time_point call_deadline_{};  ///< of the call that has begun to come in
  wait waiting_ = wait::none;
  bool refused_;
  bool call_begun_ = false;   ///< part of a call is here: its deadline is not renewed
  bool answered_ = false;     ///< a call was, in this turn
  bool used_ = false;         ///< since the last check()
  bool out_of_step_ = false;  ///< the last answer is in out_, nothing more is read
};

}  // namespace understudy::net
