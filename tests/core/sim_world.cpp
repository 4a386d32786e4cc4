#include "core/sim_world.hpp"

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace understudy::sim {
namespace {

using namespace std::chrono_literals;
using core::outcome;

constexpr duration network = 50us;           // one way, loopback-like
constexpr duration connect_timeout = 250ms;  // the shell's
constexpr duration probe_takes = 1ms;
constexpr unsigned idle_connections = 3;  // that end when a server crashes

void rule(bool holds, const char* sentence) {
  if (!holds) throw std::logic_error(sentence);
}

}  // namespace

world::world(plan p) : plan_(std::move(p)), random_(plan_.seed), pool_(plan_.pool, plan_.seed + 1) {
  for (const server_plan& s : plan_.servers) {
    const std::string address = "s" + std::to_string(servers_.size());
    const server_id id =
        pool_.add(now_, {.address = address, .priority = s.priority, .weight = s.weight});
    index_[id] = servers_.size();
    servers_.push_back({.plan = s, .id = id});
  }
  for (std::size_t i = 0; i < plan_.steps.size(); ++i) push(plan_.steps[i].at, kind::script, i);
}

world::~world() = default;

void world::run() {
  settle();
  arrive();
  while (!queue_.empty() && (running_ > 0 || now_.time_since_epoch() < plan_.run_for ||
                             now_.time_since_epoch() < plan_.calls_for)) {
    const event e = queue_.top();
    queue_.pop();
    rule(e.at >= now_, "time runs backwards");
    now_ = e.at;
    ++handled_;
    mix(static_cast<std::uint64_t>(now_.time_since_epoch().count()) * 16 +
        static_cast<std::uint64_t>(e.what));
    handle(e);
    settle();
  }
}

void world::handle(const event& e) {
  switch (e.what) {
    case kind::arrival:
      return arrive();
    case kind::effect:
      return effect(e.subject);
    case kind::attempt_end:
      return end_attempt(e.subject, e.how);
    case kind::attempt_timeout:
      return end_attempt(e.subject, outcome::timed_out);
    case kind::probe_end:
      if (servers_[e.subject].probe == e.ticket) end_probe(e.subject, e.how);
      return;
    case kind::look:
      if (lives_[e.subject] && lives_[e.subject]->look_at() &&
          *lives_[e.subject]->look_at() <= now_) {
        const core::call_step step = lives_[e.subject]->look(now_);
        calls_[e.subject].hedges += std::holds_alternative<core::attempt>(step);
        return carry_out(e.subject, step);
      }
      return;
    case kind::timer:
      if (e.ticket == timer_ticket_) timer_at_ = {};
      return;
    case kind::parked_look: {
      const auto waiting = parked_.find(e.subject);
      if (waiting == parked_.end() || waiting->second != e.ticket) return;
      parked_.erase(waiting);
      std::erase_if(turns_, [&](const auto& each) { return each.second == e.subject; });
      return carry_out(e.subject, lives_[e.subject]->woken(now_));
    }
    case kind::script: {
      const step_plan& step = plan_.steps[e.subject];
      if (step.kind == step_kind::drain) return pool_.drain(now_, servers_[step.server].id);
      if (step.kind == step_kind::resume) return pool_.resume(now_, servers_[step.server].id);
      return change(step.server, step.to, step.method);
    }
  }
}

void world::arrive() {
  const duration gap = std::chrono::duration_cast<duration>(
      std::chrono::duration<double>(2.0 * random_.unit() / plan_.calls_per_second));
  if (now_.time_since_epoch() + gap < plan_.calls_for) push(gap, kind::arrival, 0);
  const std::size_t index = calls_.size();
  calls_.push_back({.begun = now_,
                    .idempotent = random_.unit() < plan_.idempotent_share,
                    .method = static_cast<unsigned>(index % plan_.methods)});
  lives_.push_back(std::make_unique<core::call>(
      pool_, core::call_options{.method = "Sim@m" + std::to_string(calls_.back().method),
                                .idempotent = calls_.back().idempotent,
                                .deadline = now_ + plan_.deadline}));
  ++running_;
  carry_out(index, lives_[index]->begin(now_));
}

void world::carry_out(std::size_t index, core::call_step step) {
  sim_call& c = calls_[index];
  if (const auto* next = std::get_if<core::attempt>(&step)) {
    if (next->canary) {
      const auto canary = pool_.begin_canary(now_, *next->canary, lives_[index]->method());
      start_attempt(index, *next->canary, canary);
    }
    start_attempt(index, next->server, {});
    watch_attempt(index);
  } else if (std::holds_alternative<core::wait>(step)) {
    watch_attempt(index);
  } else if (const auto* wait = std::get_if<core::park>(&step)) {
    rule(wait->until > now_, "a parked call would wait for a time that has come");
    parked_[index] = ++order_;
    if (wait->turn) turns_[*wait->turn] = index;
    push(wait->until - now_, kind::parked_look, index, parked_[index]);
  } else if (const auto* end = std::get_if<core::give_up>(&step)) {
    c.code = end->code;
    c.sent = end->sent;
    finish(index);
  } else {
    c.fault_delivered = true;
    finish(index);
  }
}

void world::check_pick(std::size_t call, std::size_t index) {
  for (const core::server_status& s : pool_.status(now_)) {
    if (s.id != servers_[index].id) continue;
    rule(s.state != core::server_state::down && s.state != core::server_state::drained,
         "a server was picked that is down or drained");
    rule(s.in_flight >= 1, "an attempt was returned without being counted");
  }
  const std::vector<std::size_t>& before = calls_[call].servers;
  rule(std::count(before.begin(), before.end(), index) <= 64, "a call tries a server for ever");
}

void world::watch_attempt(std::size_t index) {
  const auto at = lives_[index]->look_at();
  if (at) push(std::max(*at - now_, duration{1}), kind::look, index);
}

bool world::hits(const server& s, std::size_t call) const {
  return !s.method || *s.method == calls_[call].method;
}

void world::start_attempt(std::size_t index, server_id id, std::optional<core::attempt_id> canary) {
  const std::size_t where = index_.at(id);
  server& s = servers_[where];
  check_pick(index, where);
  if (canary)
    ++calls_[index].canaries;
  else
    calls_[index].servers.push_back(where);
  const std::size_t number = attempts_.size();
  attempts_.push_back({.call = index, .server = where, .begun = now_, .apart = canary});
  calls_[index].numbers.push_back(number);
  if (random_.unit() < plan_.stale_share) {
    return push(network, kind::attempt_end, number, 0, outcome::stale);
  }
  if (s.now == condition::crashed) {
    return push(2 * network, kind::attempt_end, number, 0, outcome::refused);
  }
  const time_point deadline = calls_[index].begun + plan_.deadline;
  if (s.now == condition::cut_off) {
    const duration left = std::min<duration>(connect_timeout, deadline - now_);
    return push(left, kind::attempt_end, number, 0, outcome::unreached);
  }
  s.work.push_back(number);
  push(deadline - now_, kind::attempt_timeout, number);
  if (s.now == condition::frozen) return;
  duration takes = between(s.plan.latency_min, s.plan.latency_max);
  const bool hit = hits(s, index);
  if (s.now == condition::slow && hit)
    takes = std::chrono::duration_cast<duration>(takes * plan_.slow_factor);
  push(between(0us, takes), kind::effect, number);
  const bool fault = s.now == condition::mad || (s.now == condition::sick && hit);
  push(takes + 2 * network, kind::attempt_end, number, 0,
       fault ? outcome::faulted : outcome::answered);
}

void world::effect(std::size_t number) {
  attempt& a = attempts_[number];
  if (a.gone || a.effected) return;
  if (servers_[a.server].now == condition::frozen) return;  // runs when it thaws
  a.effected = true;
  ++calls_[a.call].executions;
}

/// The end as the caller sees it: the first of answer, loss and deadline counts.
void world::end_attempt(std::size_t number, outcome how) {
  attempt& a = attempts_[number];
  if (a.ended) return;
  server& s = servers_[a.server];
  const bool reply = how == outcome::answered || how == outcome::faulted;
  if (reply && (s.now == condition::frozen || s.now == condition::cut_off)) return;
  if (how == outcome::answered) effect(number);
  a.ended = true;
  if (how != outcome::timed_out) std::erase(s.work, number);
  const std::size_t index = a.call;
  const bool rude = s.now == condition::rude && hits(s, index);
  mix(index * 8 + static_cast<std::uint64_t>(how));
  if (a.apart) return pool_.end(now_, *a.apart, how, rude);
  if (how == outcome::answered) {
    lives_[index]->finish(now_, s.id, how, rude);
    for (const std::size_t each : calls_[index].numbers) {  // what is still out goes on alone
      attempt& other = attempts_[each];
      if (!other.ended && !other.apart)
        other.apart = lives_[index]->orphan(servers_[other.server].id);
    }
    calls_[index].answered = true;
    calls_[index].rude = rude;
    return finish(index);
  }
  carry_out(index, lives_[index]->failed(now_, s.id, how));
}

void world::finish(std::size_t index) {
  calls_[index].ended = now_;
  calls_[index].attempts = lives_[index]->attempts();
  lives_[index].reset();
  --running_;
}

void world::start_probe(server_id id) {
  const std::size_t where = index_.at(id);
  server& s = servers_[where];
  rule(s.probe == 0, "a second probe to a server at the same time");
  s.probe = ++order_;
  s.probe_begun = now_;
  const duration limit = plan_.pool.probe_timeout;
  switch (s.now) {
    case condition::healthy:
    case condition::sick:
    case condition::slow:
    case condition::rude:
      return push(probe_takes, kind::probe_end, where, s.probe);
    case condition::crashed:
      return push(2 * network, kind::probe_end, where, s.probe, outcome::refused);
    case condition::cut_off:
      return push(limit, kind::probe_end, where, s.probe, outcome::unreached);
    case condition::mad:
      return push(probe_takes, kind::probe_end, where, s.probe, outcome::faulted);
    case condition::frozen:
      return push(limit, kind::probe_end, where, s.probe, outcome::timed_out);
  }
}

void world::end_probe(std::size_t where, outcome how) {
  server& s = servers_[where];
  if (how == outcome::answered && s.now == condition::frozen) {
    const time_point limit = s.probe_begun + plan_.pool.probe_timeout;
    return push(limit - now_, kind::probe_end, where, s.probe, outcome::timed_out);
  }
  s.probe = 0;
  pool_.probe_ended(now_, s.id, how, now_ - s.probe_begun);
}

void world::change(std::size_t where, condition to, std::optional<unsigned> method) {
  server& s = servers_[where];
  s.method = method;
  const condition before = std::exchange(s.now, to);
  if (to == before) return;
  if (to == condition::crashed) {
    for (const std::size_t number : std::exchange(s.work, {})) {
      attempts_[number].gone = true;
      push(network, kind::attempt_end, number, 0, outcome::lost);
    }
    for (unsigned i = 0; i < idle_connections; ++i) pool_.idle_connection_lost(now_, s.id);
    if (s.probe != 0) push(network, kind::probe_end, where, s.probe, outcome::lost);
  } else if (before == condition::frozen || before == condition::cut_off) {
    // What it had received runs now, whether or not anybody still waits for it.
    for (const std::size_t number : s.work) {
      const duration takes = between(s.plan.latency_min, s.plan.latency_max);
      push(between(0us, takes), kind::effect, number);
      push(takes, kind::attempt_end, number);
    }
    const bool reached_it = before == condition::frozen && s.probe != 0;
    if (reached_it) push(probe_takes, kind::probe_end, where, s.probe);
  }
}

void world::wake_all() {
  std::vector<std::size_t> waiting;
  for (const auto& [index, ticket] : parked_) {
    const bool queued = std::any_of(turns_.begin(), turns_.end(),
                                    [&, i = index](const auto& each) { return each.second == i; });
    if (!queued) waiting.push_back(index);
  }
  for (const std::size_t index : waiting) {
    parked_.erase(index);
    carry_out(index, lives_[index]->woken(now_));
  }
}

void world::take_turn(core::pending_id turn) {
  const auto found = turns_.find(turn);
  rule(found != turns_.end(), "a call is told to come that does not wait");
  const std::size_t index = found->second;
  turns_.erase(found);
  parked_.erase(index);
  carry_out(index, lives_[index]->woken(now_));
}

/// What every shell does after every event.
void world::settle() {
  for (unsigned rounds = 0;; ++rounds) {
    rule(rounds < 8, "actions follow actions without end");
    core::pool_actions actions = pool_.take_actions(now_);
    for (core::record& r : actions.records) {
      mix(r.kind.size());
      records_.push_back({now_, std::move(r)});
    }
    for (const server_id id : actions.probe) start_probe(id);
    for (const core::pending_id turn : actions.turns) take_turn(turn);
    const bool wake = actions.wake_parked && parked_.size() > turns_.size();
    if (wake) wake_all();
    if (!wake && actions.turns.empty()) break;
  }
  rule(pool_.parked() == parked_.size() - turns_.size(), "the parking place miscounts");
  rule(pool_.queued() == turns_.size(), "the queue miscounts");
  const auto next = pool_.next_deadline();
  if (!next) return;
  rule(*next > now_, "the next deadline has come already: the shell would spin");
  if (timer_at_ != time_point{} && timer_at_ <= *next) return;
  timer_at_ = *next;
  push(*next - now_, kind::timer, 0, ++timer_ticket_);
}

duration world::between(duration least, duration most) {
  const double span = std::chrono::duration<double>(most - least).count();
  return least +
         std::chrono::duration_cast<duration>(std::chrono::duration<double>(span * random_.unit()));
}

void world::push(duration in, kind what, std::size_t subject, std::uint64_t ticket, outcome how) {
  queue_.push({now_ + in, ++order_, what, subject, ticket, how});
}

void world::mix(std::uint64_t value) {
  hash_ = (hash_ ^ value) * 1099511628211U;
}

}  // namespace understudy::sim
