// sqlite_calls: acceptance, keys and quotas; what an operator does with dead calls.
#include <algorithm>
#include <span>

#include "store/sqlite/sqlite_calls.hpp"

namespace understudy::store::sqlite {

namespace {

std::int64_t ms_of(wall_time time) {
  return time.time_since_epoch().count();
}

bool same(std::string_view stored, const print& asked) {
  return std::ranges::equal(
      stored, asked, [](char a, std::uint8_t b) { return static_cast<std::uint8_t>(a) == b; });
}

}  // namespace

// More urgent first; of the same priority those whose callers wait.
std::int64_t sqlite_calls::rank_of(const core::stored_terms& terms) {
  const int urgency = std::min<int>(terms.priority, 9);
  return (9 - urgency) * 2 + (terms.mode == core::call_mode::durable ? 0 : 1);
}

acceptance sqlite_calls::accept(const new_call& call) {
  ++operations_;
  if (!call.key.empty()) {
    if (auto before = known(call)) return *std::move(before);
  }
  acceptance out;
  out.reason = refusal();
  service_state* named = out.reason.empty() ? services_->named(call.service) : nullptr;
  if (named == nullptr) {
    out.what = acceptance::kind::refused;
    if (out.reason.empty()) out.reason = "the call store has as many services as it can keep";
    return out;
  }
  service_state& service = services_->touch(named->number);
  live_call live;
  live.id = ids_.draw(now_);
  live.service = service.number;
  live.rank = rank_of(call.terms);
  live.flags = call.webhook.empty() ? 0 : flag::webhook;
  live.due = std::max(ms_of(call.due), now_ms());
  live.deadline = ms_of(call.terms.deadline);
  insert(call, live);
  ++rows_;
  ++service.counts.accepted;
  ++service.counts.waiting;

  const bool first = call.order.empty() || join_line(live, call.order);
  out.id = call_id{static_cast<std::uint64_t>(live.id)};
  // Nothing of the service is ready and there is a place: it has its turn at once, in this commit.
  const bool at_once = first && places_ > 0 && !schedule_.any_ready(service.number) &&
                       service.claimable() && live.due <= now_ms() && live.deadline >= now_ms();
  if (!at_once) {
    enqueue(live, first);
    return out;
  }
  claimed_call claimed;
  claimed.service = call.service;
  claimed.method = call.method;
  claimed.params = call.params;
  claimed.context = call.context;
  claimed.key = call.key;
  claimed.terms = call.terms;
  claimed.trace = call.trace;
  start(live, std::move(claimed));
  return out;
}

void sqlite_calls::insert(const new_call& call, const live_call& live) {
  const core::stored_terms& terms = call.terms;
  sql_->insert_call.run(live.id, live.service, std::string_view(call.method),
                        std::string_view(call.params), std::string_view(call.context),
                        static_cast<int>(terms.mode), static_cast<int>(terms.priority),
                        static_cast<int>(terms.unknown), static_cast<int>(terms.dead),
                        terms.attempts_max, now_ms(), live.deadline, std::string_view(call.order),
                        std::string_view(call.key), std::string_view(call.webhook),
                        std::string_view(call.trace), std::string_view(call.scope),
                        live.deadline - now_ms());
  if (call.key.empty()) return;
  sql_->insert_print.run(live.id, std::span<const std::uint8_t>(call.key_print),
                         std::span<const std::uint8_t>(call.content_print));
  remember_key(call.key_print, live.id);
}

std::int64_t sqlite_calls::find_key(const print& key) {
  return keys_.find(key, [&](std::int64_t maybe) {
    auto row = sql_->select_print.query(maybe);
    return row.next() && same(row.bytes(0), key);
  });
}

std::optional<acceptance> sqlite_calls::known(const new_call& call) {
  const std::int64_t id = find_key(call.key_print);
  if (id == 0) return std::nullopt;
  acceptance out;
  out.id = call_id{static_cast<std::uint64_t>(id)};
  out.what = acceptance::kind::key_conflict;
  auto row = sql_->select_print.query(id);
  if (row.next() && same(row.bytes(1), call.content_print)) {
    out.what = acceptance::kind::repeated;
    out.ended = ended(id);
  }
  return out;
}

std::string sqlite_calls::refusal() {
  if (!refused_because_.empty()) return refused_because_;
  if (rows_ >= options_.rows_max) {
    return "the call store keeps " + std::to_string(rows_) + " calls, which is its limit";
  }
  if (bytes_ + wal_bytes() >= options_.bytes_max) {
    return "the call store has reached its limit of " + std::to_string(options_.bytes_max >> 20U) +
           " MiB";
  }
  return {};
}

void sqlite_calls::remember_key(const print& key, std::int64_t id) {
  keys_.insert(key, id);
  key_changes_.push_back({key, id, true});
}

void sqlite_calls::forget_key(const print& key, std::int64_t id) {
  keys_.erase(key, id);
  key_changes_.push_back({key, id, false});
}

std::string sqlite_calls::webhook_of(std::int64_t id, unsigned flags) {
  if ((flags & flag::webhook) == 0) return {};
  auto row = sql_->select_webhook.query(id);
  return row.next() ? row.text(0) : std::string();
}

std::optional<call_ending> sqlite_calls::ended(std::int64_t id) {
  call_ending out;
  out.id = call_id{static_cast<std::uint64_t>(id)};
  if (auto row = sql_->select_done.query(id); row.next()) {
    out.state = static_cast<call_state>(row.integer(1));
    out.error = row.integer(2) != 0;
    out.payload = row.text(3);
  } else if (auto dead = sql_->select_dead.query(id); dead.next()) {
    out.state = call_state::dead;
    out.reason = static_cast<core::dead_reason>(dead.integer(1));
    out.payload = dead.text(6);
  } else {
    return std::nullopt;
  }
  out.webhook = webhook_of(id, flag::webhook);
  return out;
}

std::optional<call_id> sqlite_calls::retry(call_id id, bool as_new) {
  ++operations_;
  const auto old = static_cast<std::int64_t>(id);
  live_call live;
  std::string server;
  std::string payload;
  {
    auto row = sql_->select_dead.query(old);
    if (!row.next()) return std::nullopt;
    live.id = old;
    live.service = row.integer(0);
    live.flags = static_cast<unsigned>(row.integer(3)) & (flag::ran | flag::webhook);
    live.line_seq = row.integer(4);
    server = row.text(5);
    payload = row.text(6);
  }
  std::string line;
  {
    auto row = sql_->select_line.query(old);
    if (row.next()) line = row.text(0);
  }
  const core::stored_terms terms = terms_of(old);
  std::int64_t created = 0;
  std::int64_t lifetime = 0;
  if (auto row = sql_->select_terms.query(old); row.next()) {
    created = row.integer(6);
    lifetime = row.integer(8);
  }
  if (!as_new && created < now_ms() - options_.age_max.count()) return std::nullopt;
  live.rank = rank_of(terms);
  // As much time as it had when it was accepted.
  live.deadline = now_ms() + std::max<std::int64_t>(0, lifetime);
  service_state& service = services_->touch(live.service);
  if (as_new) {
    if (!refusal().empty()) return std::nullopt;
    if (live.line_seq != 0) {
      sql_->unblock_dead.run(old);
      leave_line(live.service, line, live.line_seq);
    }
    live.id = ids_.draw(now_);
    live.flags &= flag::webhook;
    live.line_seq = 0;
    sql_->copy_call.run(live.id, now_ms(), live.deadline, old);
    std::optional<print> key;
    if (auto row = sql_->select_print.query(old); row.next()) {
      std::ranges::copy(row.bytes(0).substr(0, key.emplace().size()), key->begin());
    }
    // Whoever repeats the key means the one that goes on.
    if (key) {
      sql_->move_print.run(live.id, old);
      forget_key(*key, old);
      remember_key(*key, live.id);
    }
    ++rows_;
    ++service.counts.accepted;
  } else {
    sql_->delete_dead.run(old);
    sql_->update_deadline.run(live.deadline, old);
    if (!payload.empty() || !server.empty()) {
      sql_->insert_last.run(old, std::string_view(server), std::string_view(payload));
      live.flags |= flag::last;
    }
    --service.counts.dead;
  }
  ++service.counts.waiting;
  bool first = true;
  if (live.line_seq != 0) {
    // A dead call that blocks its line has its place still.
    auto row = sql_->first_line.query(live.service, std::string_view(line));
    first = row.next() && row.integer(0) == live.line_seq;
  } else if (!line.empty()) {
    first = join_line(live, line);
  }
  live.due = now_ms();
  live.settled = ids_.last();
  enqueue(live, first);
  return call_id{static_cast<std::uint64_t>(live.id)};
}

bool sqlite_calls::purge(call_id id) {
  ++operations_;
  const auto dead = static_cast<std::int64_t>(id);
  std::int64_t service = 0;
  std::int64_t line_seq = 0;
  {
    auto row = sql_->select_dead.query(dead);
    if (!row.next()) return false;
    service = row.integer(0);
    line_seq = row.integer(4);
  }
  if (line_seq != 0) {
    std::string line;
    if (auto row = sql_->select_line.query(dead); row.next()) line = row.text(0);
    leave_line(service, line, line_seq);
  }
  sql_->delete_dead.run(dead);
  forget(dead, service, call_state::dead);
  return true;
}

}  // namespace understudy::store::sqlite
