#include "store/sqlite/reader.hpp"

#include <algorithm>

#include "store/sqlite/id_list.hpp"

namespace understudy::store::sqlite {

namespace {

constexpr const char* look_sql =
    "SELECT c.method, c.mode, c.attempts_max, c.created, c.deadline, c.key, c.line, c.priority,"
    " c.scope, w.id, w.attempts, w.due, w.settled, d.id, d.attempts, d.state, d.error,"
    " d.finished, d.server, d.payload, x.id, x.attempts, x.reason, x.finished, x.server, x.payload,"
    " l.server, l.payload FROM call c"
    " LEFT JOIN live w ON w.id=c.id LEFT JOIN done d ON d.id=c.id"
    " LEFT JOIN dead x ON x.id=c.id LEFT JOIN last l ON l.id=c.id WHERE c.id=?";

wall_time time_of(std::int64_t ms) {
  return wall_time(std::chrono::milliseconds(ms));
}

// The ids that a filter asks for; the narrowest table that has them is walked. What waits and what
// runs is in one.
std::string list_sql(const call_filter& filter) {
  std::string sql = "SELECT id FROM ";
  if (!filter.state) {
    sql += "call AS walked WHERE id>?1";
  } else {
    switch (*filter.state) {
      case call_state::waiting:
        sql += "live AS walked WHERE id>?1";
        break;
      case call_state::running:
        sql += "call AS walked WHERE id=?1";  // each that was claimed
        break;
      case call_state::dead:
        sql += "dead AS walked WHERE id>?1";
        break;
      default:
        sql += "done AS walked WHERE id>?1 AND state=" +
               std::to_string(static_cast<int>(*filter.state));
    }
  }
  if (!filter.service.empty()) sql += " AND service=?2";
  if (!filter.key.empty())
    sql += " AND id IN (SELECT c.id FROM call c WHERE c.id=walked.id AND c.key=?3)";
  return sql + " ORDER BY id";
}

}  // namespace

reader::reader(const connection& db)
    : db_(&db), look_(db, look_sql), claims_(db, "SELECT ids FROM claim WHERE batch>?") {}

// There are few ids in `claim`: some times as many as run.
bool reader::claimed(std::int64_t id, std::int64_t settled) {
  for (auto row = claims_.query(settled); row.next();) {
    const auto ids = ids_of(row.bytes(0));
    if (std::ranges::find(ids, id) != ids.end()) return true;
  }
  return false;
}

std::optional<call_view> reader::look(call_id id) {
  auto row = look_.query(static_cast<std::int64_t>(id));
  if (!row.next()) return std::nullopt;
  call_view out;
  out.id = id;
  out.method = row.text(0);
  out.mode = static_cast<core::call_mode>(row.integer(1));
  out.attempts_max = static_cast<unsigned>(row.integer(2));
  out.created = time_of(row.integer(3));
  out.deadline = time_of(row.integer(4));
  out.key = row.text(5);
  out.order = row.text(6);
  out.priority = static_cast<unsigned>(row.integer(7));
  out.scope = row.text(8);
  out.server = row.text(26);
  out.payload = row.text(27);
  if (!row.null(13)) {
    out.attempts = static_cast<unsigned>(row.integer(14));
    out.state = static_cast<call_state>(row.integer(15));
    out.error = row.integer(16) != 0;
    out.finished = time_of(row.integer(17));
    out.server = row.text(18);
    out.payload = row.text(19);
  } else if (!row.null(20)) {
    out.state = call_state::dead;
    out.attempts = static_cast<unsigned>(row.integer(21));
    out.reason = static_cast<core::dead_reason>(row.integer(22));
    out.finished = time_of(row.integer(23));
    out.server = row.text(24);
    out.payload = row.text(25);
  } else {
    const bool stored = !row.null(9);
    out.attempts = static_cast<unsigned>(row.integer(10));
    const bool runs = !stored || claimed(static_cast<std::int64_t>(id), row.integer(12));
    if (runs) out.state = call_state::running;
    if (!runs) out.due = time_of(row.integer(11));
  }
  return out;
}

std::vector<call_view> reader::list(const call_filter& filter) {
  std::vector<call_view> out;
  std::int64_t service = 0;
  if (!filter.service.empty()) {
    statement named(*db_, "SELECT service FROM service WHERE name=?");
    auto row = named.query(std::string_view(filter.service));
    if (!row.next()) return out;
    service = row.integer(0);
  }
  statement select(*db_, list_sql(filter).c_str());
  const auto after = static_cast<std::int64_t>(filter.after);
  // The statement that walks is open: all see the same moment.
  const auto walk = [&](std::int64_t from) {
    auto row = select.query(from, service, std::string_view(filter.key));
    while (out.size() < filter.count_max && row.next()) {
      auto view = look(call_id{static_cast<std::uint64_t>(row.integer(0))});
      if (view && (!filter.state || view->state == *filter.state)) out.push_back(*std::move(view));
    }
  };
  try {
    if (filter.state != call_state::running) {
      walk(after);
      return out;
    }
    statement moment(*db_, "SELECT 1 FROM meta");
    auto held = moment.query();
    static_cast<void>(held.next());
    std::vector<std::int64_t> ids;
    statement all(*db_, "SELECT ids FROM claim");
    for (auto row = all.query(); row.next();) {
      for (const std::int64_t id : ids_of(row.bytes(0))) {
        if (id > after) ids.push_back(id);
      }
    }
    std::ranges::sort(ids);
    const auto twice = std::ranges::unique(ids);
    ids.erase(twice.begin(), twice.end());
    for (const std::int64_t id : ids) walk(id);
  } catch (const error& e) {
    if ((e.code() & 0xff) != SQLITE_INTERRUPT) throw;
  }
  return out;
}

}  // namespace understudy::store::sqlite
