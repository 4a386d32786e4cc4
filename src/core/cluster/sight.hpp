// What a supervisor sees of one node.
#pragma once

#include <cstdint>
#include <string>

#include "core/cluster/topology.hpp"

namespace understudy::core {

/// How `mariadbd --init-rpl-role` was given. A replica's start cuts off the end of its log that no
/// replica acknowledged; a primary's keeps and commits it.
enum class start_role : std::uint8_t { unknown, replica, primary };

/// The thread of a replica that gets events. `connecting`: it runs, and has no primary.
enum class receiver : std::uint8_t { stopped, connecting, running };

/// One look at a running server, taken in one session after all it was told before.
struct sight {
  std::uint64_t start = 0;  ///< which start of the server this is: differs after each
  std::uint64_t boot = 0;   ///< which start of its host; 0: unknown, for there is no agent
  start_role role = start_role::unknown;
  generation told{};  ///< the highest generation that the node has been told
  bool mine = false;  ///< taken under the fence of who looks: no other supervisor can act on it
  std::uint32_t server_id = 0;
  bool read_only = true;
  gtid written;   ///< the last transaction in its log (@@gtid_binlog_pos)
  history state;  ///< @@gtid_binlog_state

  // As a primary.
  bool semi_sync = false;  ///< commits wait for an acknowledgement
  unsigned ackers = 0;     ///< connected replicas that acknowledge
  node_set cut;            ///< nodes whose replication account is locked here

  // As a replica.
  bool replica = false;  ///< it has a primary configured
  node_id follows{};     ///< 0: nobody, or one that is no node of the cluster
  receiver receiving = receiver::stopped;
  bool applying = false;       ///< its SQL thread runs
  gtid received;               ///< the last complete transaction in its relay log (Gtid_IO_Pos)
  bool salvaged = false;       ///< what it had received before this start is applied
  bool acks = false;           ///< it would acknowledge as a replica
  std::uint64_t beats = 0;     ///< events and heartbeats received: stands still when nothing comes
  unsigned receive_error = 0;  ///< Last_IO_Errno; 1236: its log and the primary's are two histories
  unsigned apply_error = 0;    ///< Last_SQL_Errno

  /// All it has received is applied, and in its own log.
  [[nodiscard]] bool drained() const { return received.seq <= written.seq; }
  /// The last transaction that it holds in any way.
  [[nodiscard]] const gtid& held() const { return received.seq > written.seq ? received : written; }
};

/// Why a node was not seen.
enum class absence : std::uint8_t {
  silent,   ///< no answer in time
  refused,  ///< its host says that nobody listens there: the process is gone
  lost,     ///< the connection ended
};

/// What a node's agent says of the process it owns.
enum class process : std::uint8_t {
  unknown,  ///< no agent, or it does not answer
  down,
  running,  ///< or starting
  stuck,    ///< it ended at its start because the end of its log could not be cut off
};

}  // namespace understudy::core
