// Which pool serves a method; carries one request there and brings the answer back.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "app/config.hpp"
#include "net/dispatcher.hpp"
#include "wire/request.hpp"

namespace understudy::app {

/// The answer to one request: a server's bytes, or an error of the gateway's own.
struct routed {
  std::string body;                 ///< one JSON-RPC answer (id as the server wrote it, or "")
  std::vector<std::string> files;   ///< to send before it
  bool own = false;                 ///< the gateway's own error: HTTP maps `code` to a status
  std::int64_t code = 0;            ///< of an own error
  std::int64_t retry_after_ms = 0;  ///< of an own error; 0 = no hint
};

/// What a router tells about itself (metrics, /status.json).
struct pool_status {
  std::string name;
  std::string listen;
  std::vector<std::string> services;  ///< configured and learned
  std::vector<core::server_status> servers;
  std::size_t parked = 0;
};

/// What holds for a call beside its bytes.
struct route_terms {
  std::string_view only;  ///< the pool of a pool's own address; empty = the shared address
  /// As asked for outside the body; the configured one still bounds it.
  std::optional<std::chrono::milliseconds> deadline;
};

/// Told of each finished call, for metrics and logs.
struct call_report {
  std::string_view pool;
  std::string_view method;
  std::string_view server;  ///< empty: none answered
  unsigned attempts = 0;
  std::optional<std::int64_t> error_code;  ///< nothing: a result. 0 is think-swoole's default
  bool own = false;                        ///< the error is the gateway's
  core::duration took{};
};

/// One owner thread, like the dispatchers it holds.
class router {
 public:
  virtual ~router() = default;

  /// `body` is the request as received and parsed into `request`; context.understudy is obeyed or
  /// refused (call_wishes.hpp). What the views point to outlives the call. Never throws.
  virtual boost::asio::awaitable<routed> route(const wire::request& request, std::string_view body,
                                               std::vector<std::string_view> files,
                                               route_terms terms) = 0;

  [[nodiscard]] virtual std::vector<pool_status> status() const = 0;

  /// Administration. Each returns a sentence on failure, nothing on success.
  struct denial {
    std::string sentence;
    bool unknown = false;  ///< there is no such pool or server
  };
  using refusal = std::optional<denial>;
  virtual refusal drain(std::string_view pool, std::string_view address) = 0;
  virtual refusal resume(std::string_view pool, std::string_view address) = 0;
  /// Registers or renews a server for `ttl`; it goes when the ttl ends without renewal.
  virtual refusal put_server(std::string_view pool, const core::server_options& server,
                             std::chrono::milliseconds ttl) = 0;
  virtual refusal remove_server(std::string_view pool, std::string_view address) = 0;
};

}  // namespace understudy::app
