// Real servers, a real etcd, and supervisors that share them.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "cluster/overseer.hpp"
#include "db/support/cluster.hpp"
#include "db/support/load.hpp"
#include "support/etcd.hpp"

namespace understudy::cluster {

using namespace std::chrono_literals;
using core::node_id;

/// A supervisor's process, which stands still unless it is run.
class seat final : public listener {
 public:
  seat(std::uint64_t id, const db::members& nodes,
       const std::function<std::unique_ptr<coord::coordinator>(const boost::asio::any_io_executor&,
                                                               core::supervisor_id)>& coordinator,
       const std::map<node_id, std::shared_ptr<agent>>& agents);
  ~seat() override;

  void run_for(core::duration time) { io_.run_for(time); }
  [[nodiscard]] overseer& who() { return *overseer_; }
  [[nodiscard]] const std::string& history() const { return history_; }
  bool asleep = false;

 private:
  void changed(const core::topology& now) override;
  void move_gates(bool closed, std::function<void()> done) override;
  void wrote(const core::record& what) override;

  boost::asio::io_context io_;
  std::string history_;
  std::unique_ptr<overseer> overseer_;
};

/// Three nodes under agents, and two supervisors.
class stage {
 public:
  explicit stage(std::size_t supervisors = 2, std::size_t etcd_members = 1);
  ~stage();

  /// All seats that are awake run until then; false: it does not come to be.
  [[nodiscard]] bool run_until(const std::function<bool()>& so, core::duration time = 60s);
  void run_for(core::duration time);
  /// Bootstraps, and waits for two members. There is a table app.t.
  void begin();
  /// What all who are awake know; nullptr: not the same, or nothing.
  [[nodiscard]] const core::topology* agreed();
  /// They agree that it serves with so many members, and it takes writes.
  [[nodiscard]] bool serves(std::size_t members);
  [[nodiscard]] unsigned primary();  ///< 0: they do not agree
  /// Waits until they do.
  [[nodiscard]] unsigned settled_primary();
  [[nodiscard]] core::bootstrap_order first() const;
  [[nodiscard]] std::string history() const;

  db::cluster nodes;
  test::etcd_cluster etcd;
  std::map<node_id, std::shared_ptr<agent>> agents;
  std::vector<std::unique_ptr<seat>> seats;
};

}  // namespace understudy::cluster
