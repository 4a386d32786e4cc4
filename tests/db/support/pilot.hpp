// The decision core on real servers.
#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "core/cluster/supervisor.hpp"
#include "db/node_link.hpp"
#include "db/support/cluster.hpp"

namespace understudy::db {

/// One supervisor that leads, its coordinator (a variable), and an agent for each node that starts
/// and kills its server and can do nothing else. Everything happens in run_until().
class pilot {
 public:
  explicit pilot(cluster& on);
  ~pilot();
  pilot(const pilot&) = delete;
  pilot& operator=(const pilot&) = delete;

  /// Throws std::runtime_error where it is refused.
  void ask(const core::order& what);
  [[nodiscard]] core::bootstrap_order bootstrap() const;
  /// False where it does not come to be in the time.
  [[nodiscard]] bool run_until(const std::function<bool()>& so, core::duration time = 30s);
  [[nodiscard]] const core::topology& topology() const { return *topology_; }
  [[nodiscard]] bool stable_with(unsigned members) const;
  [[nodiscard]] unsigned primary() const { return core::number_of(topology_->primary); }
  /// What was noted and told, for who reads a failure.
  [[nodiscard]] const std::string& history() const { return history_; }

 private:
  struct heard {
    core::node_id node{};
    bool step = false;
    node_report report;
  };
  void take_reports();
  void decide();
  void by_agent(const core::tell& what);
  void ask_nodes();
  void learn(core::node_id node, bool step, node_report report);

  cluster& on_;
  core::supervisor supervisor_;
  std::optional<core::topology> topology_;
  std::map<core::node_id, core::tell> waiting_;
  std::map<core::node_id, core::time_point> looked_at_;
  std::string history_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<heard> heard_;
  std::map<core::node_id, std::unique_ptr<node_link>> links_;
};

}  // namespace understudy::db
