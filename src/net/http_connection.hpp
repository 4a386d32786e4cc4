// One HTTP/1.1 connection on the server's side: requests in, bytes out.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <memory>
#include <string>
#include <string_view>
#include <variant>

#include "net/http.hpp"
#include "net/http_head.hpp"

namespace understudy::net {

struct http_incoming {
  http_request request;
  bool keep_alive = false;  ///< the peer would go on after the answer
};
struct http_closed {};  ///< the peer ended, failed or took too long: nothing can be said to it
using http_read_result = std::variant<http_incoming, http_refusal, http_closed>;

/// One owner thread, one operation at a time; close() and resting() may come in between.
class http_connection {
 public:
  virtual ~http_connection() = default;
  static std::unique_ptr<http_connection> make(boost::asio::ip::tcp::socket socket,
                                               const http_limits& limits);

  /// The next request, whole. After a refusal nothing more can be read.
  virtual boost::asio::awaitable<http_read_result> read() = 0;
  /// Writes both parts as one, within the write timeout. False: the connection is lost.
  virtual boost::asio::awaitable<bool> write(std::string_view head, std::string_view body) = 0;
  /// Says that nothing more comes, and reads away (bounded in bytes and time) what the peer still
  /// sends: closing over unread bytes would reset the connection and destroy the answer.
  virtual boost::asio::awaitable<void> linger() = 0;
  /// Ends any operation; the connection is lost.
  virtual void close() = 0;
  /// In read(), and no byte of the next request has come.
  [[nodiscard]] virtual bool resting() const = 0;
  /// Calls `gone` once, when the peer closes or sends anything; not after the connection is gone.
  virtual void watch_peer(std::function<void()> gone) = 0;
};

/// Status line and headers of `response`, for a body of its size (of unknown size: events).
[[nodiscard]] std::string format_http_head(const http_response& response, bool keep_alive);

}  // namespace understudy::net
