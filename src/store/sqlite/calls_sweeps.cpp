// sqlite_calls: what time brings. So much at most in one transaction; next() asks for the rest.
#include <algorithm>
#include <span>

#include "store/sqlite/sqlite_calls.hpp"

namespace understudy::store::sqlite {

namespace {

constexpr std::size_t chunk = 1000;

wall_time time_of(std::int64_t ms) {
  return wall_time(std::chrono::milliseconds(ms));
}

}  // namespace

void sqlite_calls::advance() {
  if (next_due_ <= now_) wake_due();
  if (next_deadline_ <= now_) expire();
  if (now_ >= leases_frozen_until_) end_leases();
}

void sqlite_calls::wake_due() {
  struct entry {
    std::int64_t due, id, deadline;
  };
  std::vector<entry> due;
  {
    auto row = sql_->due_sched.query(now_ms(), chunk);
    while (row.next()) due.push_back({row.integer(0), row.integer(1), row.integer(2)});
  }
  for (const entry& each : due) {
    sql_->delete_sched.run(each.due, each.id);
    const auto found = waiting(each.deadline, each.id);
    if (!found) continue;
    const std::int64_t seq = ids_.draw(now_);
    put_ready(found->first, seq);
    sql_->move_waiting.run(static_cast<int>(place::ready), seq, each.deadline, each.id);
  }
  auto row = sql_->first_sched.query();
  const bool any = row.next() && !row.null(0);
  next_due_ = any ? time_of(row.integer(0)) : wall_time::max();
}

void sqlite_calls::expire() {
  std::vector<std::pair<std::int64_t, std::int64_t>> over;
  {
    auto row = sql_->due_waiting.query(now_ms(), chunk);
    while (row.next()) over.emplace_back(row.integer(0), row.integer(1));
  }
  for (const auto& [deadline, id] : over) {
    const auto found = waiting(deadline, id);
    if (!found) continue;
    const live_call& live = found->first;
    take_out(live, found->second);
    --services_->touch(live.service).counts.waiting;
    ending how;
    how.next = core::end_waiting(call_state::expired, (live.flags & flag::ran) != 0);
    finish(live, how);
  }
  auto row = sql_->first_deadline.query();
  const bool any = row.next() && !row.null(0);
  next_deadline_ = any ? time_of(row.integer(0) + 1) : wall_time::max();
}

void sqlite_calls::end_leases() {
  for (std::size_t i = 0; i < chunk; ++i) {
    const auto ended = leases_.ended(now_);
    if (!ended) return;
    lose(ended->first, {term_, ended->second});
  }
}

void sqlite_calls::renew(std::span<const held_claim> claims) {
  for (const held_claim& each : claims) {
    if (each.token.term != term_) continue;
    leases_.renew(static_cast<std::int64_t>(each.id), each.token.number, now_);
  }
}

void sqlite_calls::forget_old() {
  if (next_forgotten_ > now_) return;
  struct entry {
    std::int64_t place, id;
  };
  std::vector<entry> old;
  next_forgotten_ = wall_time::max();
  {
    auto row = sql_->due_ended.query(chunk);
    while (row.next()) {
      const wall_time until = time_of(row.integer(2)) + options_.result_kept;
      if (until > now_) {
        next_forgotten_ = until;
        break;
      }
      old.push_back({row.integer(0), row.integer(1)});
    }
  }
  if (old.empty()) return;
  for (const entry& each : old) {
    std::int64_t service = 0;
    call_state state = call_state::done;
    if (auto row = sql_->select_done.query(each.id); row.next()) {
      service = row.integer(0);
      state = static_cast<call_state>(row.integer(1));
    }
    sql_->delete_done.run(each.id);
    forget(each.id, service, state);
  }
  sql_->delete_ended.run(old.back().place);
  if (old.size() == chunk) next_forgotten_ = now_;
}

void sqlite_calls::forget(std::int64_t id, std::int64_t service, call_state state) {
  std::optional<print> key;
  if (auto row = sql_->select_print.query(id); row.next()) {
    std::ranges::copy(row.bytes(0).substr(0, key.emplace().size()), key->begin());
  }
  if (key) {
    sql_->delete_print.run(id);
    forget_key(*key, id);
  }
  sql_->delete_call.run(id);
  ++services_->touch(service).purged(state);
  --rows_;
}

}  // namespace understudy::store::sqlite
