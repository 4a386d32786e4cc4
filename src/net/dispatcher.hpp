// Carries calls to the servers of one pool: connections, probes, deadlines, retries.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/call.hpp"
#include "core/pool.hpp"
#include "net/tls_connector.hpp"
#include "wire/answer.hpp"
#include "wire/description.hpp"
#include "wire/frame.hpp"

namespace understudy::net {

struct dispatcher_options {
  core::pool_options pool;
  wire::frame_limits limits;
  std::chrono::milliseconds connect_timeout{250};
  std::chrono::seconds idle_max{55};      ///< think-swoole closes at 60 s
  std::size_t connections_max = 1024;     ///< per server
  std::vector<std::int64_t> fault_codes;  ///< beside -32603, -32000, -32003
  std::string probe_method;  ///< empty: `@action_interface`; else called with params []
  bool multiplex = false;    ///< where a server takes many calls at a time on one connection
  /// To servers that speak frames; null: without TLS.
  std::shared_ptr<const tls_connector> tls{};
  std::uint64_t seed = 1;  ///< of random choices: give each process its own
};

/// A call to forward. It and what its views point to stay until the call is answered.
struct forward {
  std::string_view method;  ///< decoded, for records
  std::string_view body;    ///< the request as received: sent byte for byte
  bool has_id = false;      ///< it is known to have an id
  std::vector<std::string_view> files;
  bool idempotent = false;
  core::time_point deadline{};
  bool hurried = false;                        ///< the caller asked for it to be that short
  bool parks = true;                           ///< it may wait for a server while none is usable
  std::uint8_t priority = 5;                   ///< 0 to 9, while it waits for a place at a server
  std::uint64_t caller = 0;                    ///< calls of one caller share one turn there
  std::optional<std::uint64_t> balance_key{};  ///< for consistent_hash
  std::vector<std::string> failed_at{};        ///< addresses: core::call_options::failed_at
  bool* sent = nullptr;                        ///< set before its first byte may leave
};

/// A server's answer as received: a result or a service's error, valid JSON.
struct forwarded {
  std::string body;
  wire::answer_place payload;  ///< in `body`
  std::vector<std::string> files;
  std::optional<std::int64_t> error_code;  ///< nothing: a result
  std::string server;                      ///< its address
  unsigned attempts = 1;
};

using forward_result = std::variant<forwarded, core::give_up>;

/// One owner thread: every function runs on `executor`, which must not run concurrently.
class dispatcher : public std::enable_shared_from_this<dispatcher> {
 public:
  using record_sink = std::function<void(const core::record&)>;
  /// What a server, by ip:port, says of its services, whenever that changes; nothing once it was
  /// taken out. A stopped dispatcher tells nothing more.
  using description_sink = std::function<void(
      const std::string& server, const std::vector<wire::service_description>& services)>;

  /// The pool has left a server, by ip:port, or does not trust it with a method (else empty) any
  /// more: other dispatchers of the same servers should hear() of it.
  using verdict_sink = std::function<void(const std::string& server, const std::string& method)>;

  static std::shared_ptr<dispatcher> make(boost::asio::any_io_executor executor,
                                          dispatcher_options options, record_sink records,
                                          description_sink learned = {});
  virtual ~dispatcher() = default;

  /// An IP address is one server, with the pool's own id. A host name is looked up now and again
  /// every 5 s, each of its addresses is a server (status() lists them by ip:port), and the id
  /// stands for all of them. The address of a server never changes: update() takes the rest.
  virtual core::server_id add(const core::server_options& server) = 0;
  virtual void update(core::server_id id, const core::server_options& server) = 0;
  virtual void remove(core::server_id id) = 0;
  virtual void drain(core::server_id id) = 0;
  virtual void resume(core::server_id id) = 0;

  /// Says where verdicts go; before start().
  virtual void tell_verdicts(verdict_sink told) = 0;
  /// Another dispatcher's verdict: looked into at once. Nothing where there is no such server.
  virtual void hear(const std::string& address, const std::string& method) = 0;

  /// Starts probing.
  virtual void start() = 0;
  /// For good. Ends probes and closes idle connections; running calls go on to their end, parked
  /// ones are given up.
  virtual void stop() = 0;

  /// Never throws for peers or networks: every failure is a give_up with a code and a sentence.
  /// Beside core::call's own: -32005 where an answer came that is larger than the limits allow (it
  /// has run: `unknown`).
  /// `request.body` is no poison: the caller has checked it.
  virtual boost::asio::awaitable<forward_result> call(const forward& request) = 0;

  [[nodiscard]] virtual std::vector<core::server_status> status() const = 0;
  [[nodiscard]] virtual std::size_t parked() const = 0;
  [[nodiscard]] virtual std::size_t queued() const = 0;  ///< calls that wait for a place
};

}  // namespace understudy::net
