// One HTTP/1.1 connection on the server's side: requests in, bytes out.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <memory>
#include <string>
#include <string_view>

#include "net/http.hpp"
#include "net/http_head.hpp"

namespace understudy::net {

enum class http_read : std::uint8_t {
  request,
  refused,  ///< answer with the refusal; nothing more can be read
  closed,   ///< the peer ended, failed or took too long: nothing can be said to it
};

struct http_incoming {
  http_request request;     ///< whose views are good until the next read()
  bool keep_alive = false;  ///< the peer would go on after the answer
  http_refusal refusal;     ///< where it was refused
};

/// One owner thread, one operation at a time; close() and resting() may come in between.
class http_connection {
 public:
  virtual ~http_connection() = default;
  static std::unique_ptr<http_connection> make(boost::asio::ip::tcp::socket socket,
                                               const http_limits& limits);

  /// The next request, whole, into `into`, whose memory is used again.
  virtual boost::asio::awaitable<http_read> read(http_incoming& into) = 0;
  /// Writes both parts as one, as far as they leave at once. False: write_rest() has more to do.
  virtual bool write_now(std::string_view head, std::string_view body) = 0;
  /// After write_now(), with the same parts: the rest, within the write timeout.
  virtual boost::asio::awaitable<void> write_rest(std::string_view head, std::string_view body) = 0;
  /// A write has failed, or took too long.
  [[nodiscard]] virtual bool lost() const = 0;
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

/// Appends status line and headers of `response`, for a body of its size (of unknown size:
/// events).
void append_http_head(std::string& out, const http_response& response, bool keep_alive);

}  // namespace understudy::net
