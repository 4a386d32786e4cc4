// One scenario being played: its site, its load, and the facts it leaves behind.
#pragma once

#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "app/drill/drill_batches.hpp"
#include "app/drill/drill_judge.hpp"
#include "app/drill/drill_load.hpp"
#include "app/drill/drill_scenarios.hpp"
#include "app/drill/drill_site.hpp"
#include "app/drill/drill_stored.hpp"

namespace understudy::app {

/// The load ends after the site: a call that would wait long for an answer is cut short when the
/// site goes because of an error or an interrupt.
class drill_stage {
 public:
  /// Of one call, as its caller sees it.
  static constexpr std::chrono::milliseconds call_timeout{10000};

  /// Starts the site. `name` is the scenario's, with what the pace adds.
  drill_stage(std::string name, const drill_settings& settings, drill_site_options options);

  drill_site& site() { return *site_; }
  /// Only where the scenario is played in one.
  drill_network& network() { return *network_; }
  /// Of the gateway's store, likewise.
  drill_disk& disk() { return *disk_; }
  drill_server& primary() { return site_->server(drill_site::primary); }
  drill_server& backup() { return site_->server(drill_site::backup); }
  [[nodiscard]] const drill_settings& settings() const { return settings_; }
  drill_facts& facts() { return facts_; }
  [[nodiscard]] bool is(drill_pace pace) const { return settings_.pace == pace; }

  void say(const std::string& what) const { settings_.progress(facts_.scenario + ": " + what); }

  /// At the pace of the settings.
  void start_load(drill_mix mix = drill_mix::orders);
  void start_load(const load_options& options, drill_mix mix);
  /// No further calls; returns when all have ended. Their records stay.
  void end_load();
  /// The same for calls that are only to be stored,
  void take(batch_load& load);
  /// and for callers of stored calls: they end, the store comes to rest, and is verified.
  void take(stored_load& load);
  /// Something measured, that is told and not judged.
  void figure(std::string name, double value);
  /// A share of the load's duration passes.
  void play(double share);

  /// Something is broken now: what calls suffer from here on is the fault's. Recovery is possible
  /// from the first one on.
  void fault(const std::string& what);
  void kill(std::initializer_list<unsigned> servers);
  /// The primary has these rules of trouble from now on.
  void trouble(const std::string& rules, const std::string& what);

  /// Ends the load, counts what the databases have, and asks when the gateway noticed.
  drill_facts finish();

 private:
  void keep(std::vector<drill_call> calls);

  const drill_settings& settings_;
  drill_facts facts_;
  std::int64_t fault_ms_ = 0;  ///< Unix time of the first
  drill_folder folder_;
  drill_network* network_;
  drill_disk* disk_;
  std::unique_ptr<drill_load> load_;
  std::optional<drill_site> site_;
};

/// One line of the list of scenarios.
struct drill_scenario {
  std::string_view name;
  std::string_view about;  ///< for --help: what is done to the servers
  void (*play)(drill_stage&);
  /// Rules the servers begin with; null: they offer no trouble.
  const char* trouble = nullptr;
  bool own_databases = false;
  unsigned processes = 1;
  std::optional<unsigned> workers = std::nullopt;
  int fault_code = 0;           ///< of the gateway's pool; 0: none
  bool in_network = false;      ///< the primary has one of its own: see drill_network.hpp
  bool own_pace = false;        ///< it makes its own load, whatever the pace
  bool store = false;           ///< the gateway has a call store
  std::size_t store_bytes = 0;  ///< on a disk of its own, so large: see drill_disk.hpp
  /// The servers' databases are in memory, where that can be had: the disk is the gateway's. Each
  /// has its own then: one that is shared is never checkpointed, and grows too large.
  bool orders_in_memory = false;
  std::string_view rules{};  ///< of its configuration
};

/// What is promised when a server, or a part of it, dies: nobody waits for it.
void promise_as_crash(drill_stage& on);
/// What is promised when it says nothing more: it is left within 300 ms.
void promise_as_frozen(drill_stage& on);

/// The list, by what is wrong with the servers.
[[nodiscard]] std::span<const drill_scenario> crash_scenarios();
[[nodiscard]] std::span<const drill_scenario> trouble_scenarios();
[[nodiscard]] std::span<const drill_scenario> worker_scenarios();
[[nodiscard]] std::span<const drill_scenario> stored_scenarios();
[[nodiscard]] std::span<const drill_scenario> backlog_scenarios();

}  // namespace understudy::app
