// What a MariaDB server of a cluster must be set to, and which of it is not.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/cluster/gtid.hpp"

namespace understudy::db {

/// A setting without which an acknowledged commit can be lost, or a takeover takes seconds.
struct required_setting {
  std::string_view name;   ///< of the system variable; in the file alike, with '_'
  std::string_view value;  ///< as SHOW VARIABLES prints it
  bool restart = false;    ///< it can be changed by a restart only
  std::string_view why;
};

/// All of them. Those that the supervisor switches by itself (semi-sync, read_only) are not here.
[[nodiscard]] const std::vector<required_setting>& required_settings();

/// A setting of a running server that is not as it must be.
struct unsafe_setting {
  std::string name;
  std::string value;  ///< as it is; empty: the server does not know it
  std::string must_be;
  bool restart = false;
  std::string why;
  friend bool operator==(const unsafe_setting&, const unsafe_setting&) = default;
};

/// `variables`: what SHOW GLOBAL VARIABLES says, all of it. None is good.
[[nodiscard]] std::vector<unsafe_setting> unsafe_settings(
    const std::map<std::string, std::string>& variables);

/// What differs between the servers of a cluster.
struct server_settings {
  core::node_id node{};
  std::filesystem::path folder;  ///< absolute; data, socket, log and settings are in it
  std::string bind = "127.0.0.1";
  std::uint16_t port = 0;
  /// Lines added at the end of the section, so that they win: sizes, for instance.
  std::vector<std::string> more;
};

/// The lines that are the same for all servers of a cluster.
[[nodiscard]] std::string common_settings();

/// The text of a my.cnf. The server starts read-only, receives nothing, and neither gives nor waits
/// for acknowledgements until a supervisor says so.
[[nodiscard]] std::string settings_text(const server_settings& server);

/// Where things are in `folder`.
[[nodiscard]] std::filesystem::path data_folder(const std::filesystem::path& folder);
[[nodiscard]] std::filesystem::path settings_file(const std::filesystem::path& folder);
[[nodiscard]] std::filesystem::path error_log_file(const std::filesystem::path& folder);
/// Of this server alone: a server that starts deletes what others have in a common one.
[[nodiscard]] std::filesystem::path temporary_folder_of(const std::filesystem::path& folder);
[[nodiscard]] std::filesystem::path socket_file(const std::filesystem::path& folder);

}  // namespace understudy::db
