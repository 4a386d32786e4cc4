#include "store/support/model.hpp"

#include <algorithm>

namespace understudy::store {

namespace {

std::string name_of(call_id id) {
  return "call " + std::to_string(static_cast<std::uint64_t>(id));
}

bool has(const std::map<std::string, bool>& flags, const std::string& name) {
  const auto found = flags.find(name);
  return found != flags.end() && found->second;
}

}  // namespace

void model::enqueue(call_id id, wall_time due) {
  call& c = calls_[id];
  c.state = call_state::waiting;
  c.due = due;
  c.ready = false;
  if (c.first && due <= now_) c.ready = true;
}

void model::join(call_id id) {
  call& c = calls_[id];
  if (c.what.order.empty()) return;
  auto& members = lines_[{c.what.service, c.what.order}];
  c.first = members.empty();
  members.push_back(id);
}

bool model::in_line(call_id id) const {
  const call& c = calls_.at(id);
  const auto found = lines_.find({c.what.service, c.what.order});
  return found != lines_.end() && std::ranges::find(found->second, id) != found->second.end();
}

void model::leave(call_id id) {
  const call& c = calls_[id];
  if (c.what.order.empty()) return;
  auto& members = lines_[{c.what.service, c.what.order}];
  std::erase(members, id);
  if (members.empty()) return;
  call& next = calls_[members.front()];
  if (next.first) return;
  next.first = true;
  if (next.due <= now_) next.ready = true;
}

void model::advance(wall_time now) {
  now_ = now;
  std::vector<std::pair<std::pair<wall_time, call_id>, call_id>> due, over, lost;
  for (auto& [id, c] : calls_) {
    if (c.state == call_state::waiting && c.first && !c.ready && c.due <= now) {
      due.push_back({{c.due, id}, id});
    }
    if (c.state == call_state::waiting && c.deadline < now) over.push_back({{c.deadline, id}, id});
    if (c.state == call_state::running && c.lease_until <= now) {
      lost.push_back({{c.lease_until, call_id{c.token.number}}, id});
    }
  }
  std::ranges::sort(due);
  std::ranges::sort(over);
  std::ranges::sort(lost);
  for (const auto& each : due) calls_[each.second].ready = true;
  for (const auto& each : over) {
    end(each.second, core::end_waiting(call_state::expired, calls_[each.second].ran));
  }
  for (const auto& each : lost) lose(each.second);
}

void model::lose(call_id id) {
  const call& c = calls_[id];
  core::stored_terms terms = c.what.terms;
  terms.deadline = c.deadline;
  after(id, core::after_lost_claim(terms, c.attempts, now_), true, "", "", false);
}

void model::restart(wall_time now) {
  now_ = now;
  for (auto& [id, c] : calls_) {
    if (c.state == call_state::running) lose(id);
  }
  places_ = 0;
  held_.clear();
  limits_.clear();
}

void model::end(call_id id, const core::call_next& next) {
  call& c = calls_[id];
  c.state = next.state;
  c.reason = next.reason;
  c.finished = now_;
  c.ready = false;
  ended_.push_back(id);
  if (next.state != call_state::dead || c.what.terms.dead == core::on_dead::skip) leave(id);
}

void model::after(call_id id, core::call_next next, bool may_have_run, const std::string& payload,
                  const std::string& server, bool error) {
  call& c = calls_[id];
  c.attempts += next.counted ? 1 : 0;
  c.ran |= may_have_run;
  if (next.state == call_state::waiting && c.cancelled) {
    next = core::end_waiting(call_state::cancelled, c.ran);
  }
  // Of what is not the answer, the last that is known is kept.
  const bool waits = next.state == call_state::waiting && !(payload.empty() && server.empty());
  if (waits || next.state == call_state::done || !payload.empty()) c.payload = payload;
  if (waits || !server.empty()) c.server = server;
  if (next.state == call_state::waiting) return enqueue(id, next.due);
  c.error = error && next.state == call_state::done;
  end(id, next);
}

void model::accepted(call_id id, const new_call& what) {
  call& c = calls_[id];
  c.what = what;
  c.created = now_;
  c.deadline = what.terms.deadline;
  c.lifetime = c.deadline - c.created;
  join(id);
  enqueue(id, std::max(what.due, now_));
  if (!what.key.empty()) keys_[what.key] = id;
}

std::optional<call_id> model::with_key(const new_call& what) const {
  const auto found = keys_.find(what.key);
  return found == keys_.end() ? std::nullopt : std::optional(found->second);
}

bool model::report(const attempt_report& attempt) {
  const auto found = calls_.find(attempt.id);
  if (found == calls_.end() || found->second.state != call_state::running ||
      found->second.token != attempt.token) {
    return false;
  }
  after(attempt.id, attempt.next, attempt.may_have_run, attempt.payload, attempt.server,
        attempt.error);
  return true;
}

std::optional<call_state> model::cancel(call_id id) {
  const auto found = calls_.find(id);
  if (found == calls_.end()) return std::nullopt;
  call& c = found->second;
  if (c.state == call_state::running) c.cancelled = true;
  if (c.state == call_state::waiting) end(id, core::end_waiting(call_state::cancelled, c.ran));
  if (c.state == call_state::dead && !c.ran) {
    core::call_next next;
    next.state = call_state::cancelled;
    end(id, next);
  }
  return c.state;
}

bool model::retry(call_id id, std::optional<call_id> copy) {
  const auto found = calls_.find(id);
  if (found == calls_.end() || found->second.state != call_state::dead) return false;
  call& c = found->second;
  if (!copy) {
    if (c.created < now_ - options_.age_max) return false;
    c.attempts = 0;
    c.cancelled = false;
    c.reason = dead_reason::none;
    c.deadline = now_ + c.lifetime;
    if (!in_line(id)) join(id);
    enqueue(id, now_);
    return true;
  }
  leave(id);
  new_call again = c.what;
  again.terms.deadline = now_ + c.lifetime;
  again.due = now_;
  if (const auto key = with_key(again); key != id) again.key.clear();
  accepted(*copy, again);
  return true;
}

bool model::purge(call_id id) {
  const auto found = calls_.find(id);
  if (found == calls_.end() || found->second.state != call_state::dead) return false;
  leave(id);
  if (keys_[found->second.what.key] == id) keys_.erase(found->second.what.key);
  calls_.erase(found);
  return true;
}

std::size_t model::running(const std::string& service) const {
  return static_cast<std::size_t>(std::ranges::count_if(calls_, [&](const auto& each) {
    return each.second.state == call_state::running && each.second.what.service == service;
  }));
}

bool model::open(const std::string& service) const {
  const auto most = limits_.find(service);
  const bool room = most == limits_.end() || most->second == 0 || running(service) < most->second;
  return room && !has(paused_, service) && !has(held_, service);
}

bool model::better(call_id a, call_id b) const {
  const auto order = [](const auto& each) {
    const call& c = each->second;
    return std::tuple(-static_cast<int>(c.what.terms.priority), c.due, each->first);
  };
  return order(calls_.find(a)) < order(calls_.find(b));
}

std::string model::judge(const claimed_call& claim) {
  const auto found = calls_.find(claim.id);
  if (found == calls_.end()) return name_of(claim.id) + " is claimed, but not there";
  call& c = found->second;
  if (places_ == 0) return "more is claimed than was granted";
  if (c.state != call_state::waiting || !c.ready) return name_of(claim.id) + " is not ready";
  if (!open(c.what.service)) return name_of(claim.id) + " is of a service that waits";
  if (claim.attempts != c.attempts) return name_of(claim.id) + " has other attempts";
  if (claim.may_have_run != c.ran) return name_of(claim.id) + " may have run, or not";
  if (claim.params != c.what.params) return name_of(claim.id) + " is another";
  for (const auto& [id, other] : calls_) {
    if (other.state == call_state::waiting && other.ready && other.what.service == c.what.service &&
        better(id, claim.id)) {
      return name_of(claim.id) + " is claimed before " + name_of(id);
    }
  }
  --places_;
  c.state = call_state::running;
  c.ready = false;
  c.cancelled = false;
  c.token = claim.token;
  c.lease_until = now_ + options_.lease;
  return {};
}

void model::forget() {
  for (auto it = calls_.begin(); it != calls_.end();) {
    const call& c = it->second;
    const bool over = c.state == call_state::done || c.state == call_state::cancelled ||
                      c.state == call_state::expired;
    if (!over || now_ < c.finished + options_.result_kept) {
      ++it;
      continue;
    }
    if (const auto key = keys_.find(c.what.key); key != keys_.end() && key->second == it->first) {
      keys_.erase(key);
    }
    it = calls_.erase(it);
  }
}

std::string model::commit(const std::vector<claimed_call>& claimed) {
  for (const auto& claim : claimed) {
    if (std::string wrong = judge(claim); !wrong.empty()) return wrong;
  }
  for (const auto& [id, c] : calls_) {
    if (places_ > 0 && c.state == call_state::waiting && c.ready && open(c.what.service)) {
      return name_of(id) + " could be claimed";
    }
  }
  return {};
}

}  // namespace understudy::store
