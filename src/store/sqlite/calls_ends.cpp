// sqlite_calls: how attempts and calls end.
#include <span>

#include "store/sqlite/sqlite_calls.hpp"

namespace understudy::store::sqlite {

namespace {

constexpr std::chrono::hours webhook_lifetime{24};

// An address as a JSON string: a configuration has checked that it is one.
std::string quoted(std::string_view address) {
  std::string out = "\"";
  for (const char c : address) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + '"';
}

}  // namespace

bool sqlite_calls::report(const attempt_report& attempt) {
  ++operations_;
  const auto live = take_running(static_cast<std::int64_t>(attempt.id), attempt.token);
  if (!live) {
    ++fenced_;
    return false;
  }
  after(*live, attempt.next, attempt);
  return true;
}

// Nothing where another attempt has it, or none.
std::optional<live_call> sqlite_calls::take_running(std::int64_t id, const attempt_token& token) {
  const running_call* const found = running_.find(id);
  if (found == nullptr || token != attempt_token{term_, found->number}) return std::nullopt;
  const live_call live = found->live;
  claims_->ends(found->batch);
  running_.remove(id);
  return live;
}

// Its claim is over.
void sqlite_calls::after(live_call live, core::call_next next, const attempt_report& attempt) {
  service_state& service = services_->touch(live.service);
  --service.counts.running;
  if (next.counted) {
    ++live.attempts;
    ++service.counts.attempts;
  }
  if (attempt.may_have_run) live.flags |= flag::ran;
  if (next.state == call_state::waiting && (live.flags & flag::cancelled) != 0) {
    next = core::end_waiting(call_state::cancelled, (live.flags & flag::ran) != 0);
  }
  if (next.state != call_state::waiting) {
    finish(live, {next, attempt.error, attempt.payload, attempt.server});
    return;
  }
  if (!attempt.payload.empty() || !attempt.server.empty()) {
    sql_->insert_last.run(live.id, std::string_view(attempt.server),
                          std::string_view(attempt.payload));
    live.flags |= flag::last;
  }
  ++service.counts.waiting;
  live.due = next.due.time_since_epoch().count();
  live.settled = ids_.last();
  // The first of its line stays it while it waits to be tried again.
  enqueue(live, true);
}

// It neither waits nor runs, and is no longer counted so; `line`, `last` and `live` may have it.
void sqlite_calls::finish(const live_call& live, const ending& how) {
  service_state& service = services_->touch(live.service);
  const bool dead = how.next.state == call_state::dead;
  call_ending ended;
  ended.id = call_id{static_cast<std::uint64_t>(live.id)};
  ended.state = how.next.state;
  ended.error = how.error && how.next.state == call_state::done;
  ended.reason = how.next.reason;
  ended.payload = how.payload;
  std::string server(how.server);
  if ((live.flags & flag::last) != 0) {
    if (auto row = sql_->select_last.query(live.id); row.next()) {
      if (server.empty()) server = row.text(0);
      if (ended.state != call_state::done && ended.payload.empty()) ended.payload = row.text(1);
    }
    sql_->delete_last.run(live.id);
  }
  if (live.stored) sql_->delete_live.run(live.id);
  std::int64_t line_seq = live.line_seq;
  if (line_seq != 0) {
    std::string line;
    bool blocks = false;
    if (auto row = sql_->select_line.query(live.id); row.next()) {
      line = row.text(0);
      blocks = static_cast<core::on_dead>(row.integer(1)) == core::on_dead::block;
    }
    if (!dead || !blocks) {
      leave_line(live.service, line, line_seq);
      line_seq = 0;
    }
  }
  if (dead) {
    sql_->insert_dead.run(live.id, live.service, static_cast<int>(ended.reason), live.attempts,
                          live.flags & (flag::ran | flag::webhook), line_seq, now_ms(),
                          std::string_view(server), std::string_view(ended.payload));
  } else {
    sql_->insert_done.run(live.id, live.service, static_cast<int>(ended.state), ended.error ? 1 : 0,
                          live.attempts, now_ms(), std::string_view(server),
                          std::string_view(ended.payload));
    ended_.push_back(live.id);
  }
  ++service.count(ended.state);
  ended.webhook = webhook_of(live.id, live.flags);
  if (!ended.webhook.empty()) tell_webhook(ended);
  told_.ended.push_back(std::move(ended));
}

call_state sqlite_calls::finish_waiting(const live_call& live, call_state state) {
  schedule_.leave(live);
  --services_->touch(live.service).counts.waiting;
  ending how;
  how.next = core::end_waiting(state, (live.flags & flag::ran) != 0);
  finish(live, how);
  return how.next.state;
}

// In the same commit, so that no end goes untold: another call, which is tried until it is heard.
// No quota holds it up: there is at most one for each call.
void sqlite_calls::tell_webhook(const call_ending& ended) {
  service_state* const named = services_->named(std::string(webhook_service));
  if (named == nullptr) return;  // there are as many services as can be
  service_state& service = services_->touch(named->number);
  new_call notice;
  notice.method = webhook_service;
  notice.params =
      "{\"url\":" + quoted(ended.webhook) + ",\"call\":\"" + format_ticket(tag_, ended.id) + "\"}";
  notice.context = "[]";
  notice.terms.mode = core::call_mode::queued;
  notice.terms.deadline = now_ + webhook_lifetime;
  live_call live;
  live.id = ids_.draw(now_);
  live.service = service.number;
  live.rank = rank_of(notice.terms);
  live.due = now_ms();
  live.deadline = notice.terms.deadline.time_since_epoch().count();
  insert(notice, live);
  ++rows_;
  ++service.counts.accepted;
  ++service.counts.waiting;
  enqueue(live, true);
}

void sqlite_calls::lose(const live_call& live) {
  attempt_report lost;
  lost.may_have_run = true;
  after(live, core::after_lost_claim(terms_of(live.id), live.attempts, now_), lost);
}

core::stored_terms sqlite_calls::terms_of(std::int64_t id) {
  core::stored_terms terms;
  auto row = sql_->select_terms.query(id);
  if (!row.next()) return terms;
  terms.mode = static_cast<core::call_mode>(row.integer(1));
  terms.priority = static_cast<std::uint8_t>(row.integer(2));
  terms.unknown = static_cast<core::on_unknown>(row.integer(3));
  terms.dead = static_cast<core::on_dead>(row.integer(4));
  terms.attempts_max = static_cast<std::uint16_t>(row.integer(5));
  terms.deadline = wall_time(std::chrono::milliseconds(row.integer(7)));
  return terms;
}

std::optional<call_state> sqlite_calls::cancel(call_id which) {
  ++operations_;
  const auto id = static_cast<std::int64_t>(which);
  if (const running_call* const runs = running_.find(id)) {
    live_call live = runs->live;
    live.flags |= flag::cancelled;
    live.stored = true;
    put_live(live);
    running_.update(live);
    return call_state::running;
  }
  if (const auto live = live_row(id)) return finish_waiting(*live, call_state::cancelled);
  {
    auto row = sql_->select_terms.query(id);
    if (!row.next()) return std::nullopt;
  }
  if (auto row = sql_->select_done.query(id); row.next()) {
    return static_cast<call_state>(row.integer(1));
  }
  return cancel_dead(id);
}

// Cancelled means no effect: where an attempt may have run it stays dead.
call_state sqlite_calls::cancel_dead(std::int64_t id) {
  live_call live;
  live.id = id;
  std::string payload;
  std::string server;
  {
    auto row = sql_->select_dead.query(id);
    if (!row.next()) return call_state::dead;
    live.service = row.integer(0);
    live.attempts = static_cast<unsigned>(row.integer(2));
    live.flags = static_cast<unsigned>(row.integer(3));
    live.line_seq = row.integer(4);
    server = row.text(5);
    payload = row.text(6);
  }
  if ((live.flags & flag::ran) != 0) return call_state::dead;
  sql_->delete_dead.run(id);
  --services_->touch(live.service).counts.dead;
  ending how;
  how.next.state = call_state::cancelled;
  how.payload = payload;
  how.server = server;
  finish(live, how);
  return call_state::cancelled;
}

}  // namespace understudy::store::sqlite
