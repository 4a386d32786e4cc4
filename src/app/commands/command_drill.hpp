// `understudy drill SCENARIO..`: starts real servers and a gateway on this machine, loads them,
// breaks one, and prints what a caller saw.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace understudy::app {

/// One flag each.
struct drill_options {
  std::vector<std::string> scenarios;  ///< SCENARIO.. (at least one): see drill_scenario_names()
  double calls_per_second = 50;        ///< --calls-per-second R
  std::chrono::milliseconds duration{4000};  ///< --duration (CLI: seconds) of the load; longer
                                             ///< where a scenario waits for something
  std::optional<unsigned> kills;             ///< --kills N: of the gateway (20), in kill-gateway;
                                             ///< of the primary (3), in db-crash
  std::uint64_t calls = 1'000'000;           ///< --calls N: that wait, in backlog
  std::uint64_t seed = 1;                    ///< --seed N: of what happens at random instants
  std::string json;    ///< --json FILE, `-` = standard output instead of the table
  bool keep = false;   ///< --keep: leave the folder with database and logs, and say where it is
  std::string orders;  ///< --orders FILE: the example server; empty: beside this program
};

/// What SCENARIO may be, `all` first; most also with `-trickle` behind it (one call per second) and
/// `-saturated` (a closed loop as fast as the servers answer, not calls_per_second).
[[nodiscard]] std::vector<std::string> drill_scenario_names();
/// The same, one line each, with what is done to the servers.
[[nodiscard]] std::string drill_scenario_help();

/// Call it on the main thread. Progress goes to standard error, the table or JSON to standard
/// output. The JSON has `calls` = acknowledged + failed + writes that were in flight when their
/// server died (-32001: they may have run and were not repeated); the table shows these apart.
/// Returns 0; 1 where a promise was broken; 2 for wrong options; 3 where the processes cannot be
/// started; 130 after Ctrl-C. What it started has been stopped when it returns.
int run_drill(const drill_options& options);

}  // namespace understudy::app
