#include "core/peers_world.hpp"

#include <algorithm>
#include <utility>

#include "core/dice.hpp"

namespace understudy::core::peers {
namespace {

using namespace std::chrono_literals;

constexpr duration round_trip = 100us;  // loopback-like
constexpr duration probe_takes = 1ms;
constexpr duration latency_least = 1ms;
constexpr duration latency_most = 10ms;
constexpr double grey_share = 0.01;

duration seconds(double count) {
  return std::chrono::duration_cast<duration>(std::chrono::duration<double>(count));
}

}  // namespace

world::world(scenario what, const make_contender& make) : what_(std::move(what)) {
  plan_calls();
  for (std::size_t i = 0; i < what_.changes.size(); ++i)
    push(time_point{} + what_.changes[i].at, kind::change, i);
  contender_ = make(*this, what_.seed);
}

world::~world() = default;

/// All calls are known before the first: nothing that a contender does changes them.
void world::plan_calls() {
  dice random(what_.seed);
  const time_point end = time_point{} + what_.calls_for;
  for (time_point at{}; at < end; at += seconds(2.0 * random.unit() / what_.rate)) {
    const auto number = static_cast<unsigned>(calls_.size());
    calls_.push_back({.begun = at, .idempotent = random.unit() < 0.5, .method = number % 2});
  }
  running_ = calls_.size();
}

/// Calls come, and their time is over, in an order known before: only the rest is queued.
void world::run() {
  while (running_ > 0) {
    const time_point event_at = next_event();
    const time_point arrival_at = next_arrival();
    const time_point deadline_at = next_deadline();
    now_ = std::min({event_at, arrival_at, deadline_at});
    if (now_ == event_at) {
      const event e = queue_.top();
      queue_.pop();
      handle(e);
    } else if (now_ == arrival_at) {
      contender_->begin(arrived_++);
    } else {
      deadline_passed(timed_++);
    }
  }
}

time_point world::next_event() const {
  return queue_.empty() ? time_point::max() : queue_.top().at;
}

time_point world::next_arrival() const {
  return arrived_ < calls_.size() ? calls_[arrived_].begun : time_point::max();
}

time_point world::next_deadline() {
  while (timed_ < arrived_ && calls_[timed_].over && calls_[timed_].open == 0) ++timed_;
  return timed_ < arrived_ ? calls_[timed_].begun + caller_timeout : time_point::max();
}

void world::deadline_passed(std::size_t index) {
  answer(index, false);
  contender_->caller_gone(index);
}

void world::handle(const event& e) {
  switch (e.what) {
    case kind::end:
      return finish(e.subject);
    case kind::timeout:
      return end(e.subject, outcome::timed_out);
    case kind::probe:
      if (servers_[e.subject].probe_ticket == e.ticket.ticket) look_at_probe(e.subject);
      return;
    case kind::wake:
      return contender_->woken(e.ticket);
    case kind::change:
      return change_to(servers_[what_.changes[e.subject].server], what_.changes[e.subject].to);
  }
}

bool world::hits(const attempt_seen& a) const {
  return !what_.method || *what_.method == calls_[a.call].method;
}

std::size_t world::start(std::size_t index, std::size_t where, std::optional<duration> patience) {
  call_seen& c = calls_[index];
  server& s = servers_[where];
  std::uint64_t before = 0;
  for (const std::size_t each : c.attempts) {
    before += attempts_[each].server == where;
    c.repeated_blindly |= !c.idempotent && attempts_[each].sent;
  }
  // The same call takes as long on the same server, whoever sends it there.
  dice random(what_.seed * 1'000'003U + index * 64U + where * 32U + before);
  duration takes =
      latency_least +
      seconds(std::chrono::duration<double>(latency_most - latency_least).count() * random.unit());
  const bool hangs = random.unit() < grey_share && s.now == condition::grey;
  const std::size_t number = attempts_.size();
  c.attempts.push_back(number);
  ++c.open;
  attempts_.push_back({.call = index, .server = where});
  attempt_seen& a = attempts_.back();
  if (s.now == condition::crashed) {
    push(now_ + round_trip, kind::end, number);
    return number;
  }
  if (s.now == condition::slow && hits(a)) takes *= what_.slow_factor;
  a.sent = true;
  a.takes = takes;
  if (patience) push(now_ + *patience, kind::timeout, number);
  s.work.push_back(number);
  if (!hangs) push(now_ + takes + round_trip, kind::end, number);
  return number;
}

/// Its work is done.
void world::finish(std::size_t number) {
  const attempt_seen& a = attempts_[number];
  const condition is = servers_[a.server].now;
  if (!a.sent) return end(number, outcome::refused);
  if (is == condition::frozen) return;  // it will be when it thaws
  const bool hit = hits(a);
  end(number, is == condition::sick && hit ? outcome::faulted : outcome::answered,
      is == condition::rude && hit);
}

void world::end(std::size_t number, outcome how, bool rude) {
  if (!attempts_[number].open) return;
  stop(number);
  contender_->attempt_ended(number, how, rude);
}

void world::stop(std::size_t number) {
  attempts_[number].open = false;
  --calls_[attempts_[number].call].open;
  std::erase(servers_[attempts_[number].server].work, number);
}

void world::answer(std::size_t index, bool good) {
  call_seen& c = calls_[index];
  if (c.over) return;
  c.over = true;
  c.good = good;
  c.ended = now_;
  --running_;
}

void world::change_to(server& s, condition to) {
  const condition before = std::exchange(s.now, to);
  const auto where = static_cast<std::size_t>(&s - servers_);
  if (to == condition::crashed) {
    for (const std::size_t number : std::vector<std::size_t>(s.work)) end(number, outcome::lost);
    contender_->idle_connection_lost(where);
    if (s.probed) look_at_probe(where);
  } else if (before == condition::frozen) {
    for (const std::size_t number : s.work) push(now_ + attempts_[number].takes, kind::end, number);
    if (s.probed) push(now_ + probe_takes, kind::probe, where, {.ticket = s.probe_ticket});
  }
}

void world::probe(std::size_t where, probe_kind how, duration timeout) {
  server& s = servers_[where];
  s.probed = true;
  s.probe = how;
  s.probe_begun = now_;
  s.probe_timeout = timeout;
  s.probe_ticket = ++order_;
  push(now_ + std::min(timeout, probe_takes), kind::probe, where, {.ticket = s.probe_ticket});
}

void world::look_at_probe(std::size_t where) {
  const server& s = servers_[where];
  if (!s.probed) return;
  if (s.now == condition::crashed) return end_probe(where, outcome::refused);
  if (s.now != condition::frozen || s.probe == probe_kind::connect)
    return end_probe(where, outcome::answered);
  const time_point limit = s.probe_begun + s.probe_timeout;
  if (now_ >= limit) return end_probe(where, outcome::timed_out);
  push(limit, kind::probe, where, {.ticket = s.probe_ticket});
}

void world::end_probe(std::size_t where, outcome how) {
  servers_[where].probed = false;
  contender_->probe_ended(where, how, now_ - servers_[where].probe_begun);
}

void world::wake(time_point at, const token& what) {
  push(std::max(at, now_), kind::wake, 0, what);
}

void world::push(time_point at, kind what, std::size_t subject, const token& ticket) {
  queue_.push({at, ++order_, what, subject, ticket});
}

}  // namespace understudy::core::peers
