#include "app/drill/drill_scenarios.hpp"

#include <algorithm>
#include <optional>
#include <stdexcept>

#include "app/drill/drill_database.hpp"
#include "app/drill/drill_stage.hpp"

namespace understudy::app {

namespace {

// A call per second takes a while to show anything.
constexpr std::chrono::seconds trickle_duration{12};
constexpr std::size_t orders_bytes_max = std::size_t{2} << 30U;
constexpr std::string_view in_all[] = {"crash", "all-down", "failback", "drain", "rolling-restart"};

template <typename Function>
void for_each_scenario(Function look) {
  for (const auto& list : {crash_scenarios(), trouble_scenarios(), worker_scenarios(),
                           stored_scenarios(), backlog_scenarios()}) {
    for (const auto& one : list) look(one);
  }
}

template <typename Function>
void for_each_database_scenario(Function look) {
  for (const auto& list : {database_scenarios(), outage_scenarios()}) {
    for (const auto& one : list) look(one);
  }
}

drill_site_options site_options(const drill_scenario& one) {
  drill_site_options options;
  options.own_databases = one.own_databases;
  options.processes = one.processes;
  options.workers = one.workers;
  if (one.trouble != nullptr) options.trouble = one.trouble;
  options.store = one.store;
  options.rules = one.rules;
  if (one.fault_code != 0) options.fault_codes = {one.fault_code};
  return options;
}

}  // namespace

std::vector<drill_scenario_info> known_scenarios() {
  std::vector<drill_scenario_info> known;
  for_each_scenario([&](const drill_scenario& one) {
    const bool all = std::find(std::begin(in_all), std::end(in_all), one.name) != std::end(in_all);
    known.push_back({std::string(one.name), std::string(one.about), one.own_pace, all});
  });
  for_each_database_scenario([&](const database_scenario& one) {
    known.push_back({std::string(one.name), std::string(one.about), true, false});
  });
  return known;
}

std::string_view suffix_of(drill_pace pace) {
  switch (pace) {
    case drill_pace::normal:
      return "";
    case drill_pace::trickle:
      return "-trickle";
    case drill_pace::saturated:
      return "-saturated";
  }
  return "";
}

drill_facts run_scenario(std::string_view name, const drill_settings& settings) {
  const database_scenario* of_database = nullptr;
  for_each_database_scenario([&](const database_scenario& one) {
    if (one.name == name) of_database = &one;
  });
  if (of_database != nullptr) return play(*of_database, settings);
  const drill_scenario* found = nullptr;
  for_each_scenario([&](const drill_scenario& one) {
    if (one.name == name) found = &one;
  });
  if (found == nullptr) throw std::runtime_error("There is no scenario " + std::string(name) + ".");
  drill_settings own = settings;
  if (settings.pace == drill_pace::trickle) {
    own.calls_per_second = 1;
    own.duration = std::max<std::chrono::milliseconds>(settings.duration, trickle_duration);
  }
  const std::string whole_name = std::string(name) + std::string(suffix_of(settings.pace));
  auto options = site_options(*found);
  std::optional<drill_network> network;
  std::optional<drill_disk> store_disk;
  std::optional<drill_disk> orders_disk;
  try {
    if (found->in_network) options.network = &network.emplace();
    if (found->store_bytes > 0) {
      options.store_disk = &store_disk.emplace(found->store_bytes);
    }
  } catch (const drill_unavailable& error) {
    drill_facts facts;
    facts.scenario = whole_name;
    facts.skipped = error.what();
    return facts;
  }
  try {
    if (found->orders_in_memory) options.orders_disk = &orders_disk.emplace(orders_bytes_max);
  } catch (const drill_unavailable&) {
    // They are on the disk then, which takes longer.
  }
  drill_stage on(whole_name, own, options);
  found->play(on);
  return on.finish();
}

}  // namespace understudy::app
