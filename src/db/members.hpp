// The nodes of a cluster, as one supervisor's sessions know them.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "core/cluster/gtid.hpp"
#include "db/session.hpp"

namespace understudy::db {

struct member {
  core::node_id node{};
  endpoint at;
};

/// Who is there, and with which names and passwords one logs in.
struct members {
  std::vector<member> nodes;
  login supervisor;
  std::string replication_password;  ///< of all accounts of replicas

  [[nodiscard]] const member* find(core::node_id node) const {
    const auto at =
        std::find_if(nodes.begin(), nodes.end(), [&](const member& m) { return m.node == node; });
    return at == nodes.end() ? nullptr : &*at;
  }
  [[nodiscard]] core::node_id at(const endpoint& where) const {
    const auto found =
        std::find_if(nodes.begin(), nodes.end(), [&](const member& m) { return m.at == where; });
    return found == nodes.end() ? core::node_id{} : found->node;
  }
};

/// Each node receives with an account of its own, so that a primary can shut out one of them.
[[nodiscard]] inline std::string replication_user(core::node_id node) {
  return "repl_" + std::to_string(core::number_of(node));
}

}  // namespace understudy::db
