#include "core/pool.hpp"

#include <algorithm>
#include <utility>

#include "core/pool_state.hpp"
#include "understudy/detail/check.hpp"

namespace understudy::core {
namespace {

constexpr duration interval_min = std::chrono::milliseconds{1};

/// An interval of 0 would be an endless loop.
pool_options sane(pool_options options) {
  options.probe_interval = std::max(options.probe_interval, interval_min);
  options.down_probe_interval = std::max(options.down_probe_interval, interval_min);
  return options;
}

/// How well a server stands in a pick; lower is better.
enum class standing : std::uint8_t { serving, returning, unfit, suspect, out };

standing standing_of(const server& s, time_point now, duration ramp, dice& random) {
  if (!s.usable()) return standing::out;
  if (s.state == server_state::up) return standing::serving;
  if (s.state == server_state::suspect) return standing::suspect;
  // A ramp is a chance, not a weight: under low load a weight would give it every call.
  const double share = s.share(now, ramp);
  return share > 0.0 && random.unit() < share ? standing::serving : standing::returning;
}

}  // namespace

std::string_view to_string(server_state state) {
  switch (state) {
    case server_state::up:
      return "up";
    case server_state::suspect:
      return "suspect";
    case server_state::down:
      return "down";
    case server_state::returning:
      return "returning";
    case server_state::drained:
      return "drained";
  }
  return "";
}

server& pool::state::at(server_id id) {
  server* s = servers.find(id);
  UNDERSTUDY_CHECK(s != nullptr);
  return *s;
}

std::string_view pool::state::address(server_id id) {
  return at(id).options.address;
}

bool pool::state::any_in_service() const {
  const auto& all = servers.servers();
  return std::any_of(all.begin(), all.end(), [](const server& s) { return s.in_service(); });
}

bool pool::state::any_recovering() const {
  const auto& all = servers.servers();
  return std::any_of(all.begin(), all.end(),
                     [](const server& s) { return s.in_service() && !s.is_up(); });
}

pool::pool(pool_options options, std::uint64_t seed)
    : state_(std::make_unique<state>(sane(std::move(options)), seed)) {}

pool::~pool() = default;

server_id pool::add(time_point now, const server_options& options) {
  return state_->servers.add(now, options);
}

void pool::update(time_point now, server_id id, const server_options& options) {
  state_->servers.update(now, state_->at(id), options);
}

void pool::remove(time_point now, server_id id) {
  state_->trust.forgive(id);
  state_->servers.remove(now, state_->at(id));
  if (state_->servers.find(id) == nullptr) state_->attempts.forget(id);
}

void pool::drain(time_point now, server_id id) {
  state_->servers.drain(now, state_->at(id));
}

void pool::resume(time_point now, server_id id) {
  state_->trust.forgive(id);
  state_->servers.resume(now, state_->at(id));
}

method_id pool::method(std::string_view name) {
  return state_->attempts.method(name);
}

std::optional<server_id> pool::pick(time_point now, std::span<const server_id> tried, method_id m) {
  const std::vector<server>& servers = state_->servers.servers();
  std::vector<candidate>& best = state_->candidates;
  best.clear();
  std::pair best_rank{standing::out, 0U};
  for (std::size_t i = 0; i < servers.size(); ++i) {
    const server& s = servers[i];
    if (std::find(tried.begin(), tried.end(), s.id) != tried.end()) continue;
    std::pair rank{standing_of(s, now, state_->options.ramp, state_->random), s.options.priority};
    if (rank.first == standing::serving || rank.first == standing::returning) {
      const double share = state_->trust.share(now, s.id, m);
      if (share < 1.0 && state_->random.unit() >= share) rank.first = standing::unfit;
    }
    if (rank.first == standing::out) continue;
    if (!best.empty() && rank > best_rank) continue;
    if (best.empty() || rank < best_rank) {
      best.clear();
      best_rank = rank;
    }
    best.push_back({.index = i, .weight = s.options.weight, .in_flight = s.in_flight});
  }
  if (best.empty()) return std::nullopt;
  return servers[choose(best, state_->random)].id;
}

attempt_id pool::begin(time_point now, server_id id, method_id m, bool idempotent) {
  server& s = state_->at(id);
  ++s.in_flight;
  ++s.attempts;
  return state_->attempts.begin(now, id, m, idempotent);
}

attempt_id pool::begin_canary(time_point now, server_id id, method_id m) {
  ++state_->at(id).in_flight;
  return state_->attempts.begin_canary(now, id, m);
}

duration pool::canary_patience(method_id m) const {
  return state_->attempts.canary_patience(m);
}

std::optional<server_id> pool::canary_due(time_point now, method_id m) const {
  return state_->trust.canary_due(now, m);
}

void pool::end(time_point now, attempt_id which, outcome how, bool answered_badly) {
  const watch::ended begun = state_->attempts.of(which);
  server& s = state_->at(begun.server);
  const outcome counts = begun.begun < s.trusted_since ? outcome::abandoned : how;
  const watch::ended ended = state_->attempts.end(now, which, counts, answered_badly);
  UNDERSTUDY_CHECK(s.in_flight > 0);
  --s.in_flight;
  const bool failed = how != outcome::answered && how != outcome::abandoned;
  if (failed && !ended.canary) ++s.failures;
  state_->servers.attempt_ended(now, s, how, ended.took);
  if (ended.canary) state_->trust.canary_ended(now, ended.server, ended.method, ended.good);
  forget_if_done(ended.server);
}

void pool::forget_if_done(server_id id) {
  state_->servers.forget_if_done(state_->at(id));
  if (state_->servers.find(id) != nullptr) return;
  state_->trust.forgive(id);
  state_->attempts.forget(id);
}

bool pool::trusts(time_point now, server_id id, method_id m) const {
  return state_->at(id).is_up() && state_->trust.share(now, id, m) >= 1.0;
}

std::optional<duration> pool::hedge_delay(method_id m) const {
  if (state_->options.hedge_after <= duration{0}) return std::nullopt;
  return std::max(state_->options.hedge_after, state_->attempts.usual_latest(m));
}

void pool::paused(duration lost) {
  state_->attempts.paused(lost);
  state_->servers.paused(lost);
}

void pool::idle_connection_lost(time_point now, server_id id) {
  // Idle connections of a removed server may outlive it.
  if (server* s = state_->servers.find(id)) state_->servers.idle_connection_lost(now, *s);
}

void pool::probe_ended(time_point now, server_id id, outcome how, duration took) {
  server& s = state_->at(id);
  UNDERSTUDY_CHECK(s.probe_out);
  state_->servers.probe_ended(now, s, how, took);
  forget_if_done(id);
}

pool_actions pool::take_actions(time_point now) {
  pool_actions out;
  state_->trust.advance(now);
  state_->servers.advance(now, out);
  state_->trust.collect(out.records);
  state_->refused.collect(now, out.records);
  return out;
}

std::optional<time_point> pool::next_deadline() const {
  std::optional<time_point> earliest;
  for (const auto& at : {state_->servers.next_deadline(), state_->trust.next_deadline(),
                         state_->refused.next_deadline()})
    if (at && (!earliest || *at < *earliest)) earliest = at;
  return earliest;
}

const pool_options& pool::options() const {
  return state_->options;
}

std::vector<server_status> pool::status(time_point now) const {
  std::vector<server_status> all;
  for (const server& s : state_->servers.servers()) {
    if (s.removed) continue;
    all.push_back({.id = s.id,
                   .options = s.options,
                   .state = s.state,
                   .in_flight = s.in_flight,
                   .attempts = s.attempts,
                   .failures = s.failures,
                   .since = s.since,
                   .share = s.share(now, state_->options.ramp)});
  }
  for (auto& [id, method] : state_->trust.away()) {
    const auto of = std::find_if(all.begin(), all.end(),
                                 [&, server = id](const auto& one) { return one.id == server; });
    if (of != all.end()) of->methods_away.push_back(method);
  }
  return all;
}

std::size_t pool::parked() const {
  return state_->waiting.count();
}

}  // namespace understudy::core
