// HTTP/1.1 POSTs as a coordinator needs them. The only unit that knows Beast is behind this.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "core/types.hpp"

namespace understudy::coord {

struct http_peer {
  std::string host;  ///< a name or an IP address, an IPv6 one without brackets
  std::string port;
};

/// HOST:PORT, [IPv6]:PORT. Nothing where it is neither.
[[nodiscard]] std::optional<http_peer> parse_peer(std::string_view address);

struct http_answer {
  bool sent = false;  ///< a byte of the request may have left
  int status = 0;     ///< 0: no whole answer came, and `error` says why
  std::string body;
  std::string error;
};

/// When to give up: before the request leaves, and altogether.
struct http_patience {
  core::time_point connected;
  core::time_point answered;
};

/// Posts JSON on a connection of its own: one that had rested might be found dead with the request
/// on it, which would then be unknown. An answer has at most 1 MiB.
[[nodiscard]] boost::asio::awaitable<http_answer> http_post(http_peer peer, std::string path,
                                                            std::string body,
                                                            http_patience patience);

/// An answer that goes on, in lines. Single-threaded as its executor; shared with the coroutines
/// that wait for it.
class http_lines {
 public:
  virtual ~http_lines() = default;
  [[nodiscard]] static std::shared_ptr<http_lines> make(boost::asio::any_io_executor executor);

  /// Posts; true once the head of a 200 has come, by `deadline`. Once.
  [[nodiscard]] virtual boost::asio::awaitable<bool> open(http_peer peer, std::string path,
                                                          std::string body,
                                                          core::time_point deadline) = 0;
  /// The next line, however long it takes; nothing when the answer ends, is cut, or has a line of
  /// more than 1 MiB. `open` was true.
  [[nodiscard]] virtual boost::asio::awaitable<std::optional<std::string>> next() = 0;
  /// Ends open() and next() soon, and the connection.
  virtual void close() = 0;
};

}  // namespace understudy::coord
