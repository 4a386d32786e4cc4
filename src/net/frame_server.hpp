// Listens for think-swoole callers: accepts, cuts frames, gathers files, answers in order.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "net/tls_acceptor.hpp"
#include "wire/frame.hpp"

namespace understudy::net {

struct frame_server_options {
  wire::frame_limits limits;
  std::size_t connections_max = 10000;  ///< beyond it: accepted, told -32003, closed
  /// Of all requests that are being received or worked on, beyond 64 KiB each; a call that would
  /// go beyond it is told -32003 and its connection closed.
  std::size_t received_bytes_max = std::size_t{1} << 30;
  std::chrono::milliseconds idle_timeout{60000};   ///< between frames, as think-swoole
  std::chrono::milliseconds frame_timeout{60000};  ///< from the first to the last byte of a call
  std::chrono::milliseconds write_timeout{30000};  ///< a peer that does not read its answer
  bool share_port = false;  ///< SO_REUSEPORT: several processes on one address
  /// Of one connection whose client asks for many calls at a time (docs/MULTIPLEX.md); 0: refused.
  std::size_t multiplexed_calls_max = 0;
  std::shared_ptr<tls_acceptor> tls{};  ///< null: without TLS
};

/// One call as it came in. Views are valid until the handler is done.
struct frame_call {
  std::string_view body;           ///< never poison: those are answered before
  std::vector<std::string> files;  ///< frames that came before it, in order
};

/// One object per connection, used by one thread at a time, one call at a time (in order). A
/// connection with many calls at a time has one for each call that waits.
class frame_handler {
 public:
  virtual ~frame_handler() = default;
  /// The fast path: appends the answer's frame(s) to `out` and returns true; or returns false,
  /// having done nothing, where the call needs to wait: then handle() is called.
  virtual bool handle_now(frame_call& call, std::string& out) = 0;
  /// Appends the answer's frame(s) to `out`. Must not throw.
  virtual boost::asio::awaitable<void> handle(frame_call& call, std::string& out) = 0;
};

/// `peer` is ip:port. Called on the connection's own thread.
using frame_handler_factory = std::function<std::unique_ptr<frame_handler>(std::string peer)>;

/// One thread with its event loop, and the handlers of the connections that it gets.
struct frame_lane {
  boost::asio::io_context* context = nullptr;  ///< run by exactly one thread
  frame_handler_factory make_handler;
};

/// Connections are spread round-robin over the lanes; the first one accepts.
/// The functions below may be called from any thread.
class frame_server {
 public:
  virtual ~frame_server() = default;
  static std::unique_ptr<frame_server> make(std::vector<frame_lane> lanes,
                                            frame_server_options options);
  /// The same handlers on all lanes.
  static std::unique_ptr<frame_server> make(const std::vector<boost::asio::io_context*>& contexts,
                                            frame_server_options options,
                                            const frame_handler_factory& make_handler);
  /// Binds `host:port` (port 0: any) and serves; std::runtime_error with a sentence on failure.
  virtual void listen(const std::string& address) = 0;
  [[nodiscard]] virtual std::vector<std::string> addresses() const = 0;  ///< with real ports
  /// Stops accepting; closes connections as soon as they rest between calls.
  virtual void drain() = 0;
  /// Closes everything at once.
  virtual void stop() = 0;
  /// With those that have ended, and whose last bytes TLS has still to carry.
  [[nodiscard]] virtual std::size_t connections() const = 0;
};

}  // namespace understudy::net
