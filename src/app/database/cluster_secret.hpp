// The secret of a database cluster, and what is made of it.
#pragma once

#include <string>

namespace understudy::app {

/// One file on each host of a cluster. Its first line is the supervisor's password; the replicas'
/// and the agents' are made of it (HMAC-SHA256 with a word of their own), so that there is one
/// thing to keep, and to change.
struct cluster_secret {
  std::string supervisor;
  std::string replication;
  std::string agent;
};

inline constexpr std::size_t cluster_secret_bytes_min = 16;

/// std::runtime_error with a sentence where the file can not be read, is too short, holds what no
/// password may, or can be read by others than its owner and group.
[[nodiscard]] cluster_secret read_cluster_secret(const std::string& file);
[[nodiscard]] cluster_secret make_cluster_secret(const std::string& supervisor);

}  // namespace understudy::app
