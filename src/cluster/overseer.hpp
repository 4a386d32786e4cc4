// A supervisor at work: it sees nodes, asks the coordinator, and has done what core::supervisor
// says.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cluster/agent.hpp"
#include "coord/coordinator.hpp"
#include "core/cluster/supervisor.hpp"
#include "db/members.hpp"

namespace understudy::cluster {

/// What others hear of it, on its executor. Must be quick; may not destroy the overseer.
class listener {
 public:
  virtual ~listener() = default;
  /// There is a newer topology: where writes go, and who may be read from.
  virtual void changed(const core::topology& now) = 0;
  /// Let no write through (a switchover), or let them through again; `done` when it is so.
  virtual void move_gates(bool closed, std::function<void()> done) = 0;
  virtual void wrote(const core::record& what) = 0;
};

struct overseer_options {
  core::supervisor_options supervisor;
  db::members nodes;                    ///< where they are, and as who one logs in
  std::vector<core::node_entry> first;  ///< of a cluster that does not exist yet
  core::duration look_within = std::chrono::milliseconds(400);
  core::duration step_within = std::chrono::seconds(3);
  core::duration agent_within = std::chrono::minutes(1);
  core::duration clone_within = std::chrono::hours(12);
  core::duration write_within = std::chrono::seconds(1);
};

/// Thin: all decisions are core::supervisor's. For each node it has a session on a thread of its
/// own (db::node_link), so that a server that does not answer keeps nothing else waiting.
///
/// Threads: all is called on `executor`, which must not run concurrently; it is destroyed there, or
/// after that has stopped running. The destructor waits for the nodes' threads, some milliseconds.
class overseer {
 public:
  overseer(const boost::asio::any_io_executor& executor, overseer_options options,
           std::unique_ptr<coord::coordinator> coordinator,
           std::map<core::node_id, std::shared_ptr<agent>> agents, listener& told);
  ~overseer();
  overseer(const overseer&) = delete;
  overseer& operator=(const overseer&) = delete;

  void start();
  /// What an operator wants. Empty: it will be done as soon as it can be; else why not.
  [[nodiscard]] std::string ask(const core::order& what);
  /// From now on, for all nodes; connections stay.
  void use_passwords(const std::string& supervisor, const std::string& replication);
  /// See db::node_session. `done` gets a sentence where it was not done; it is not called after the
  /// destructor. One at a time for each node.
  void renew_receiver(core::node_id node, std::function<void(std::string)> done);
  [[nodiscard]] const core::topology* known() const;
  [[nodiscard]] bool leads() const;
  /// The last look at a node; nullptr: it did not answer.
  [[nodiscard]] const core::sight* seen(core::node_id node) const;

 private:
  struct work;
  std::shared_ptr<work> work_;
};

}  // namespace understudy::cluster
