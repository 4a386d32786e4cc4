// A client of RPC services that moves to another server when one dies.
//
//   understudy::client orders({.servers = {"10.0.0.1:9501"}, .backups = {"10.0.0.2:9501"}});
//   auto total = orders.call<int>("OrderInterface@total", 42);
//   auto order = co_await orders.call_async<order_view>("OrderInterface@find", 42);
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "understudy/error.hpp"
#include "understudy/file.hpp"
#include "understudy/json.hpp"
#include "understudy/task.hpp"
#include "understudy/tls.hpp"

namespace understudy {

struct client_options {
  std::vector<std::string> servers;         ///< `host:port` each; calls are spread over them
  std::vector<std::string> backups;         ///< used while no server is usable
  std::chrono::milliseconds timeout{5000};  ///< of a call, over all its attempts
  /// Methods that may run twice, e.g. "OrderInterface@get*": repeated on another server where it
  /// is unknown whether they ran. Servers add theirs by @idempotent in a method's doc comment.
  std::vector<std::string> idempotent;
  bool failback = true;  ///< calls go back to `servers` by themselves once these are well again
  std::chrono::milliseconds probe_interval{1000};  ///< of each server that is up
  std::size_t calls_max = 10000;                   ///< under way at once; beyond it: error -32003
  std::size_t message_bytes_max = std::size_t{8} << 20;  ///< of one request or answer
  std::size_t file_bytes_max = std::size_t{64} << 20;    ///< all files of one call together
  /// All servers speak TLS, and frames. Nothing: without it.
  std::optional<tls_options> tls{};
  /// Told in one line of each decision about a server; runs on the client's thread, so be quick.
  std::function<void(const std::string& line)> log;
};

/// How a gateway is to store a call. Servers know nothing of it: the client's addresses are
/// gateways'. One without a call store refuses (-32004).
struct stored_call {
  enum class mode : std::uint8_t {
    durable,  ///< stored, tried at once, and answered as any other
    queued,   ///< stored, and answered with a ticket
  };
  mode as = mode::durable;
  /// Which call it is: the same key gives the same answer, and has one effect. With a key the call
  /// may be repeated; call_options::idempotent says that it is to be.
  std::string key;
  std::optional<std::chrono::milliseconds> wait;      ///< for the answer of a durable call
  std::optional<std::chrono::milliseconds> delay;     ///< it is not tried before
  std::optional<std::chrono::milliseconds> deadline;  ///< it is given up after
  std::optional<unsigned> priority;                   ///< 0 to 9, 5 is usual; more goes first
  std::string order_by;  ///< calls of a service with the same text run one at a time, in order
};

struct call_options {
  std::chrono::milliseconds timeout{0};  ///< 0: the client's
  std::string context = "[]";            ///< JSON text of an object: what withContext() sends
  bool idempotent = false;               ///< this call may run twice
  /// Nothing: as the gateway's rules say. A call that is stored but has no answer yet throws
  /// rpc_error -32011, whose data has the ticket.
  std::optional<stored_call> stored{};
};

/// A result as it came.
struct call_result {
  std::string result;       ///< JSON text; `"@file"` where the result is a file
  std::vector<file> files;  ///< that came with it
  std::string server;       ///< which one answered, ip:port
  unsigned attempts = 1;
};

/// Every call throws rpc_error where it brings no result; sent() says what is known: `answered`
/// (the service's own error, with its code and data), `not_sent` (it has not run) or `unknown`
/// (it may have run, and was not repeated). Calls that no server can take wait for one, until
/// their timeout.
///
/// Thread-safe. One thread of its own does the I/O. The client outlives its calls: its destructor
/// waits for those under way, at most until their timeouts, and never runs on the own thread.
class client {
 public:
  /// std::invalid_argument without any server; std::runtime_error with a sentence where the files
  /// of TLS are of no use.
  explicit client(client_options options);
  explicit client(const std::string& server);
  ~client();
  client(const client&) = delete;
  client& operator=(const client&) = delete;

