// world: what its plan says, and chance.
#include <algorithm>
#include <array>

#include "store/sim/world.hpp"

namespace understudy::store::sim {

plan random_plan(std::uint64_t seed) {
  core::dice dice(seed * 0x9e3779b97f4a7c15U + 1);
  const auto below = [&dice](std::uint64_t most) { return dice.next() % most; };
  plan p;
  p.seed = seed;
  p.calls = 30 + below(80);
  p.trouble = duration(20'000 + below(50'000));
  p.gateway.places = 1 + below(12);
  p.gateway.attempt_max = duration(std::array{1000, 3000, 5000}[below(3)]);
  p.gateway.deaf = std::array{0.0, 0.2, 0.6}[below(3)];
  p.store.lease = core::claim_lease(p.gateway.attempt_max);
  p.store.result_kept = below(3) == 0 ? duration(15'000) : duration(24h);
  p.store.age_max = below(4) == 0 ? duration(25'000) : duration(24h * 30);
  p.store.rows_max = below(5) == 0 ? p.calls / 2 : 1'000'000;
  constexpr std::array names{"Orders", "Stock", "Mail", "Bills", "Users"};
  const std::uint64_t services = 1 + below(names.size());
  for (std::uint64_t i = 0; i < services; ++i) {
    service_plan each;
    each.name = names.at(i);
    each.once = below(2) == 0;
    each.servers = 1 + below(3);
    each.limit = below(2) == 0 ? 0 : 1 + below(4);
    each.retry.backoff_min = duration(50 + below(500));
    each.retry.backoff_max = duration(500 + below(4000));
    each.retry.retry_codes = {retried_by_rule};
    if (below(3) == 0) each.retry.final_codes = {refused_for_now};
    each.unknown = !each.once && below(2) == 0 ? core::on_unknown::dead : core::on_unknown::retry;
    p.services.push_back(std::move(each));
  }
  return p;
}

new_call world::draw_call(std::uint64_t number) {
  const service_plan& service = plan_.services[time_.below(plan_.services.size())];
  const std::uint64_t draw = time_.below(12);
  const nature is = draw == 0 ? nature::refused : draw == 1 ? nature::invalid : nature::good;
  new_call call = call_of(
      service.name, std::string("[") + static_cast<char>(is) + "," + std::to_string(number) + "]");
  call.scope = "n" + std::to_string(number);
  call.terms.mode = time_.chance(0.5) ? core::call_mode::durable : core::call_mode::queued;
  call.terms.priority = static_cast<std::uint8_t>(3 + time_.below(4));
  call.terms.unknown = service.unknown;
  call.terms.dead = time_.chance(0.3) ? core::on_dead::block : core::on_dead::skip;
  call.terms.attempts_max = static_cast<std::uint16_t>(1 + time_.below(8));
  call.due = time_.wall();
  if (time_.chance(0.2)) call.due += time_.upto(8000);
  const duration lifetime = time_.chance(0.2) ? 200ms + time_.upto(6000) : duration(12h);
  call.terms.deadline = call.due + lifetime;
  if (time_.chance(0.35)) call.order = std::string(1, static_cast<char>('a' + time_.below(2)));
  if (time_.chance(0.3)) call.webhook = "http://there/end";
  if (time_.chance(0.75)) call = with_key(std::move(call), "k" + std::to_string(number));
  return call;
}

void world::plan_callers() {
  for (std::uint64_t i = 0; i < plan_.calls; ++i) {
    // Some come together.
    const auto ms = static_cast<std::uint64_t>(plan_.trouble.count());
    const duration when = time_.chance(0.3) ? duration(ms / 3) : time_.upto(ms);
    time_.after(when, [this, i] {
      const auto who = std::make_shared<caller>();
      who->call = draw_call(i);
      // Who passes away never asks again, and nobody listens.
      const bool dies = time_.chance(0.1);
      who->wait = who->call.terms.mode == core::call_mode::queued ? 0ms : time_.upto(10'000);
      who->tries = dies ? 1000 : 0;
      who->repeats_later = time_.chance(0.4);
      ask(who);
      if (who->call.key.empty() || !time_.chance(0.1)) return;
      // Someone means another call, and uses the same key.
      const auto other = std::make_shared<caller>(*who);
      other->call.params = "[g,\"other\"]";
      other->call.scope += "other";
      other->call = with_key(other->call, who->call.key);
      time_.after(time_.upto(9000), [this, other] { ask(other); });
    });
  }
}

// At random times, until all is healed.
void world::often(duration most, std::function<void()> what) {
  time_.after(time_.upto(static_cast<std::uint64_t>(2 * most.count())),
              [this, most, does = std::move(what)]() mutable {
                if (healed_) return;
                does();
                often(most, std::move(does));
              });
}

void world::plan_faults() {
  often(2500ms, [this] { operate(); });
  often(4000ms, [this] { server_dies(); });
  often(1500ms, [this] { gateway_.report_stale(); });
  if (time_.chance(0.8)) often(7000ms, [this] { kill_somehow(); });
  if (time_.chance(0.5)) {
    often(20'000ms, [this] {
      const auto by = time_.chance(0.3) ? time_.upto(900) : time_.upto(40'000);
      time_.set_clock(time_.chance(0.5) ? by : -by);
    });
  }
  if (time_.chance(0.4)) {
    often(15'000ms, [this] {
      const auto most = static_cast<std::uint64_t>(plan_.store.lease.count());
      gateway_.stall(time_.upto(2 * most));
    });
  }
  if (time_.chance(0.3)) {
    often(12'000ms, [this] {
      if (gateway_.up()) engine_.fill_disk();
    });
  }
}

void world::server_dies() {
  auto& pool = *std::next(pools_.begin(), static_cast<long>(time_.below(pools_.size())))->second;
  const std::size_t most = pool.plan().servers;
  const bool all = time_.chance(0.4);
  for (std::size_t i = 0; i < most; ++i) {
    if (!all && i != time_.below(most)) continue;
    pool.die(i);
    time_.after(time_.upto(3000), [&pool, i] { pool.come_back(i); });
  }
}

void world::kill_somehow() {
  const bool power_cut = time_.chance(0.5);
  switch (time_.below(4)) {
    case 0:
      return gateway_.kill(power_cut);
    case 1:
      return gateway_.terminate();
    case 2:
      // In the start that follows.
      gateway_.kill(power_cut);
      if (time_.chance(0.5)) gateway_.die_in_disk(1 + time_.below(40), power_cut);
      return;
    default:
      if (gateway_.up()) gateway_.die_in_disk(1 + time_.below(60), power_cut);
  }
}

void world::operate() {
  const std::string& service = plan_.services[time_.below(plan_.services.size())].name;
  const std::uint64_t what = time_.below(10);
  if (what < 2) return gateway_.pause(service, true);
  if (what < 5) return gateway_.pause(service, false);
  if (what < 6) return gateway_.limit(service, time_.below(4));
  std::vector<call_id> dead;
  for (const auto& [id, call] : book_.calls()) {
    const bool rests = call.state == call_state::dead && !call.gone;
    if (rests && call.what.service != webhook_service) dead.push_back(id);
  }
  if (dead.empty()) return;
  const call_id id = dead[time_.below(dead.size())];
  if (what < 8) return gateway_.retry(id, what == 6);
  if (what < 9) return gateway_.purge(id);
  gateway_.cancel(id);
}

}  // namespace understudy::store::sim
