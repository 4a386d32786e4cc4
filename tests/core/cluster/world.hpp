// Three nodes, two supervisors, a coordinator, callers, and what befalls them. The same seed makes
// the same history.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "core/cluster/driver.hpp"

namespace understudy::sim::cluster {

struct plan {
  std::uint64_t seed = 1;
  unsigned nodes = 3;
  bool agents = true;
  bool solo = true;
  double faults_per_second = 0.7;
  double primary_share = 0.5;  ///< of the faults hit the primary
  duration trouble = std::chrono::seconds(20);
};

[[nodiscard]] plan random_plan(std::uint64_t seed);

class world final : public wires, public surroundings {
 public:
  explicit world(const plan& what);
  void run();

  /// What was broken, a sentence each, which begins with the invariant's name.
  [[nodiscard]] const std::vector<std::string>& wrong() const { return wrong_; }
  [[nodiscard]] std::uint64_t hash() const { return time_.hash(); }
  [[nodiscard]] unsigned takeovers() const { return takeovers_; }
  [[nodiscard]] unsigned switchovers() const { return switchovers_; }
  [[nodiscard]] std::uint64_t acknowledged() const { return acknowledged_.size(); }
  [[nodiscard]] std::uint64_t events() const { return time_.handled(); }
  [[nodiscard]] std::string state() const;
  std::vector<std::string>* story = nullptr;  ///< told to, if there is one

 private:
  // wires
  server& at(node_id node) override { return *servers_.at(number_of(node) - 1); }
  void send(node_id from, node_id to, std::function<void()> what) override;
  void acknowledged(node_id by, const transaction& what) override;
  // surroundings
  loop& time() override { return time_; }
  keeper& coordinator() override { return keeper_; }
  server& node(node_id id) override { return at(id); }
  bool agent_of(node_id id) override;
  void carry(std::uint64_t host, node_id to, bool back, std::function<void()> what) override;
  void wrote(const core::topology& what) override;
  void carried_out(std::uint64_t host, generation gen, node_id node,
                   const core::step& what) override;

  using place = std::uint64_t;  // nodes by number, supervisors from 100, the coordinator 0
  void across(place from, place to, std::function<void()> what);
  void part(place one, place other);
  void join_all();
  void start_supervisor(std::size_t host);
  void call();
  void beat();
  void lead();
  void trouble();
  void ask_upkeep(std::size_t host, node_id node);
  void take_back();
  [[nodiscard]] const node_entry* entry_of(node_id node) const;
  void trouble_promotion(const core::topology& what);
  void hit(node_id node);
  void restart_without_agent(node_id node);
  void heal();
  [[nodiscard]] bool settled() const;
  void check_log(node_id by);
  void complain(std::string what);
  void tell(std::string what);
  node_id some_node();

  plan plan_;
  loop time_;
  keeper keeper_;
  std::vector<std::unique_ptr<server>> servers_;
  std::vector<std::unique_ptr<driver>> drivers_;  // ended ones, too
  std::vector<driver*> supervisors_;              // by host
  std::vector<node_entry> entries_;
  std::set<std::pair<place, place>> parted_;
  std::map<std::pair<place, place>, time_point> arrived_;
  std::vector<std::pair<std::pair<place, place>, std::function<void()>>> stopped_;
  bool healed_ = false;
  std::uint64_t contents_ = 0;
  std::uint64_t next_supervisor_ = 1;
  std::vector<transaction> acknowledged_;
  std::map<std::uint32_t, node_id> primaries_;  // by epoch, as acknowledgements show them
  std::uint32_t last_epoch_ = 0;
  std::uint64_t since_check_ = 0;
  std::map<std::uint64_t, std::uint64_t> writers_;  // of generations
  unsigned takeovers_ = 0;
  unsigned switchovers_ = 0;
  core::phase phase_before_ = core::phase::solo;
  std::uint32_t epoch_before_ = 1;
  std::vector<std::string> wrong_;
};

}  // namespace understudy::sim::cluster
