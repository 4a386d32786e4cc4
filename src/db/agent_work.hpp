// What the agent of a node does: its server's process and files, for a supervisor.
#pragma once

#include <string>

#include "core/cluster/step.hpp"
#include "db/local_node.hpp"

namespace understudy::db {

struct agent_report {
  core::step_end end = core::step_end::done;
  std::string why;   ///< what went wrong, for people; empty: nothing did
  std::string kept;  ///< a file with what only this node had, where one was written
};

/// Owns the server of one folder, and beside its data the agent's notes (the highest generation
/// that it was told), `divergent/` and what a copy needs. One agent owns a folder at a time. For
/// one thread at a time, but for what is said of copies; everything blocks until it is done.
///
/// Any step may be interrupted by the end of this process, of the server or of the host, and told
/// again. Programs that a step has started end with it, whichever way.
class agent_work final : public copy_source {
 public:
  /// Finds the server where it runs, and puts in order what an interrupted clone has left.
  explicit agent_work(agent_options options);

  /// One of the steps that core::by_agent() names; others fail. `stop` ends long ones early; the
  /// node is then as after an interruption. nullptr: nobody does. Refused where this agent, or the
  /// server that runs, was told a higher generation; `gen` is on the disk before anything is done.
  ///
  /// - kill_server: done also where none runs.
  /// - start_server: makes the data folder where there is none, for a replica alone. Fails where it
  /// runs. Does not wait until it is ready, unless something has to
  ///   be finished first: a repair, or a clone, which can be started as a replica only.
  /// - salvage, repair: on a server that is ready and was started as what takes no writes. For
  ///   salvage nothing may have started replication since the server's start.
  /// - repair: the node ends read-only, following nobody, with the last transaction that both have.
  ///   Where something can not be taken back it fails, and nothing is changed but that it does not
  ///   replicate; the file is written all the same.
  /// - clone: the node ends as repair leaves it, with what the donor had; its own generation; a
  /// file
  ///   of what only it had. Until the copy is whole the node is untouched, and its server runs on.
  ///   Where the copy does not start, the old folder is back, and the server is down.
  [[nodiscard]] agent_report carry_out(const core::step& what, core::generation gen,
                                       const interrupt* stop = nullptr);

  /// For a copy of this node: on any thread, also beside a step.
  [[nodiscard]] std::string measure(std::uintmax_t& bytes) override;
  [[nodiscard]] std::string send(int fd, const interrupt* stop) override;

  /// For looks: its process. Not beside a step.
  [[nodiscard]] server_process& server() { return server_; }
  [[nodiscard]] core::generation told() const { return notes_.told; }
  /// Why it can do nothing; empty: it can.
  [[nodiscard]] const std::string& damaged() const { return damaged_; }

 private:
  [[nodiscard]] bool heed(core::generation gen, agent_report& report);
  [[nodiscard]] bool server_allows(local_node& node, bool replaced, agent_report& report);
  [[nodiscard]] std::string start(local_node& node, core::start_role role);

  agent_options options_;
  server_process server_;
  agent_notes notes_;
  std::string damaged_;
};

}  // namespace understudy::db
