// HTTP/1.1 server and client behind our own types.
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

#include "net/http_field.hpp"

namespace understudy::net {

class http_event_stream;  // net/http_event_stream.hpp

/// One that a handler is given owns its texts but for views of the headers and the peer.
struct http_request {
  std::string method;  ///< "GET", "POST", ...; a HEAD wants what GET would get: the server cuts it
  std::string path;    ///< without query, percent-decoded; begins with "/", or is "*"
  std::vector<std::pair<std::string, std::string>> query;  ///< percent-decoded, "+" is a space
  std::vector<http_field> headers;                         ///< trailers are dropped
  std::string body;
  std::string_view peer;  ///< ip:port

  /// The first header of that name (case-insensitive), or the first query parameter; else "".
  [[nodiscard]] std::string_view header(std::string_view name) const;
  [[nodiscard]] std::string_view parameter(std::string_view name) const;
};

struct http_response {
  int status = 200;
  std::string content_type{};  ///< empty: application/json
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;
  /// Set: the answer is a stream of server-sent events that goes on until either side ends it;
  /// `body` and `content_type` are not used.
  std::shared_ptr<http_event_stream> events{};

  [[nodiscard]] std::string_view header(std::string_view name) const;
};

/// The JSON body of every error that is not JSON-RPC's: {"error":"<sentence>"}.
[[nodiscard]] http_response http_error(int status, std::string_view sentence);

struct http_limits {
  std::size_t header_bytes_max = 16384;               ///< with the request line; else 431
  std::size_t target_bytes_max = 8192;                ///< else 414
  std::size_t body_bytes_max = std::size_t{8} << 20;  ///< else 413
  std::size_t connections_max = 10000;                ///< beyond it: 503 and closed
  std::chrono::milliseconds request_timeout{30000};   ///< from first byte to last, no renewal
  std::chrono::milliseconds idle_timeout{60000};      ///< between requests
  std::chrono::milliseconds write_timeout{30000};     ///< a peer that does not read
  std::chrono::milliseconds event_heartbeat{15000};   ///< a comment line in a silent stream
};

/// The request, and what its views point to, outlives the answer.
using http_handler = std::function<boost::asio::awaitable<http_response>(const http_request&)>;

/// One thread with its event loop, and what answers the requests of the connections that it gets.
struct http_lane {
  boost::asio::any_io_executor executor;  ///< must not run concurrently
  http_handler handler;
};

/// Connections are spread round-robin over the lanes; the first one accepts and owns the server:
/// what does not say otherwise is called there, or before it runs. Requests of one connection are
/// handled one at a time, in order. Refuses ambiguous framing (smuggling shapes) and closes. A
/// handler that throws is answered with 500.
///
/// Handlers that still run keep the server's inner parts alive, but not what they themselves
/// refer to: destroy that only after the lanes have stopped running, or connections() is 0.
class http_server {
 public:
  /// Closes every connection at once. With several lanes: when none of them runs any more.
  virtual ~http_server() = default;
  static std::unique_ptr<http_server> make(std::vector<http_lane> lanes, http_limits limits);
  static std::unique_ptr<http_server> make(boost::asio::any_io_executor executor,
                                           http_limits limits, http_handler handler);
  /// Binds and serves `host:port`; a sentence on failure (std::runtime_error). Once per server.
  virtual void listen(const std::string& address) = 0;
  [[nodiscard]] virtual std::string address() const = 0;  ///< with the real port
  /// No new requests; running ones are answered, then their connections close. Event streams end.
  virtual void stop() = 0;
  [[nodiscard]] virtual std::size_t connections() const = 0;  ///< any thread
};

/// One request, one connection, for the command line and tests. Blocking. `path` and `query` are
/// given decoded. Throws std::runtime_error with a sentence when no answer comes before `timeout`.
http_response http_fetch(const std::string& address, const http_request& request,
                         std::chrono::milliseconds timeout = std::chrono::seconds{5});

}  // namespace understudy::net