  /// Blocks until the answer is here. An argument or a result of type `file` travels as a file.
  /// Arguments left out take the method's defaults. R = void drops the result.
  template <typename R = json, typename... Args>
  R call(std::string_view method, const Args&... args) {
    return call<R>(call_options(), method, args...);
  }
  template <typename R = json, typename... Args>
  R call(const call_options& options, std::string_view method, const Args&... args) {
    arguments given = pack(args...);
    return unpack<R>(method,
                     call_json(method, std::move(given.json), std::move(given.files), options));
  }

  /// The same for coroutines; the arguments are copied at once. Resumed by the executor that runs
  /// the coroutine; without one (executor::current() is empty) on the client's thread, where it
  /// must not block.
  template <typename R = json, typename... Args>
  task<R> call_async(std::string_view method, const Args&... args) {
    return call_async<R>(call_options(), method, args...);
  }
  template <typename R = json, typename... Args>
  task<R> call_async(const call_options& options, std::string_view method, const Args&... args) {
    arguments given = pack(args...);
    return unpack_later<R>(std::string(method),
                           call_json_async(std::string(method), std::move(given.json),
                                           std::move(given.files), options));
  }

  /// Untyped: `params` is JSON text, an array, or an object of named arguments. Files go where
  /// the array says `"@file"`, in order.
  call_result call_json(std::string_view method, std::string params, std::vector<file> files = {},
                        const call_options& options = {});
  task<call_result> call_json_async(std::string method, std::string params,
                                    std::vector<file> files = {}, call_options options = {});

  /// Reads the certificates anew, for connections that are made from now on; std::runtime_error
  /// with a sentence where they are of no use: then all is as before.
  void reload_tls();

  /// What a server says about its services: the result of `@action_interface`, JSON text.
  std::string describe(std::chrono::milliseconds timeout = std::chrono::milliseconds{0});

 private:
  class impl;
  struct arguments {
    std::string json;
    std::vector<file> files;
  };

  template <typename... Args>
  static arguments pack(const Args&... args);
  template <typename T>
  static void pack_one(arguments& into, const T& value);
  template <typename R>
  static R unpack(std::string_view method, call_result answer);
  template <typename R>
  static task<R> unpack_later(std::string method, task<call_result> answer) {
    auto came = co_await std::move(answer);
    co_return unpack<R>(method, std::move(came));
  }
  [[noreturn]] static void not_a_file(std::string_view method);
  [[noreturn]] static void unreadable(std::string_view method, const rpc_error& why);
  [[noreturn]] static void unwritable(const rpc_error& why);

  std::unique_ptr<impl> impl_;
};

template <typename T>
void client::pack_one(arguments& into, const T& value) {
  if (into.json.size() > 1) into.json += ',';
  if constexpr (std::is_same_v<T, file>) {
    into.json += "\"@file\"";
    into.files.push_back(value);
  } else if constexpr (std::is_convertible_v<const T&, std::string_view>) {
    append_json(into.json, std::string(value));
  } else {
    append_json(into.json, value);
  }
}

template <typename... Args>
client::arguments client::pack(const Args&... args) {
  arguments into;
  into.json = "[";
  try {
    (pack_one(into, args), ...);
  } catch (const rpc_error& why) {
    unwritable(why);
  }
  into.json += "]";
  return into;
}

template <typename R>
R client::unpack(std::string_view method, call_result answer) {
  if constexpr (std::is_same_v<R, file>) {
    if (answer.result != "\"@file\"" || answer.files.empty()) not_a_file(method);
    return std::move(answer.files.front());
  } else if constexpr (!std::is_void_v<R>) {
    try {
      return from_json_text<R>(answer.result);
    } catch (const rpc_error& why) {
      unreadable(method, why);
    }
  }
}

}  // namespace understudy
