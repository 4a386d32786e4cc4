#include "store/sim/world.hpp"

#include <algorithm>

namespace understudy::store::sim {

namespace {

ledger_terms terms_of(const plan& p) {
  ledger_terms out;
  out.lease = p.store.lease;
  out.result_kept = p.store.result_kept;
  out.age_max = p.store.age_max;
  for (const service_plan& each : p.services) {
    if (each.once) out.once.insert(each.name);
  }
  return out;
}

}  // namespace

world::world(const plan& p)
    : plan_(p),
      time_(p.seed),
      book_(terms_of(p)),
      engine_(p.store),
      gateway_(p.gateway, time_, book_, engine_, pools_) {
  for (const service_plan& each : p.services) {
    pools_.emplace(each.name, std::make_unique<server_pool>(each, time_, book_));
  }
}

void world::run() {
  gateway_.start();
  plan_callers();
  plan_faults();
  const auto broken = [this] { return !wrong().empty(); };
  for (duration t{}; t < plan_.trouble && !broken(); t += 1000ms) time_.run_until(t);
  if (broken()) return;
  heal();
  // Callers have their last words.
  time_.run_until(time_.now() + 15'000ms);
  nobody_asks_ = true;
  const duration by = time_.now() + longest_end();
  while (any_live() && time_.now() < by && !broken()) time_.run_until(time_.now() + 500ms);
  // What hangs may take effect still.
  if (!broken()) time_.run_until(time_.now() + server_pool::latest_effect + 1000ms);
  if (broken()) return;
  for (const auto& [id, call] : book_.calls()) {
    book_.judge(rule::none_starves, !call.live() || call.gone,
                "call " + std::to_string(static_cast<std::uint64_t>(id)) + " of " +
                    call.what.service + " lives though nothing is wrong any more");
  }
  book_.reconcile(engine_.list(), engine_.counts(), engine_.verify(), time_.wall());
  book_.audit();
}

void world::heal() {
  healed_ = true;
  gateway_.heal();
  for (auto& [name, pool] : pools_) pool->heal();
  tidy_up();
}

// An operator who looks after what only a person can decide.
void world::tidy_up() {
  for (const auto& [name, pool] : pools_) {
    if (book_.is_paused(name)) gateway_.pause(name, false);
  }
  for (const auto& [id, call] : book_.calls()) {
    const bool blocks = call.state == call_state::dead && !call.gone && !call.what.order.empty() &&
                        call.what.terms.dead == core::on_dead::block;
    if (blocks) gateway_.purge(id);
  }
  time_.after(500ms, [this] { tidy_up(); });
}

bool world::any_live() const {
  return std::ranges::any_of(
      book_.calls(), [](const auto& each) { return each.second.live() && !each.second.gone; });
}

// Each may wait until it is due, for what hangs, and for those before it; and be tried to the end.
duration world::longest_end() const {
  duration due{};
  std::uint64_t live = 0;
  duration pause{};
  for (const service_plan& each : plan_.services) {
    pause = std::max(pause, duration(each.retry.backoff_max));
  }
  for (const auto& [id, call] : book_.calls()) {
    if (!call.live() || call.gone) continue;
    ++live;
    due = std::max(due, duration(call.due - time_.wall()));
  }
  constexpr unsigned attempts_most = 8;
  return due + server_pool::latest_effect + 2 * plan_.store.lease +
         (1 + live) * (attempts_most * pause + 2000ms);
}

void world::judge_answer(const call_ending& end) {
  const auto found = book_.calls().find(end.id);
  book_.judge(rule::acknowledged_survives, found != book_.calls().end(),
              "a caller hears of a call that nobody made");
  if (found == book_.calls().end()) return;
  const known_call& call = found->second;
  if (call.live() || call.retries > 0) return;  // an operator has retried it since
  const bool same = end.state == call.state && end.payload == call.payload;
  // Whoever asks about a dead one may hear that before it is cancelled.
  const bool cancelled = end.state == call_state::dead && call.state == call_state::cancelled;
  book_.judge(rule::ends_once, same || cancelled, "a caller hears another answer");
}

void world::ask(const caller_ptr& who) {
  if (nobody_asks_) return;
  ++who->tries;
  gateway_.call(who->call, who->wait, [this, who](const heard& what) { hear(who, what); });
}

void world::hear(const caller_ptr& who, const heard& what) {
  const bool again = !who->call.key.empty() && who->tries < 40;
  const bool lives = what.accepted && what.accepted->what != acceptance::kind::refused;
  if (what.ended) judge_answer(*what.ended);
  if (!lives) {
    // Nothing was promised: who has a key may send it again, and will.
    if (again) time_.after(duration(20) + time_.upto(1500), [this, who] { ask(who); });
    return;
  }
  const call_id id = what.accepted->id;
  if (!what.ended && time_.chance(0.06)) {
    time_.after(time_.upto(3000), [this, id] { gateway_.cancel(id); });
  }
  const bool later = again && (!what.ended || who->repeats_later) && time_.chance(0.6);
  if (later) time_.after(duration(100) + time_.upto(8000), [this, who] { ask(who); });
}

}  // namespace understudy::store::sim
