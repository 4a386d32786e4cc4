// Whether all nodes of a cluster have the same data: checksums of every table, of one moment.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "core/cluster/gtid.hpp"
#include "core/types.hpp"
#include "db/members.hpp"

namespace understudy::db {

struct verify_progress {
  std::string_view phase;  ///< "snapshot", "definitions", "rows"
  std::string_view table;  ///< "database.table"; empty: of none
  std::size_t tables_done = 0;
  std::size_t tables = 0;
  std::uint64_t rows = 0;  ///< of the primary, compared so far
};

struct verify_task {
  members all;
  core::node_id primary{};
  std::vector<core::node_id> replicas;                   ///< to compare with it; they follow it
  std::function<void(const verify_progress&)> progress;  ///< on the calling thread; empty: nobody
  const interrupt* stop = nullptr;                       ///< ends it early; outlives it
  /// Commits on the primary are held for at most about this long, for each attempt.
  core::duration pause_max = std::chrono::seconds(1);
  /// How long a replica may take to catch up before the pause.
  core::duration patience = std::chrono::seconds(10);
  /// For one statement: a chunk, or a table that has no primary key.
  core::duration statement_max = std::chrono::seconds(60);
  /// All of it. What the snapshots show is kept by the servers until then.
  core::time_point deadline = core::time_point::max();
  /// Rows for one statement: large enough that asking costs little beside reading, small enough
  /// that no statement of the application waits for it.
  unsigned chunk_rows = 5000;
  /// Told of one table on one node; a row each, as far as there is room.
  std::size_t differences_per_table = 20;
};

enum class difference_kind : std::uint8_t {
  rows,        ///< what is in a chunk
  missing,     ///< the primary has it, the node has not
  extra,       ///< the node has it, the primary has not
  definition,  ///< both have it, and it is not the same
};

struct verify_difference {
  core::node_id node{};
  difference_kind kind{};
  std::string object;  ///< "table", "view", "trigger", "procedure", "event", "database", ...
  std::string database;
  std::string name;  ///< of the table, the view, ...; empty for a database
  /// Of `rows`: the primary key is above `from` and not above `to`; empty: no bound.
  std::string from;
  std::string to;
  std::uint64_t rows_primary = 0;
  std::uint64_t rows_node = 0;
  bool exact = true;  ///< false: of an engine without snapshots; it may have changed meanwhile
};

/// What was not compared, and why.
struct verify_gap {
  core::node_id node{};  ///< the primary's: on none
  std::string table;     ///< "database.table"; empty: nothing of the node was
  std::string why;
};

struct verify_report {
  /// A sentence: why it ended early, or did not begin; what follows is what was found until then.
  std::string failed;
  bool stopped = false;    ///< it was told to
  core::gtid at;           ///< what all of the rows compared are the state of
  core::duration pause{};  ///< how long commits were held, of the attempt that succeeded
  unsigned attempts = 0;   ///< each with a pause
  std::vector<core::node_id> compared;  ///< the replicas that took part, to the end
  std::size_t tables = 0;               ///< whose rows were compared
  std::uint64_t rows = 0;
  std::vector<std::string> inexact;  ///< tables of engines without snapshots
  std::vector<verify_gap> gaps;
  std::vector<verify_difference> differences;
  bool more = false;  ///< there are more differences than were told of

  /// All was compared, and is the same.
  [[nodiscard]] bool equal() const {
    return failed.empty() && gaps.empty() && differences.empty() && !compared.empty();
  }
};

/// Blocks until it is done, and uses a thread for each node. Nothing is changed, and no lock is
/// held but for the pause: commits on the primary are held until every node has a snapshot of the
/// same transaction, which each server confirms with the position that its snapshot has. Then
/// tables are read in chunks; a change of a table's definition waits for one chunk at most.
///
/// The primary ends the pause by itself about a second after this process has gone silent. A node
/// that can not take part is named in `gaps`; without the primary there is no report.
///
/// Compared are all databases but the server's own and understudy_local, which differs by design;
/// neither accounts nor the values of sequences and of virtual columns are.
[[nodiscard]] verify_report verify(const verify_task& task);

}  // namespace understudy::db
