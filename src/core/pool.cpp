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
  options.faults_suspect = std::max(options.faults_suspect, 1U);
  return options;
}

/// How well a server stands in a pick; lower is better.
enum class standing : std::uint8_t { serving, returning, suspect, out };

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
  state_->servers.remove(now, state_->at(id));
}

void pool::drain(time_point now, server_id id) {
  state_->servers.drain(now, state_->at(id));
}

void pool::resume(time_point now, server_id id) {
  state_->servers.resume(now, state_->at(id));
}

std::optional<server_id> pool::pick(time_point now, std::span<const server_id> tried) {
  const std::vector<server>& servers = state_->servers.servers();
  std::vector<candidate>& best = state_->candidates;
  best.clear();
  std::pair best_rank{standing::out, 0U};
  for (std::size_t i = 0; i < servers.size(); ++i) {
    const server& s = servers[i];
    if (std::find(tried.begin(), tried.end(), s.id) != tried.end()) continue;
    const std::pair rank{standing_of(s, now, state_->options.ramp, state_->random),
                         s.options.priority};
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

void pool::begin(time_point, server_id id) {
  server& s = state_->at(id);
  ++s.in_flight;
  ++s.attempts;
}

void pool::end(time_point now, server_id id, outcome how, duration took) {
  server& s = state_->at(id);
  UNDERSTUDY_CHECK(s.in_flight > 0);
  --s.in_flight;
  if (how != outcome::answered && how != outcome::abandoned) ++s.failures;
  state_->servers.attempt_ended(now, s, how, took);
  state_->servers.forget_if_done(s);
}

void pool::idle_connection_lost(time_point now, server_id id) {
  // Idle connections of a removed server may outlive it.
  if (server* s = state_->servers.find(id)) state_->servers.idle_connection_lost(now, *s);
}

void pool::probe_ended(time_point now, server_id id, outcome how, duration took) {
  server& s = state_->at(id);
  UNDERSTUDY_CHECK(s.probe_out);
  state_->servers.probe_ended(now, s, how, took);
  state_->servers.forget_if_done(s);
}

pool_actions pool::take_actions(time_point now) {
  pool_actions out;
  state_->servers.advance(now, out);
  state_->refused.collect(now, out.records);
  return out;
}

std::optional<time_point> pool::next_deadline() const {
  const std::optional<time_point> health = state_->servers.next_deadline();
  const std::optional<time_point> telling = state_->refused.next_deadline();
  if (!health || !telling) return health ? health : telling;
  return std::min(*health, *telling);
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
  return all;
}

std::size_t pool::parked() const {
  return state_->waiting.count();
}

}  // namespace understudy::core
