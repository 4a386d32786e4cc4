// The gateway's configuration, as the TOML file and the command line give it.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "core/pool.hpp"
#include "wire/frame.hpp"

namespace understudy::app {

struct pool_config {
  std::string name;
  std::vector<core::server_options> servers;  ///< backups have priority 1
  std::vector<std::string> services;          ///< empty: learned from the servers
  std::string listen;                         ///< an address of its own; empty: none
  std::vector<std::string> idempotent;        ///< patterns, `Interface@get*`
  std::vector<std::int64_t> fault_codes;
  std::string probe;  ///< empty: @action_interface
  core::pool_options options;
};

struct gateway_config {
  std::string listen = "127.0.0.1:9500";
  std::string http = "127.0.0.1:9580";
  std::string admin;  ///< empty: administration shares `http`
  wire::frame_limits limits;
  std::size_t connections_max = 10000;
  std::chrono::milliseconds deadline{60000};  ///< of direct calls
  std::chrono::milliseconds drain_timeout{10000};  ///< SIGTERM: running calls may end
  std::vector<pool_config> pools;
};

/// What is wrong with a file: one sentence each, with the line and a hint.
struct config_problem {
  unsigned line = 0;
  std::string message;
};

struct config_result {
  std::optional<gateway_config> config;  ///< nothing if there is any problem
  std::vector<config_problem> problems;
};

[[nodiscard]] config_result parse_config(const std::string& toml, const std::string& folder);
[[nodiscard]] config_result load_config(const std::string& file);

}  // namespace understudy::app
