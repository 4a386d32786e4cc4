// sqlite_calls: what time brings. So much at most in one transaction; next() asks for the rest.
#include <algorithm>
#include <span>

#include "store/sqlite/id_list.hpp"
#include "store/sqlite/sqlite_calls.hpp"

namespace understudy::store::sqlite {

namespace {

constexpr std::size_t chunk = 1000;

wall_time time_of(std::int64_t ms) {
  return wall_time(std::chrono::milliseconds(ms));
}

}  // namespace

void sqlite_calls::advance() {
  wake_due();
  expire();
  if (now_ >= leases_frozen_until_) end_leases();
}

// Nothing is written: a start sees by the time that they are due.
void sqlite_calls::wake_due() {
  for (const std::int64_t id : schedule_.due(now_ms(), chunk)) {
    const auto live = live_row(id);
    if (!live) throw error(SQLITE_CORRUPT, "a call that is due is not in the file");
    schedule_.leave(*live);
    schedule_.enter(*live, now_ms());
  }
}

void sqlite_calls::expire() {
  for (const std::int64_t id : schedule_.over(now_ms(), chunk)) {
    const auto live = live_row(id);
    if (!live) throw error(SQLITE_CORRUPT, "a call that is over is not in the file");
    static_cast<void>(finish_waiting(*live, call_state::expired));
  }
}

void sqlite_calls::end_leases() {
  for (std::size_t i = 0; i < chunk; ++i) {
    const auto ended = running_.ended(now_);
    if (!ended) return;
    if (const auto live = take_running(ended->first, {term_, ended->second})) lose(*live);
  }
}

void sqlite_calls::renew(std::span<const held_claim> claims) {
  for (const held_claim& each : claims) {
    if (each.token.term != term_) continue;
    running_.renew(static_cast<std::int64_t>(each.id), each.token.number, now_);
  }
}

void sqlite_calls::forget_old() {
  if (next_forgotten_ > now_) return;
  next_forgotten_ = wall_time::max();
  std::size_t left = chunk;
  for (;;) {
    std::int64_t place = 0;
    std::vector<std::int64_t> ids;
    {
      auto row = sql_->first_ended.query();
      if (!row.next()) return;
      next_forgotten_ = time_of(row.integer(1)) + options_.result_kept;
      if (next_forgotten_ > now_ || left == 0) return;
      place = row.integer(0);
      ids = ids_of(row.bytes(2));
    }
    const std::size_t count = std::min(left, ids.size());
    const auto old = std::span(ids).first(count);
    for (const std::int64_t id : old) forget_done(id);
    left -= count;
    if (count == ids.size()) {
      sql_->delete_ended.run(place);
    } else {
      sql_->update_ended.run(bytes_of(std::span(ids).subspan(count)), place);
    }
  }
}

void sqlite_calls::forget_done(std::int64_t id) {
  std::int64_t service = 0;
  call_state state = call_state::done;
  {
    auto row = sql_->select_done.query(id);
    if (!row.next()) return;
    service = row.integer(0);
    state = static_cast<call_state>(row.integer(1));
  }
  sql_->delete_done.run(id);
  forget(id, service, state);
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
