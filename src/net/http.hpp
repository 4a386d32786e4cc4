// HTTP/1.1 server and client behind our own types: Beast is instantiated in one unit only.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace understudy::net {

struct http_request {
  std::string method;  ///< "GET", "POST", ...
  std::string path;    ///< without query, percent-decoded
  std::vector<std::pair<std::string, std::string>> query;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  std::string peer;  ///< ip:port

  [[nodiscard]] std::string_view header(std::string_view name) const;  ///< case-insensitive
  [[nodiscard]] std::string_view parameter(std::string_view name) const;
};

struct http_response {
  int status = 200;
  std::string content_type = "application/json";
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;
};

struct http_limits {
  std::size_t header_bytes_max = 16384;
  std::size_t body_bytes_max = std::size_t{8} << 20;
  std::size_t connections_max = 10000;
  std::chrono::seconds request_timeout{30};  ///< from the first byte to the last of a request
  std::chrono::seconds idle_timeout{60};
};

using http_handler = std::function<boost::asio::awaitable<http_response>(http_request)>;
/// A stream of server-sent events: called once per subscriber; each send() is one event.
class http_event_stream;

/// One owner thread (`executor`). Keep-alive; refuses ambiguous framing (smuggling shapes).
class http_server {
 public:
  virtual ~http_server() = default;
  static std::unique_ptr<http_server> make(boost::asio::any_io_executor executor,
                                           http_limits limits, http_handler handler);
  /// Binds and serves `host:port`; a sentence on failure (std::runtime_error).
  virtual void listen(const std::string& address) = 0;
  [[nodiscard]] virtual std::string address() const = 0;  ///< with the real port
  /// No new requests; running ones are answered.
  virtual void stop() = 0;
  [[nodiscard]] virtual std::size_t connections() const = 0;
};

/// One request, one connection, for the command line and tests. Blocking.
/// Throws std::runtime_error with a sentence when no answer comes before `timeout`.
http_response http_fetch(const std::string& address, const http_request& request,
                         std::chrono::milliseconds timeout = std::chrono::seconds{5});

}  // namespace understudy::net
