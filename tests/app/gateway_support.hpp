// A gateway in this process, on free ports, with a configuration that a test writes.
#pragma once

#include <charconv>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>
#include <string_view>

#include "app/gateway/gateway.hpp"
#include "net/http.hpp"
#include "support/test_server.hpp"
#include "wire/answer.hpp"

namespace understudy::test {

/// What a server with the interface `A` says of itself.
inline constexpr std::string_view described =
    R"({"jsonrpc":"2.0","id":"","result":{"A":{"get":{"parameters":[],"returnType":"mixed",)"
    R"("comment":false}}}})";

/// The result of an answer, as JSON; or the code of its error.
inline std::string result_of(const std::string& body) {
  const auto parsed = wire::parse_answer(body);
  if (!parsed) return "unreadable: " + body;
  return parsed->is_error() ? std::to_string(parsed->code) : std::string(parsed->result);
}

inline std::uint16_t port_of(const std::string& address) {
  std::uint16_t port = 0;
  const char* from = address.data() + address.rfind(':') + 1;
  std::from_chars(from, address.data() + address.size(), port);
  return port;
}

/// One pool `p` with probes so frequent that no test waits long; the rest are the defaults.
inline app::pool_config quick_pool(const std::string& name = "p") {
  app::pool_config pool;
  pool.name = pool.options.name = name;
  pool.options.probe_interval = std::chrono::milliseconds(50);
  pool.options.down_probe_interval = std::chrono::milliseconds(20);
  pool.options.hold_down = std::chrono::milliseconds(100);
  pool.options.ramp = std::chrono::milliseconds(0);
  return pool;
}

inline core::server_options server_on(const std::string& address, unsigned priority = 0) {
  core::server_options server;
  server.address = address;
  server.priority = priority;
  return server;
}

/// Frames and HTTP on free loopback ports, no pools yet.
inline app::gateway_config free_ports() {
  app::gateway_config config;
  config.listen = "127.0.0.1:0";
  config.http = "127.0.0.1:0";
  return config;
}

/// One HTTP request to it.
inline net::http_response fetch(const app::gateway& gateway, const std::string& method,
                                const std::string& path, const std::string& body = "") {
  net::http_request request;
  request.method = method;
  request.path = path;
  request.body = body;
  if (!body.empty()) request.headers.push_back({"Content-Type", "application/json"});
  return net::http_fetch(gateway.http_address(), request, patience);
}

/// A drain that can be waited for.
class drain_watch {
 public:
  explicit drain_watch(app::gateway& gateway) {
    gateway.drain([this] {
      const std::lock_guard lock(mutex_);
      done_ = true;
      changed_.notify_all();
    });
  }
  bool wait() {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, patience, [this] { return done_; });
  }
  bool done() {
    const std::lock_guard lock(mutex_);
    return done_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool done_ = false;
};

inline bool has_event(app::gateway& gateway, std::string_view kind) {
  for (const auto& e : gateway.events().since(0)) {
    if (e.record.kind == kind) return true;
  }
  return false;
}

}  // namespace understudy::test
