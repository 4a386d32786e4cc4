// sqlite_calls: where calls wait: ready, due later, or behind another of their line.
#include "store/sqlite/sqlite_calls.hpp"

namespace understudy::store::sqlite {

live_call read_live(const rows& row) {
  live_call out;
  out.id = row.integer(0);
  out.service = row.integer(1);
  out.rank = row.integer(2);
  out.due = row.integer(3);
  out.deadline = row.integer(4);
  out.attempts = static_cast<unsigned>(row.integer(5));
  out.flags = static_cast<unsigned>(row.integer(6));
  out.line_seq = row.integer(7);
  out.settled = row.integer(8);
  out.stored = true;
  return out;
}

std::optional<live_call> sqlite_calls::live_row(std::int64_t id) {
  auto row = sql_->select_live.query(id);
  if (!row.next()) return std::nullopt;
  return read_live(row);
}

void sqlite_calls::put_live(const live_call& live) {
  sql_->put_live.run(live.id, live.service, live.rank, live.due, live.deadline, live.attempts,
                     live.flags, live.line_seq, live.settled);
}

void sqlite_calls::enqueue(live_call live, bool first_of_line) {
  live.flags &= ~flag::behind;
  if (!first_of_line) live.flags |= flag::behind;
  put_live(live);
  schedule_.enter(live, now_ms());
}

bool sqlite_calls::join_line(live_call& live, std::string_view line) {
  bool first = false;
  {
    auto row = sql_->first_line.query(live.service, line);
    first = !row.next();
  }
  live.line_seq = ids_.draw(now_);
  sql_->insert_line.run(live.service, line, live.line_seq, live.id);
  return first;
}

// The next one, if it was behind the one that leaves, takes its place.
void sqlite_calls::leave_line(std::int64_t service, std::string_view line, std::int64_t seq) {
  sql_->delete_line.run(service, line, seq);
  std::int64_t next = 0;
  {
    auto row = sql_->first_line.query(service, line);
    if (!row.next()) return;
    next = row.integer(1);
  }
  const auto found = live_row(next);
  if (!found || (found->flags & flag::behind) == 0) return;
  schedule_.leave(*found);
  enqueue(*found, true);
}

}  // namespace understudy::store::sqlite
