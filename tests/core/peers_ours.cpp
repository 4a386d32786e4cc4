#include "core/peers_ours.hpp"

#include <algorithm>
#include <utility>
#include <vector>

namespace understudy::core::peers {
namespace {

enum wake_kind : std::uint8_t { timer, look, parked };

pool_options options() {
  pool_options defaults;
  defaults.name = "peers";
  return defaults;
}

}  // namespace

ours::ours(world& stage, std::uint64_t seed) : world_(stage), pool_(options(), seed) {
  ids_[primary] = pool_.add(stage.now(), {.address = "primary", .priority = 0});
  ids_[backup] = pool_.add(stage.now(), {.address = "backup", .priority = 1});
  settle();
}

void ours::begin(std::size_t index) {
  const call_seen& c = world_.call(index);
  auto& live = lives_[index];
  live =
      std::make_unique<core::call>(pool_, call_options{.method = "Sim@m" + std::to_string(c.method),
                                                       .idempotent = c.idempotent,
                                                       .deadline = c.begun + caller_timeout});
  carry_out(index, live->begin(world_.now()));
  settle();
}

void ours::carry_out(std::size_t index, const call_step& step) {
  if (const auto* next = std::get_if<core::attempt>(&step)) {
    if (next->canary) {
      const auto method = lives_[index]->method();
      start(index, *next->canary, pool_.begin_canary(world_.now(), *next->canary, method));
    }
    start(index, next->server, {});
    look_later(index);
  } else if (std::holds_alternative<core::wait>(step)) {
    look_later(index);
  } else if (const auto* stay = std::get_if<core::park>(&step)) {
    parked_[index] = ++tickets_;
    if (stay->turn) turns_[*stay->turn] = index;
    world_.wake(stay->until, {parked, index, tickets_});
  } else {
    finish(index, false);  // a fault is delivered, or it gives up
  }
}

void ours::start(std::size_t index, server_id server, std::optional<attempt_id> apart) {
  const std::size_t where = server == ids_[primary] ? primary : backup;
  flights_[world_.start(index, where, {})] = {index, apart};
}

void ours::look_later(std::size_t index) {
  if (const auto at = lives_[index]->look_at())
    world_.wake(std::max(*at, world_.now() + duration{1}), {look, index, 0});
}

void ours::attempt_ended(std::size_t number, outcome how, bool rude) {
  const flight f = flights_.at(number);
  flights_.erase(number);
  const server_id server = ids_[world_.attempt(number).server];
  if (f.apart)
    pool_.end(world_.now(), *f.apart, how, rude);
  else if (how == outcome::answered)
    answered(f.call, server, rude);
  else
    carry_out(f.call, lives_.at(f.call)->failed(world_.now(), server, how));
  settle();
}

void ours::answered(std::size_t index, server_id server, bool rude) {
  core::call& live = *lives_.at(index);
  live.finish(world_.now(), server, outcome::answered, rude);
  for (const std::size_t number : world_.call(index).attempts) {  // what is out goes on alone
    const auto other = flights_.find(number);
    if (other != flights_.end() && !other->second.apart)
      other->second.apart = live.orphan(ids_[world_.attempt(number).server]);
  }
  finish(index, !rude);
}

void ours::finish(std::size_t index, bool good) {
  lives_.erase(index);
  world_.answer(index, good);
}

/// The shell times its attempts out in the same moment; a parked call looks then by itself.
void ours::caller_gone(std::size_t index) {
  for (const std::size_t number : std::vector<std::size_t>(world_.call(index).attempts)) {
    if (!world_.attempt(number).open) continue;
    world_.stop(number);
    attempt_ended(number, outcome::timed_out, false);
  }
}

void ours::probe_ended(std::size_t server, outcome how, duration took) {
  pool_.probe_ended(world_.now(), ids_[server], how, took);
  settle();
}

void ours::idle_connection_lost(std::size_t server) {
  pool_.idle_connection_lost(world_.now(), ids_[server]);
  settle();
}

void ours::woken(const token& what) {
  if (what.kind == timer) {
    if (what.ticket != timer_ticket_) return;
    timer_at_.reset();
  } else if (what.kind == look) {
    const auto live = lives_.find(what.subject);
    if (live == lives_.end()) return;
    const auto at = live->second->look_at();
    if (!at || *at > world_.now()) return;
    carry_out(what.subject, live->second->look(world_.now()));
  } else {
    const auto waiting = parked_.find(what.subject);
    if (waiting == parked_.end() || waiting->second != what.ticket) return;
    parked_.erase(waiting);
    std::erase_if(turns_, [&](const auto& each) { return each.second == what.subject; });
    carry_out(what.subject, lives_.at(what.subject)->woken(world_.now()));
  }
  settle();
}

void ours::wake_parked() {
  turns_.clear();
  for (const auto& [index, ticket] : std::exchange(parked_, {}))
    carry_out(index, lives_.at(index)->woken(world_.now()));
}

void ours::take_turn(pending_id turn) {
  const auto found = turns_.find(turn);
  if (found == turns_.end()) return;
  const std::size_t index = found->second;
  turns_.erase(found);
  parked_.erase(index);
  carry_out(index, lives_.at(index)->woken(world_.now()));
}

/// What every shell does after every event.
void ours::settle() {
  for (bool again = true; again;) {
    const pool_actions actions = pool_.take_actions(world_.now());
    for (const record& r : actions.records)
      ejections_ +=
          r.kind == "method_away" || r.kind == "server_down" || r.kind == "server_suspect";
    for (const server_id id : actions.probe)
      world_.probe(id == ids_[primary] ? primary : backup, probe_kind::request,
                   pool_.options().probe_timeout);
    for (const pending_id turn : actions.turns) take_turn(turn);
    const bool wake = actions.wake_parked && !parked_.empty();
    if (wake) wake_parked();
    again = wake || !actions.turns.empty();
  }
  const auto next = pool_.next_deadline();
  if (!next || (timer_at_ && *timer_at_ <= *next)) return;
  timer_at_ = next;
  world_.wake(*next, {timer, 0, ++timer_ticket_});
}

}  // namespace understudy::core::peers
