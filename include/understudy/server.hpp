// A server of RPC services over think-swoole's protocol.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "understudy/context.hpp"
#include "understudy/file.hpp"
#include "understudy/service.hpp"
#include "understudy/task.hpp"
#include "understudy/tls.hpp"

namespace understudy {

struct server_options {
  unsigned threads = 1;  ///< that read, write and run what never blocks; one serves many thousands
  unsigned workers = 8;  ///< threads for methods that may block: as many run at the same time
  std::size_t waiting_max = 1000;       ///< calls that wait for a worker; beyond it: error -32003
  std::size_t connections_max = 10000;  ///< beyond it: error -32003 and close
  std::size_t message_bytes_max = std::size_t{8} << 20;  ///< of one request
  std::size_t file_bytes_max = std::size_t{64} << 20;    ///< all files of one call together
  /// Of all requests that are being received or worked on, beyond 64 KiB each; what would go
  /// beyond it is told -32003 and closed.
  std::size_t received_bytes_max = std::size_t{1} << 30;
  std::chrono::milliseconds idle_timeout{60000};   ///< between calls, as think-swoole
  std::chrono::milliseconds frame_timeout{60000};  ///< from a call's first byte to its last
  std::chrono::milliseconds write_timeout{30000};  ///< a peer that takes nothing of its answer
  std::chrono::milliseconds drain_timeout{10000};  ///< how long run() lets calls end after a signal
  bool share_port = false;  ///< SO_REUSEPORT: several processes on one address
  /// A gateway carries many calls at a time on one connection; then each that runs beside others
  /// has an object of its service of its own. At most so many for each such connection; 0: one
  /// call at a time. So it always is with several threads or a shared port: there many connections
  /// share the calls out.
  std::size_t multiplexed_calls_max = 256;
  /// Callers speak TLS, or are refused. Nothing: without it.
  std::optional<tls_options> tls{};
};

/// A method's result as middleware sees it: JSON text, or a file (the text is empty then).
struct reply {
  std::string text;
  std::optional<file> download;
};

/// Stands around every call, on the connection's thread. Call `next` (once) to go on; what it
/// throws is the call's error; throw rpc_error to refuse. The context may be altered before. With
/// no middleware there is no cost.
using next_handler = std::function<task<reply>()>;
using middleware = std::function<task<reply>(context&, const next_handler& next)>;

/// Answers calls of think-swoole's client, of this library's, and of gateways. add(), use() and
/// options come first, then listen(), then start() or run(). Methods of one server object: one
/// thread at a time, but drain() and stop() may be called from any.
class server {
 public:
  /// std::runtime_error with a sentence where the files of TLS are of no use.
  explicit server(const server_options& options = {});
  /// stop().
  ~server();
  server(const server&) = delete;
  server& operator=(const server&) = delete;

  /// std::invalid_argument if a service of this name is there already.
  server& add(service_definition service);
  /// The one added first is outermost.
  server& use(middleware around);

  /// `host:port`; port 0: any. More than one is possible. std::runtime_error, with a sentence.
  void listen(const std::string& address);
  /// Where it listens, with real ports.
  [[nodiscard]] std::vector<std::string> addresses() const;

  /// Serves on its own threads and returns.
  void start();
  /// start(), then waits for SIGTERM or SIGINT, then drain(drain_timeout) and stop(). A second
  /// signal stops at once. `ready` is called once it serves and a signal would end it so. Returns
  /// what drain() did.
  bool run(const std::function<void()>& ready = {});

  /// Accepts no more, lets running calls end and closes connections as they come to rest. True
  /// when none is left, false if `timeout` passed before.
  bool drain(std::chrono::milliseconds timeout);
  /// Ends everything now. Coroutines that wait are destroyed; a method that still blocks a worker
  /// is left behind with all it refers to, its answer goes nowhere.
  void stop();

  [[nodiscard]] std::size_t connections() const;

  /// Reads the certificates anew, for connections that come from now on; std::runtime_error with a
  /// sentence where they are of no use: then all is as before. Any thread.
  void reload_tls();
  /// Connections whose TLS handshake came to nothing. Any thread.
  [[nodiscard]] std::size_t tls_refused() const;

 private:
  class impl;
  std::unique_ptr<impl> impl_;
};

}  // namespace understudy
