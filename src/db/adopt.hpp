// Whether a MariaDB server that has data already can become the first primary of a cluster.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/cluster/gtid.hpp"
#include "core/types.hpp"
#include "db/session.hpp"
#include "db/settings.hpp"

namespace understudy::db {

struct adopt_task {
  endpoint at;
  /// Who looks, and changes: one who may do everything, as root over the socket. The supervisor
  /// itself sees enough to look once its account is as it must be.
  login administrator;
  login supervisor;      ///< whose account is to be made or completed
  core::node_id node{};  ///< which the server is to be
  /// Where the others will reach it: it must listen there.
  std::string address;
  const interrupt* stop = nullptr;
  core::time_point deadline = core::time_point::max();
};

enum class adopt_weight : std::uint8_t {
  blocks,   ///< it can not be adopted until somebody has done something about it
  restart,  ///< the lines for its settings, and a restart
  fixable,  ///< adopt_fix does it while the server runs
  warns,    ///< it can be adopted; somebody should know
};

struct adopt_finding {
  adopt_weight weight{};
  std::string about;  ///< "version", "history", "engines", or the name of a setting
  std::string text;   ///< a sentence, which says what to do
};

/// Where the server has its things, for an agent and mariadb-backup on its host.
struct adopt_place {
  std::string data;
  std::string socket;
  std::string error_log;
  std::string binary_log;   ///< path without the number; empty: it has none
  std::uint64_t bytes = 0;  ///< of tables and indexes, about
};

struct adopt_report {
  std::string failed;  ///< a sentence: it could not be looked at; empty: it was
  std::string version;
  std::vector<adopt_finding> findings;
  adopt_place place;
  /// What adopt_fix runs, one by one: for people to see before.
  std::vector<std::string> statements;
  /// For a file in its folder of settings; empty: nothing there has to change. All that are
  /// needed: those that adopt_fix changes would be lost with the next start.
  std::string settings;

  [[nodiscard]] bool has(adopt_weight weight) const;
  /// Nothing is left to be done.
  [[nodiscard]] bool ready() const;
};

/// Looks, and changes nothing. Names of tables are given up to twenty; the numbers are of all.
[[nodiscard]] adopt_report inspect(const adopt_task& task);

/// Runs statements of a report, all of them, whichever fail; returns a sentence for each that did.
/// They are not replicated, and say no password. Sessions that are open keep some of what was
/// set before until they connect again, as the report says.
[[nodiscard]] std::vector<std::string> adopt_fix(const adopt_task& task,
                                                 const std::vector<std::string>& statements);

}  // namespace understudy::db
