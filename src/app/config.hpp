// The gateway's configuration, as the TOML file and the command line give it.
// Every key with its type, default and reason: docs/CONFIG.md.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/pool.hpp"
#include "wire/frame.hpp"

namespace understudy::app {

struct pool_config {
  std::string name;
  std::vector<core::server_options> servers;  ///< backups have priority 1
  std::vector<std::string> services;          ///< empty: learned from the servers
  /// An address of its own: calls there go to this pool alone, and the shared address does not
  /// serve it. Empty: the pool is reached through the shared address.
  std::string listen;
  std::vector<std::string> idempotent;  ///< patterns, `Interface@get*`
  std::vector<std::int64_t> fault_codes;
  std::string probe;        ///< empty: @action_interface
  std::string balance_key;  ///< for consistent_hash: where in the request it is (json_pointer.hpp)
  bool multiplex = true;    ///< where a server takes many calls at a time on one connection
  core::pool_options options;
  unsigned line = 0;  ///< where the file declares it; 0: the command line did
};

/// Where a gateway is administered unless it is told otherwise.
inline constexpr const char* default_http_address = "127.0.0.1:9580";

struct gateway_config {
  static constexpr unsigned threads_max = 64;

  std::string listen = "127.0.0.1:9500";    ///< empty: none
  std::string http = default_http_address;  ///< empty: none
  std::string admin;                        ///< empty: administration shares `http`
  unsigned threads = 1;                     ///< 0: one per core
  std::string zone;                         ///< where this gateway is; empty: nowhere in particular
  wire::frame_limits limits;
  std::size_t received_bytes_max = std::size_t{1} << 30;  ///< per address for frames
  std::size_t connections_max = 10000;                    ///< per listening address
  std::chrono::milliseconds deadline{60000};              ///< of direct calls
  std::chrono::milliseconds drain_timeout{10000};         ///< SIGTERM: running calls may end
  std::vector<pool_config> pools;
};

/// What is wrong with a file: one sentence each, with the line and a hint.
struct config_problem {
  unsigned line = 0;  ///< 0: of the whole file
  std::string message;
};

struct config_result {
  std::optional<gateway_config> config;  ///< nothing if there is any problem
  std::vector<config_problem> problems;  ///< every one found, by line
};

[[nodiscard]] config_result parse_config(std::string_view toml);
/// A file that cannot be read is a problem too.
[[nodiscard]] config_result load_config(const std::string& file);

/// What single keys cannot tell: names used twice, addresses used twice, nothing to serve.
[[nodiscard]] std::vector<config_problem> check_config(const gateway_config& config);

/// All accepted keys as `gateway.listen`, `pool.servers`, ...: docs/CONFIG.md is tested on them.
[[nodiscard]] std::vector<std::string> config_keys();

}  // namespace understudy::app
