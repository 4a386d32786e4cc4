// One scenario of a database being played: its cluster, its load, and the facts it leaves behind.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "app/drill/drill_cluster.hpp"
#include "app/drill/drill_commits.hpp"
#include "app/drill/drill_judge.hpp"
#include "app/drill/drill_scenarios.hpp"
#include "db/verify.hpp"

namespace understudy::app {

/// Every row that was acknowledged is looked for on every node when the scenario ends.
class database_stage {
 public:
  /// For what has to come to be again: a node that is repaired, on a machine that has more to do.
  static constexpr std::chrono::milliseconds patience{120000};

  /// Starts and founds the cluster.
  database_stage(std::string name, const drill_settings& settings, drill_cluster_options options);

  drill_cluster& cluster() { return *cluster_; }
  drill_facts& facts() { return facts_; }
  [[nodiscard]] const drill_settings& settings() const { return settings_; }
  void say(const std::string& what) const { settings_.progress(facts_.scenario + ": " + what); }

  /// Clients that commit through `write` of this gateway.
  void start_load(unsigned gateway = 0);
  drill_commits& load() { return *load_; }
  void end_load();

  /// Something is broken from now on.
  void fault(const std::string& what);
  /// A promise is broken; the scenario goes on.
  void broken(const std::string& id, const std::string& why);
  /// `so` comes to be within `patience`. Where it does not, that promise is broken, and the
  /// scenario ends.
  void must(const std::function<bool()>& so, const std::string& id, const std::string& why);
  /// All nodes are members again. Tells how long it took since `from`, at most, as `rejoin_ms`.
  void must_be_whole(load_clock::time_point from, unsigned gateway = 0);
  /// `rows` more are acknowledged from now on.
  void must_commit(std::uint64_t rows = 20);
  /// For so long commits are acknowledged, and never is there `bound` without one.
  void must_go_on(std::chrono::milliseconds time, std::chrono::milliseconds bound);
  /// None is acknowledged for so long.
  void must_be_silent(std::chrono::milliseconds time, const std::string& id,
                      const std::string& why);
  /// All tables are the same on all nodes, at one moment.
  void must_be_equal();
  /// Told and not judged; of several with a name the largest.
  void figure(const std::string& name, double value);

  /// Ends the load and looks for its rows. Also after a promise was broken.
  drill_facts finish();

 private:
  void look_for_rows();
  [[nodiscard]] db::verify_task comparison() const;

  const drill_settings& settings_;
  drill_facts facts_;
  std::int64_t fault_ms_ = 0;  ///< Unix time of the first
  drill_folder folder_;
  std::optional<drill_cluster> cluster_;
  std::unique_ptr<drill_commits> load_;
};

/// Thrown by must*(): what was promised did not come to be, and is noted.
class drill_over {};

/// One line of the list of scenarios.
struct database_scenario {
  std::string_view name;
  std::string_view about;  ///< for --help: what is done to the cluster
  void (*play)(database_stage&);
  unsigned nodes = 3;
  unsigned gateways = 1;
  bool orders = false;
};

/// Of a node's server.
[[nodiscard]] std::span<const database_scenario> database_scenarios();
/// Of several at once, or of what is around them.
[[nodiscard]] std::span<const database_scenario> outage_scenarios();

[[nodiscard]] drill_facts play(const database_scenario& one, const drill_settings& settings);

}  // namespace understudy::app
