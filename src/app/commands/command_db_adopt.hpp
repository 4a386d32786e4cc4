// `understudy db adopt` and `understudy db prepare`: a server that has data becomes a first
// primary.
#pragma once

#include <boost/json/value.hpp>
#include <string>

#include "app/commands/command_db.hpp"

namespace understudy::app {

struct db_prepare_command {
  std::string config;
  std::string database;  ///< empty: the only one
  unsigned node = 0;     ///< which the server is to be
  std::string socket;    ///< of the server, which runs on this host
  std::string user = "root";
  bool yes = false;  ///< run what can be done while the server runs
  bool json = false;
};

/// On the server's host, by whom the server lets in over its socket. Says what is in the way of an
/// adoption, and changes nothing but with `yes`. Exit codes: 0 it can be adopted, 2 wrong usage or
/// configuration, 3 the server was not reached, 4 something is in the way.
int run_db_prepare(const db_prepare_command& command);

/// An order as in command_db.hpp. Where the server is not ready (exit code 4) what is in the way is
/// told on standard output, with --json as the gateway says it.
int run_db_adopt(const db_command& command);

/// A report (database_reports.hpp) for people: what is in the way and what to do, the SQL to run as
/// root, and lines for the server's settings.
[[nodiscard]] std::string adoption_text(const boost::json::value& report);

}  // namespace understudy::app
