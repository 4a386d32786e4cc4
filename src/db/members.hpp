// The nodes of a cluster, as one supervisor's sessions know them.
#pragma once

#include <algorithm>
#include <charconv>
#include <string>
#include <string_view>
#include <system_error>
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

/// Whose account it is; 0: nobody's.
[[nodiscard]] inline core::node_id node_of_account(std::string_view user) {
  constexpr std::string_view prefix = "repl_";
  if (!user.starts_with(prefix)) return {};
  unsigned number = 0;
  const char* const end = user.data() + user.size();
  const auto [at, wrong] = std::from_chars(user.data() + prefix.size(), end, number);
  if (wrong != std::errc() || at != end || number > core::node_number_max) return {};
  return core::node_id{static_cast<std::uint16_t>(number)};
}

}  // namespace understudy::db
