// What the pieces of an agent's work share: its server, its tools, and the way to both.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "core/cluster/step.hpp"
#include "db/agent_notes.hpp"
#include "db/log_groups.hpp"
#include "db/look.hpp"
#include "db/members.hpp"
#include "db/server_process.hpp"
#include "db/tool.hpp"

namespace understudy::db {

/// The side of a copy that gives. Errors are sentences; empty: done.
class copy_source {
 public:
  virtual ~copy_source() = default;
  /// How much will come, about.
  [[nodiscard]] virtual std::string measure(std::uintmax_t& bytes) = 0;
  /// Writes the copy (a stream of mbstream's format) to `fd`, a socket that stays the caller's, and
  /// returns when all is written. On a thread of its own. It ends early where the other side has
  /// closed, or `stop` says so (nullptr: nobody does).
  [[nodiscard]] virtual std::string send(int fd, const interrupt* stop) = 0;
};

/// How far a long work is.
struct agent_progress {
  std::string_view phase;    ///< "copy", "prepare", ...
  std::uintmax_t bytes = 0;  ///< of this phase; 0: not counted
  std::uintmax_t of = 0;     ///< 0: not known
};

struct agent_options {
  process_options server;
  members all;
  /// Who may do everything on the server, over its socket. As a data folder is made, that is root,
  /// where the agent runs as root.
  login administrator{"root", ""};
  std::filesystem::path tools = "/usr/bin";  ///< where MariaDB's programs are
  /// The way to a donor; nullptr: there is none. What it points to outlives the step.
  std::function<copy_source*(core::node_id)> donor;
  std::function<void(const agent_progress&)> progress;
  /// How long a server may take until it is ready, and a statement until it is done.
  core::duration patience = std::chrono::minutes(10);
};

/// One step's view of all that. Errors are sentences; empty: done.
struct local_node {
  const agent_options& options;
  server_process& server;
  agent_notes& notes;
  core::generation gen{};
  const interrupt* stop = nullptr;
  /// Another name for each of those that run at a time.
  std::string tool_settings = "tools.cnf";
  std::string kept{};  ///< a file with what was kept apart, where there is one

  [[nodiscard]] const std::filesystem::path& folder() const {
    return options.server.settings.folder;
  }
  [[nodiscard]] core::time_point deadline() const;
  void tell(std::string_view phase, std::uintmax_t bytes = 0, std::uintmax_t of = 0) const;
  [[nodiscard]] std::string note_repairing(bool on) const;

  /// To this node's server, as its administrator; what it does is not logged. The table of the
  /// fence is there.
  [[nodiscard]] std::string connect(session& to) const;
  [[nodiscard]] std::string run(session& on, std::string_view sql) const;
  [[nodiscard]] std::string see(session& on, core::sight& into) const;
  /// One value of one row.
  [[nodiscard]] std::string ask(session& on, std::string_view sql, std::string& into) const;
  /// All transactions that another node has.
  [[nodiscard]] std::string state_of(core::node_id other, core::history& into) const;

  /// A program's command, with a settings file that has the server's and the way to log in.
  [[nodiscard]] std::vector<std::string> command(std::string_view program) const;
  [[nodiscard]] std::string write_tool_settings() const;
  [[nodiscard]] std::filesystem::path tool_log(std::string_view program) const;
  /// mariadb-binlog for these files. `from`: what is left out; `to`: the last; empty: all of it.
  [[nodiscard]] std::vector<std::string> read_log(const std::vector<std::string>& options_of_it,
                                                  const core::gtid& from, const core::gtid& to,
                                                  std::vector<std::filesystem::path> files) const;
  /// Of one program that is fed by a file, or writes to one (for its owner alone; on the disk).
  [[nodiscard]] std::string run_tool(std::vector<std::string> words,
                                     const std::filesystem::path& input,
                                     const std::filesystem::path& output) const;
};

[[nodiscard]] std::string sentence(const fault& failed);

/// What a node's log has that another node has not.
struct divergence {
  core::gtid common;        ///< the last that both have; empty: none
  core::history at_common;  ///< what the node had then, of each server
  std::vector<log_group> tail;
  std::vector<std::filesystem::path> files;  ///< that the tail is in
};
/// Reads the data folder; the server may run, or not.
[[nodiscard]] std::string find_divergence(const std::filesystem::path& data,
                                          const core::history& other, divergence& into);
/// Writes the tail to a file in `divergent/`, as SQL that can be read and run, and notes its name
/// in `node.kept`. Does nothing where there is none.
[[nodiscard]] std::string keep_tail(local_node& node, const divergence& what);

/// Applies what is in the relay log's files and not applied, with its GTIDs, and notes it. May be
/// interrupted and repeated.
[[nodiscard]] std::string salvage_relay(local_node& node);

/// Keeps the tail and takes it back. See agent_work.
[[nodiscard]] std::string repair_from(local_node& node, core::node_id primary);
/// After a start: finishes what an interrupted one has begun.
[[nodiscard]] std::string finish_repair(local_node& node);

/// Replaces the data folder by a copy. See agent_work.
[[nodiscard]] std::string clone_from(local_node& node, core::node_id donor);
/// What an interrupted one left: the data folder is the old or the new one, whole. Nothing of it
/// runs.
void settle_clone(const std::filesystem::path& folder);
/// The data folder is a new one that has no position yet.
[[nodiscard]] bool clone_unfinished(const std::filesystem::path& folder);
/// Starts it as a replica, and gives it its place.
[[nodiscard]] std::string finish_clone(local_node& node);

}  // namespace understudy::db
