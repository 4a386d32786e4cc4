// What long works about a database have found, as JSON.
#pragma once

#include <string>
#include <vector>

#include "db/adopt.hpp"
#include "db/verify.hpp"

namespace understudy::app {

/// No report has more of them; then "more" is true.
inline constexpr std::size_t differences_told_max = 1000;

/// {"equal","failed","stopped","at","pause_ms","attempts","compared":[node],"tables","rows",
///  "inexact":["database.table"],"gaps":[{"node","table","why"}],
///  "differences":[{"node","kind":"rows"|"missing"|"extra"|"definition","object","database","name",
///                  "from"?,"to"?,"rows_primary"?,"rows_node"?,"exact"}],"more"}
/// `failed` is a sentence, or empty. Of kind "rows" the primary key is above `from` and not above
/// `to`; empty: no bound.
void append_json(std::string& out, const db::verify_report& report);

/// {"ready","failed","version","findings":[{"weight":"blocks"|"restart"|"fixable"|"warns","about",
///  "text"}],"statements":["SQL"],"settings","data","socket","bytes"}
void append_json(std::string& out, const db::adopt_report& report);

/// {"failed":"sentence, empty where it was done","obstacles":["sentence"]}
[[nodiscard]] std::string rotation_report(const std::vector<std::string>& obstacles,
                                          const std::string& failed);

}  // namespace understudy::app
