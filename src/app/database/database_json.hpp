// What a gateway knows of its databases, as JSON.
#pragma once

#include <string>

#include "app/database/database.hpp"

namespace understudy::app {

/// {"name","phase","epoch","gen","acts","maintenance","primary","sync":[],"next"?,
///  "durability":"replicated"|"local"|"none",
///  "nodes":[{"id","address","agent","role","member","state","server_id"?,"read_only"?,"position"?,
///            "received"?,"behind"?,"receiving"?,"applying"?,"error"?}],
///  "endpoints":[{"name","address","state","epoch","connections","waiting","in_transaction",
///                "accepted","refused","ended","cut","targets":[{"address","connections"}]}]}
/// phase is "unknown" where there is no topology. `durability` is what an acknowledged commit
/// means: replicated = on a member's disk or memory, too; local = on the primary's disk alone; none
/// = nothing is acknowledged now. `state` of a node: "up", or "silent" where it does not answer.
void append_json(std::string& out, const database_status& status);

}  // namespace understudy::app
