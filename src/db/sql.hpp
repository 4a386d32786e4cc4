// The texts of SQL that more than one piece needs.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/cluster/topology.hpp"
#include "db/members.hpp"

namespace understudy::db {

/// 'text', for a session whose sql_mode is not NO_BACKSLASH_ESCAPES.
[[nodiscard]] std::string quoted(std::string_view text);

/// What a supervisor's session begins with: what it does is not logged, and it waits for no lock
/// longer than a second (commits that wait for an acknowledgement hold one).
[[nodiscard]] std::string session_start();
/// The same for the one that writes what is to be replicated.
[[nodiscard]] std::string writer_start();

/// The name of the lock (GET_LOCK) that a supervisor's session holds on each node.
inline constexpr std::string_view fence_lock = "understudy";
/// Errors of a guard: it is not the session that holds the lock; the node was told a higher
/// generation; a step's own condition does not hold.
inline constexpr unsigned not_held = 30'001;
inline constexpr unsigned told_higher = 30'002;
inline constexpr unsigned not_so = 30'003;

/// `statements` (each without its ";") as one that the server refuses to begin where connection
/// `holder` does not hold the lock or the node was told a higher generation than `gen`; it is told
/// `gen`. Whoever takes the lock has ended the holder before: nothing of a statement that it sent
/// begins later. `holder` = 0: whoever runs it.
[[nodiscard]] std::string guarded(core::generation gen, std::uint64_t holder,
                                  const std::vector<std::string>& statements);

/// A statement in a guarded one that ends it with `not_so` where `condition` holds.
[[nodiscard]] std::string refuse_if(std::string_view condition, std::string_view why);

/// The table of generations that this node was told: its own, never replicated.
[[nodiscard]] std::string make_fence_table();
[[nodiscard]] std::string told_generation();
/// The same, and the start (sight::start) that was salvaged last.
[[nodiscard]] std::string what_was_told();
/// All that was received before this start is applied, says the agent.
[[nodiscard]] std::string note_salvaged(std::uint64_t start);

/// Which password this node receives with, as a hash (native_hash): the server does not tell it.
/// Its own, never replicated.
[[nodiscard]] std::string make_receiver_table();
[[nodiscard]] std::string note_receiver(std::string_view password);
[[nodiscard]] std::string noted_receiver();

/// There is no such table, or no such database.
[[nodiscard]] bool is_missing(const fault& failed);

/// What the supervisor needs on a server that has nothing yet: its account, not replicated.
/// For a server's --bootstrap, and so each statement in one line.
[[nodiscard]] std::string supervisor_account(const login& supervisor);
/// Accounts of replicas, and the journal. Replicated: for the first primary, and for the one that
/// learns of a new node. May be run again.
[[nodiscard]] std::vector<std::string> replicated_ground(const members& all);
[[nodiscard]] std::string replication_account(core::node_id node, std::string_view password);
/// Asks for the names of those that are there.
[[nodiscard]] std::string replication_accounts();
/// Locks or unlocks it on this server alone, and ends the connection of a locked one.
[[nodiscard]] std::vector<std::string> cut_account(core::node_id node, bool off);

}  // namespace understudy::db
