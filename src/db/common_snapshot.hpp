// One moment of a primary and its replicas, to be read on all of them.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "db/verify.hpp"

namespace understudy::db {

/// A node's two sessions. Those that failed are closed.
struct snapshot_node {
  core::node_id id{};
  std::unique_ptr<session> reads;  ///< in a transaction that sees the moment
  std::unique_ptr<session> now;    ///< sees what is
  std::string why;                 ///< it does not take part; empty: it does
  core::gtid at;                   ///< what the snapshot is the state of
  bool behind = false;             ///< only that keeps it from taking part
};

struct common_snapshot {
  std::string failed;
  core::gtid at;
  core::duration pause{};
  unsigned attempts = 0;
  std::vector<snapshot_node> nodes;  ///< the primary first
};

/// Sessions stay open, and transactions with them. verify() has the contract.
[[nodiscard]] common_snapshot take_common_snapshot(const verify_task& task);

/// When a statement that begins now has to be over.
[[nodiscard]] core::time_point statement_deadline(const verify_task& task, core::duration enough);

/// Calls `what` for each of them on a thread of its own, and waits for all.
void for_each_at_once(std::vector<snapshot_node*> nodes,
                      const std::function<void(snapshot_node&)>& what);

}  // namespace understudy::db
