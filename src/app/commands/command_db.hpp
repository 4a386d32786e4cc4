// `understudy db ...`: the database clusters that a gateway supervises.
#pragma once

#include <chrono>
#include <string>

#include "app/config/config.hpp"

namespace understudy::app {

struct db_command {
  std::string at = default_http_address;  ///< the gateway's http (or admin) address
  std::string name;                       ///< the database; empty: all (status), or the only one
  unsigned node = 0;                      ///< a node's number; 0: none is named
  unsigned other = 0;                     ///< of clone: the donor; of replace: the new one
  std::string state;                      ///< of maintenance: "on" or "off"
  bool json = false;
  /// How long the outcome is waited for, and progress told.
  std::chrono::milliseconds patience = std::chrono::minutes(1);
  /// The same for long works.
  std::chrono::milliseconds job_patience = std::chrono::hours(12);
  bool stop = false;    ///< of verify: ends what runs
  std::string file;     ///< of rotate-password: the new secret
  bool finish = false;  ///< of rotate-password: the old one becomes invalid
};

int run_db_status(const db_command& command);
// Orders: each is told to the gateway, and followed until it is carried out or refused. On standard
// error, for people, what happens meanwhile. Exit codes as everywhere; 5: it was not carried out
// within `patience`, and may be yet.
int run_db_bootstrap(const db_command& command);
int run_db_switchover(const db_command& command);
int run_db_takeover(const db_command& command);
int run_db_maintenance(const db_command& command);
int run_db_rejoin(const db_command& command);
int run_db_clone(const db_command& command);
int run_db_node_add(const db_command& command);
int run_db_node_remove(const db_command& command);
/// Adds `other`, and removes `node` when that is a member.
int run_db_node_replace(const db_command& command);

}  // namespace understudy::app
