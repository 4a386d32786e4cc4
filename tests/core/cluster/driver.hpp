// A process that supervises: the real decisions, a clock of its own, sessions to nodes that break,
// and a coordinator that answers late, wrongly or not at all.
#pragma once

#include <map>
#include <memory>
#include <optional>

#include "core/cluster/server.hpp"
#include "core/cluster/supervisor.hpp"

namespace understudy::sim::cluster {

/// What etcd is to supervisors: one value, written by compare-and-swap.
struct keeper {
  std::optional<core::topology> value;
  std::optional<core::topology> before;  ///< a read may come from the past
  bool away = false;
};

/// What the world does for a driver.
class surroundings {
 public:
  virtual ~surroundings() = default;
  virtual loop& time() = 0;
  virtual keeper& coordinator() = 0;
  virtual server& node(node_id id) = 0;
  virtual bool agent_of(node_id id) = 0;
  /// Between supervisor `host` and a node or (node 0) the coordinator.
  virtual void carry(std::uint64_t host, node_id to, bool back, std::function<void()> what) = 0;
  virtual void wrote(const core::topology& what) = 0;
  virtual void carried_out(std::uint64_t host, generation gen, node_id node,
                           const core::step& what) = 0;
};

class driver {
 public:
  driver(std::uint64_t host, std::uint64_t id, const core::supervisor_options& options,
         const std::vector<node_id>& nodes, surroundings& world);

  void begin() { tick(); }
  void end() { ended_ = true; }
  void pause() { paused_ = true; }
  void resume();
  [[nodiscard]] bool paused() const { return paused_; }
  void leads(bool leading);
  void set_clock(duration offset, double rate);
  std::string ask(const core::order& what) { return core_.ask(local(), what); }
  void hint();  ///< the topology has changed
  [[nodiscard]] std::uint64_t id() const { return id_; }

 private:
  struct link {
    std::uint64_t session = 1;
    std::uint64_t request = 0;  // the one under way; 0: none
    bool is_step = false;
    time_point looked_at{};
    std::optional<core::tell> waiting;
    std::uint64_t seen_start = 0;
    bool was_seen = false;
  };

  [[nodiscard]] time_point local() const;
  void awake(std::function<void()> what);
  void tick();
  void decide();
  void carry_out(const core::action& what);
  void read();
  void write(const core::write_topology& what);
  void look(node_id node);
  void look_around();
  void tell(const core::tell& what);
  void answered(node_id node, std::uint64_t request, const std::optional<core::sight>& seen,
                std::optional<core::absence> absent, std::optional<core::step_end> end);
  void too_late(node_id node, std::uint64_t request);
  void ask_agent(node_id node);

  std::uint64_t host_;
  std::uint64_t id_;
  surroundings& world_;
  core::supervisor core_;
  std::vector<node_id> nodes_;
  std::map<node_id, link> links_;
  duration offset_{};
  double rate_ = 1;
  bool paused_ = false;
  bool ended_ = false;
  bool reading_ = false;
  bool closed_gates_ = false;
  std::uint64_t reads_ = 0;
  std::uint64_t writes_ = 0;
  std::uint64_t requests_ = 0;
  std::uint64_t ticks_ = 0;
  time_point read_at_{};
  std::vector<std::function<void()>> held_back_;
};

}  // namespace understudy::sim::cluster
