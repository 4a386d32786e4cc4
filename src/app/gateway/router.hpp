// Which pool serves a method; carries one request there and brings the answer back.
#pragma once

#include <array>
#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "app/calls/call_wishes.hpp"
#include "app/config/config.hpp"
#include "app/gateway/server_state.hpp"
#include "net/dispatcher.hpp"
#include "wire/answer.hpp"
#include "wire/request.hpp"

namespace understudy::app {

/// The answer to one request: a server's bytes, or an error of the gateway's own.
struct routed {
  std::string body;                 ///< one JSON-RPC answer (id as the server wrote it, or "")
  wire::answer_place payload{};     ///< in `body`, where it is known
  bool error = false;               ///< ... and an error
  std::vector<std::string> files;   ///< to send before it
  bool own = false;                 ///< the gateway's own error: HTTP maps `code` to a status
  std::int64_t code = 0;            ///< of an own error
  std::int64_t retry_after_ms = 0;  ///< of an own error; 0 = no hint
};

/// A server as all lanes of a gateway see it. Each has connections and evidence of its own, so that
/// they may differ for a moment: then `state` is the worst of theirs, and `lanes` says how many see
/// which. Attempts, failures and those in flight are added up.
struct server_view : core::server_status {
  std::array<unsigned, server_states.size()> lanes{};  ///< none: all see `state`
};

/// What a router tells about itself (metrics, /status.json).
struct pool_status {
  std::string name;
  std::string listen;
  std::vector<std::string> services;  ///< configured and learned
  std::vector<server_view> servers;
  std::size_t parked = 0;  ///< calls that wait for a server
  std::size_t queued = 0;  ///< calls that wait for a place at one
};

/// What holds for a call beside its bytes.
struct route_terms {
  std::string_view only;  ///< the pool of a pool's own address; empty = the shared one
  const call_wishes* outside = nullptr;  ///< asked for outside the body; outlives the call
  bool settled = false;                  ///< `outside` is all that is asked for
  std::uint64_t caller = 0;              ///< calls of one caller take turns with those of others
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

  /// Administration: why not; nothing on success.
  struct denial {
    std::string sentence;
    bool unknown = false;  ///< there is no such pool or server
  };
  using refusal = std::optional<denial>;
};

}  // namespace understudy::app
