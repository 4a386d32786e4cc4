// Copies of a server that somebody else runs.
#pragma once

#include <filesystem>
#include <string>

#include "db/local_node.hpp"

namespace understudy::db {

struct server_copy_options {
  std::string socket;  ///< of the server
  /// Who may do everything on it, over its socket: as Debian sets it up that is root, where we run
  /// as root.
  login administrator{"root", ""};
  std::filesystem::path tools = "/usr/bin";
  /// For what the tools write; nothing of the server is in it.
  std::filesystem::path folder;
};

/// Reads a running server's files and its log, and changes nothing: it needs to be able to read
/// them. For any thread; two copies at a time do not go together.
class server_copy final : public copy_source {
 public:
  explicit server_copy(server_copy_options options) : options_(std::move(options)) {}

  [[nodiscard]] std::string measure(std::uintmax_t& bytes) override;
  [[nodiscard]] std::string send(int fd, const interrupt* stop) override;

 private:
  const server_copy_options options_;
};

}  // namespace understudy::db
