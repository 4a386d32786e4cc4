// Has a gateway carry out an order about a database, and follows it.
#pragma once

#include <boost/json/value.hpp>
#include <functional>
#include <string>

#include "app/commands/command_db.hpp"

namespace understudy::app {

struct db_order {
  std::string name;  ///< the last part of the path
  std::string body;  ///< JSON, or empty
  /// Whether the document of /databases/NAME shows that it is done; the first is as it was before.
  std::function<bool(const boost::json::value& before, const boost::json::value& now)> done;
  std::string said;  ///< what is said when it is
  /// The kind of event that has to come first, where what is wanted may be so already; or empty.
  std::string begun{};
  /// The gateway's answer to the order.
  std::chrono::milliseconds answer_within = std::chrono::seconds(10);
  /// What a refusal's document says for standard output, beside its "error"; or nothing.
  std::function<std::string(const boost::json::value& why)> refused{};
};

/// Whether the document of a database shows a primary that takes writes.
[[nodiscard]] bool serves(const boost::json::value& database);

/// Prints and returns as the commands do.
int follow(const db_command& command, const db_order& order);

/// The document of the database that the command names, or of the only one, whose name is noted in
/// `command`. False: it has complained, and `exit` is how to end.
[[nodiscard]] bool find_database(db_command& command, boost::json::value& document, int& exit);

}  // namespace understudy::app
