// Whether a replica has what was committed. An OK does not say it: KILL QUERY of any session of the
// same account lets a commit that waits for its acknowledgement return, and so does a server whose
// semi-sync replication is switched off meanwhile.
#include <mysqld_error.h>

#include "once_mariadb/connection.hpp"
#include "once_mariadb/tables.hpp"

namespace understudy {

/// From the answer to ask_standing; none where there was none.
std::optional<mariadb_session::standing> mariadb_session::read_standing() const {
  const auto& rows = connection_->rows();
  if (rows.size() != 1 || rows[0].size() != 2 || !rows[0][0]) return std::nullopt;
  standing out;
  out.server = *rows[0][0];
  out.unacknowledged = rows[0][1].value_or("");
  out.on = out.unacknowledged.ends_with(",ON");
  return out;
}

std::optional<mariadb_session::standing> mariadb_session::standing_now() {
  if (!connection_->run(detail::ask_standing, deadline_)) return std::nullopt;
  return read_standing();
}

bool mariadb_session::create_tables() {
  return connection_->run(detail::make_once_table, deadline_) &&
         connection_->run(detail::make_beat_table, deadline_);
}

// Between the two looks every commit of this server was acknowledged, this one among them. Another
// session's that was not is no proof against this one: then a later commit decides.
mariadb_session::durability mariadb_session::prove(const standing& before) {
  const auto after = standing_now();
  if (!after || after->server != before.server) return durability::promised;
  return *after == before ? durability::replica : prove_anew(before.server);
}

// A replica acknowledges what it has written to its disk, and it writes in the order of the log. So
// the acknowledgement of a later commit is one of all before it.
mariadb_session::durability mariadb_session::prove_anew(const std::string& server) {
  constexpr int beats_max = 3;
  auto before = standing_now();
  for (int i = 0; i < beats_max && before && before->on && before->server == server; ++i) {
    if (!connection_->run(detail::beat, deadline_)) {
      if (connection_->number() != ER_NO_SUCH_TABLE || !create_tables()) break;
      continue;
    }
    const auto after = standing_now();
    if (after == before) return durability::replica;
    before = after;
  }
  return durability::promised;
}

}  // namespace understudy
