// `understudy gateway`: runs a gateway in the foreground until it is told to end.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "app/config/config.hpp"

namespace understudy::app {

/// Either a file, or servers; the addresses override those of a file.
struct gateway_command {
  std::string config;
  std::optional<std::string> listen;
  std::optional<std::string> http;
  std::optional<std::string> admin;
  std::vector<std::string> servers;
  std::vector<std::string> backups;
  std::vector<std::string> idempotent;
};

/// The name of the pool that the command line makes.
inline constexpr const char* command_line_pool = "default";

/// The configuration that the command line means. Problems of a file carry their line.
[[nodiscard]] config_result gateway_config_of(const gateway_command& command);

/// Prints `listening HOST:PORT`, `listening HOST:PORT pool NAME` for a pool's own address,
/// `http HOST:PORT` and `admin HOST:PORT` with the real ports once it serves. SIGHUP loads the
/// file again (without one it only says so), SIGTERM and SIGINT drain and end, a second one ends
/// at once.
int run_gateway(const gateway_command& command);

}  // namespace understudy::app
