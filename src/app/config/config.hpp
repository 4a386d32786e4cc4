// The gateway's configuration, as the TOML file and the command line give it.
// Every key with its type, default and reason: docs/CONFIG.md.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "app/config/database_config.hpp"
#include "core/call_schedule.hpp"
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

/// What holds for the calls whose method it matches. The first rule that matches a call counts;
/// what it leaves out is the default.
struct call_rule {
  std::string match;  ///< a pattern, `Interface@method`
  core::call_mode mode = core::call_mode::direct;
  std::string key;           ///< where in the request the key is (json_pointer.hpp); empty: nowhere
  bool key_missing = false;  ///< a call without it is taken, too
  std::string order;         ///< where in the request the order is; empty: none
  std::optional<std::chrono::milliseconds> wait;
  std::optional<std::chrono::milliseconds> deadline;
  std::optional<unsigned> attempts_max;
  core::retry_rule retry;
  core::on_unknown unknown = core::on_unknown::retry;
  core::on_dead dead = core::on_dead::skip;
  bool once = false;    ///< whoever wrote it knows that a repeat has no second effect
  std::string webhook;  ///< where the ends of its calls are told; empty: nowhere
  unsigned line = 0;
};

/// Of stored calls.
struct calls_config {
  std::string store;  ///< the SQLite file; empty: calls can not be stored
  std::uint64_t quota_rows = 10'000'000;
  std::uint64_t quota_bytes = std::uint64_t{16} << 30;
  std::chrono::milliseconds result_kept = std::chrono::hours(24);
  std::chrono::milliseconds deadline = std::chrono::hours(24);
  unsigned attempts_max = 20;
  unsigned running_max = 256;  ///< attempts at a time
  /// The same of single services, by their stored names (stored_place.hpp).
  std::map<std::string, unsigned> service_running_max;
  std::string webhook_secret_file;  ///< what webhooks are signed with; empty: they are not

  friend bool operator==(const calls_config&, const calls_config&) = default;
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
  std::chrono::milliseconds wait{4000};            ///< how long the caller of a durable call waits
  std::chrono::milliseconds caller_timeout{0};     ///< callers give up after it; 0: unknown
  std::chrono::milliseconds drain_timeout{10000};  ///< SIGTERM: running calls may end
  std::vector<pool_config> pools;
  calls_config calls;
  std::vector<call_rule> rules;
  std::vector<database_config> databases;
  coordination_config coordination;
  node_config node;  ///< of `understudy node` alone
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

/// Of pools and databases: it is part of addresses and labels.
[[nodiscard]] bool name_valid(std::string_view name);

/// All accepted keys as `gateway.listen`, `pool.servers`, ...: docs/CONFIG.md is tested on them.
[[nodiscard]] std::vector<std::string> config_keys();

}  // namespace understudy::app
