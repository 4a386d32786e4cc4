// What is defined on a server: tables, views, triggers, routines, events.
#pragma once

#include <map>
#include <string>
#include <tuple>

#include "core/types.hpp"
#include "db/session.hpp"

namespace understudy::db {

struct definition_name {
  std::string object;  ///< "table", "view", ...
  std::string database;
  std::string name;
  friend auto operator<=>(const definition_name&, const definition_name&) = default;
};

/// Of each, what differs where the definition does. The next value of AUTO_INCREMENT is no part of
/// it, and neither is whether an event is switched on: replicas have it off.
using definitions = std::map<definition_name, std::string>;

/// Outside of the databases apart. What vanishes meanwhile is left out.
[[nodiscard]] fault read_definitions(session& on, core::time_point deadline, definitions& into);

/// SHOW CREATE TABLE without its AUTO_INCREMENT=.
[[nodiscard]] std::string without_next_number(std::string text);

}  // namespace understudy::db
