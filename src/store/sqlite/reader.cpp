#include "store/sqlite/reader.hpp"

namespace understudy::store::sqlite {

namespace {

constexpr const char* look_sql =
    "SELECT c.method, c.mode, c.attempts_max, c.created, c.deadline, c.key, c.line, c.priority,"
    " c.scope, w.id, w.attempts, w.due, r.id, r.attempts, d.id, d.attempts, d.state, d.error,"
    " d.finished, d.server, d.payload, x.id, x.attempts, x.reason, x.finished, x.server, x.payload,"
    " l.server, l.payload FROM call c"
    " LEFT JOIN waiting w ON w.deadline=c.deadline AND w.id=c.id"
    " LEFT JOIN running r ON r.id=c.id LEFT JOIN done d ON d.id=c.id"
    " LEFT JOIN dead x ON x.id=c.id LEFT JOIN last l ON l.id=c.id WHERE c.id=?";

wall_time time_of(std::int64_t ms) {
  return wall_time(std::chrono::milliseconds(ms));
}

// The ids that a filter asks for; the narrowest table that has them is walked.
std::string list_sql(const call_filter& filter) {
  std::string sql = "SELECT id FROM ";
  if (!filter.state) {
    sql += "call AS walked WHERE id>?1";
  } else {
    switch (*filter.state) {
      case call_state::waiting:
        sql += "waiting AS walked WHERE id>?1";
        break;
      case call_state::running:
        sql += "running AS walked WHERE id>?1";
        break;
      case call_state::dead:
        sql += "dead AS walked WHERE id>?1";
        break;
      default:
        sql += "done AS walked WHERE id>?1 AND state=" +
               std::to_string(static_cast<int>(*filter.state));
    }
  }
  if (!filter.service.empty()) sql += " AND service=?3";
  if (!filter.key.empty())
    sql += " AND id IN (SELECT c.id FROM call c WHERE c.id=walked.id AND c.key=?4)";
  return sql + " ORDER BY id LIMIT ?2";
}

}  // namespace

reader::reader(const connection& db) : db_(&db), look_(db, look_sql) {}

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
  out.server = row.text(27);
  out.payload = row.text(28);
  if (!row.null(9)) {
    out.attempts = static_cast<unsigned>(row.integer(10));
    out.due = time_of(row.integer(11));
  } else if (!row.null(12)) {
    out.state = call_state::running;
    out.attempts = static_cast<unsigned>(row.integer(13));
  } else if (!row.null(14)) {
    out.attempts = static_cast<unsigned>(row.integer(15));
    out.state = static_cast<call_state>(row.integer(16));
    out.error = row.integer(17) != 0;
    out.finished = time_of(row.integer(18));
    out.server = row.text(19);
    out.payload = row.text(20);
  } else if (!row.null(21)) {
    out.state = call_state::dead;
    out.attempts = static_cast<unsigned>(row.integer(22));
    out.reason = static_cast<core::dead_reason>(row.integer(23));
    out.finished = time_of(row.integer(24));
    out.server = row.text(25);
    out.payload = row.text(26);
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
  try {
    auto row = select.query(after, filter.count_max, service, std::string_view(filter.key));
    while (row.next()) {
      // The statement that walks is open: both see the same moment.
      if (auto view = look(call_id{static_cast<std::uint64_t>(row.integer(0))})) {
        out.push_back(*std::move(view));
      }
    }
  } catch (const error& e) {
    if ((e.code() & 0xff) != SQLITE_INTERRUPT) throw;
  }
  return out;
}

}  // namespace understudy::store::sqlite
