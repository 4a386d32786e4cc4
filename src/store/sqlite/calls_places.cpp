// sqlite_calls: where calls wait: ready, due later, or behind another of their line.
#include <algorithm>

#include "store/sqlite/sqlite_calls.hpp"

namespace understudy::store::sqlite {

void sqlite_calls::put_ready(const live_call& live, std::int64_t seq) {
  sql_->insert_ready.run(live.service, live.rank, seq, live.id, live.attempts, live.flags,
                         live.line_seq);
  services_->at(live.service).maybe_ready = true;
}

void sqlite_calls::enqueue(const live_call& live, std::int64_t due, bool first_of_line) {
  waiting_place to;
  to.due = due;
  if (!first_of_line) {
    to.where = place::behind;
  } else if (due > now_ms()) {
    to.where = place::sched;
    sql_->insert_sched.run(due, live.id, live.deadline);
    next_due_ = std::min(next_due_, wall_time(std::chrono::milliseconds(due)));
  } else {
    to.seq = ids_.draw(now_);
    put_ready(live, to.seq);
  }
  sql_->insert_waiting.run(live.deadline, live.id, live.service, live.rank,
                           static_cast<int>(to.where), to.seq, to.due, live.attempts, live.flags,
                           live.line_seq);
  next_deadline_ =
      std::min(next_deadline_, wall_time(std::chrono::milliseconds(live.deadline + 1)));
}

std::optional<std::pair<sqlite_calls::live_call, sqlite_calls::waiting_place>>
sqlite_calls::waiting(std::int64_t deadline, std::int64_t id) {
  auto row = sql_->select_waiting.query(deadline, id);
  if (!row.next()) return std::nullopt;
  std::pair<live_call, waiting_place> out;
  live_call& live = out.first;
  live.id = id;
  live.service = row.integer(0);
  live.rank = row.integer(1);
  out.second.where = static_cast<place>(row.integer(2));
  out.second.seq = row.integer(3);
  out.second.due = row.integer(4);
  live.attempts = static_cast<unsigned>(row.integer(5));
  live.flags = static_cast<unsigned>(row.integer(6));
  live.line_seq = row.integer(7);
  live.deadline = deadline;
  return out;
}

void sqlite_calls::take_out(const live_call& live, const waiting_place& from) {
  if (from.where == place::ready) sql_->delete_ready.run(live.service, live.rank, from.seq);
  if (from.where == place::sched) sql_->delete_sched.run(from.due, live.id);
  sql_->delete_waiting.run(live.deadline, live.id);
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
  std::int64_t deadline = 0;
  {
    auto row = sql_->select_terms.query(next);
    if (row.next()) deadline = row.integer(7);
  }
  const auto found = waiting(deadline, next);
  if (!found || found->second.where != place::behind) return;
  sql_->delete_waiting.run(deadline, next);
  enqueue(found->first, found->second.due, true);
}

}  // namespace understudy::store::sqlite
