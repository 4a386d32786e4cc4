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

/// Below this a slower answer is no sign of a queue worth avoiding, and it is how work is batched
/// (CoDel's target is the same 5 ms).
constexpr duration queue_unfelt = std::chrono::milliseconds{5};

load_sign load_sign_of(outcome how, bool answered_badly) {
  switch (how) {
    case outcome::answered:
      return answered_badly ? load_sign::nothing : load_sign::served;
    case outcome::timed_out:
      return load_sign::timed_out;
    case outcome::pushed_back:
      return load_sign::pushed_back;
    default:
      return load_sign::nothing;
  }
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

method_id pool::method(std::string_view name) const {
  return state_->attempts.method(name);
}

method_id pool::know(std::string_view name) {
  return state_->attempts.know(name);
}

attempt_id pool::begin(time_point now, server_id id, method_id m, bool idempotent) {
  ++state_->at(id).attempts;
  return state_->attempts.begin(now, id, m, idempotent, state_->took_place(now, id));
}

attempt_id pool::begin_canary(time_point now, server_id id, method_id m) {
  return state_->attempts.begin_canary(now, id, m, state_->took_place(now, id));
}

attempt_note pool::state::took_place(time_point now, server_id id) {
  server& s = at(id);
  s.tier->members.began(now, s.slot);
  ++s.in_flight;
  return {.tier = s.tier, .slot = s.slot, .calm = s.load.began(now)};
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
  // Of how the server is now it says nothing, if it is from before.
  const outcome counts = begun.begun < s.trusted_since ? outcome::stale : how;
  const watch::ended ended = state_->attempts.end(now, which, counts, answered_badly);
  UNDERSTUDY_CHECK(s.in_flight > 0);
  --s.in_flight;
  begun.kept.tier->members.ended(now, begun.kept.slot, now - ended.took, how);
  if (!ended.was_late) state_->learn_load(now, s, ended, load_sign_of(how, answered_badly));
  const bool failed = how != outcome::answered && how != outcome::abandoned;
  if (failed && !ended.canary) ++s.failures;
  // A copy may cost a connection without a word against the server: that is what it is sent for.
  const bool tells = how == outcome::answered || how == outcome::refused ||
                     (!ended.canary && begun.begun >= s.left);
  if (tells) state_->servers.attempt_ended(now, s, how, ended.took);
  if (ended.canary) state_->trust.canary_ended(now, ended.server, ended.method, ended.good);
  forget_if_done(ended.server);
}

void pool::state::learn_load(time_point now, server& s, const watch::ended& ended, load_sign how) {
  baseline& calm_self = ended.where->base;
  duration expected = calm_self.expected();
  if (watch::is_shared(ended.method)) expected = {};  // of which of them?
  if (expected > duration{0}) expected = std::max(expected, queue_unfelt);
  s.load.ended(now, ended.took, expected, how, refused_at);
  if (how == load_sign::served) calm_self.add(ended.took, ended.kept.calm);
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

void pool::heard(time_point now, server_id id) {
  if (server* s = state_->servers.find(id)) state_->servers.heard(now, *s);
}

void pool::heard_away(time_point now, server_id id, std::string_view method) {
  const server* s = state_->servers.find(id);
  if (s != nullptr && s->in_service()) state_->trust.heard_away(now, id, know(method));
}

void pool::paused(duration lost) {
  for (auto& [priority, tier] : state_->by_priority.by_priority()) tier.members.paused(lost);
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
  for (const watch::ended& late : state_->attempts.take_late())
    state_->learn_load(now, state_->at(late.server), late, load_sign::timed_out);
  state_->servers.advance(now, out);
  state_->trust.collect(out);
  out.turns = state_->queue.expire(now);
  give_places(now, out);
  state_->refused.collect(now, out.records);
  return out;
}

std::optional<time_point> pool::next_deadline() const {
  std::optional<time_point> earliest;
  for (const auto& at : {state_->servers.next_deadline(), state_->trust.next_deadline(),
                         state_->refused.next_deadline(), state_->queue.next_deadline()})
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
                   .share = s.share(now),
                   .limit = s.load.limit()});
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

bool pool::waits(pending_id turn) const {
  return state_->queue.waits(turn);
}

std::size_t pool::queued() const {
  return state_->queue.size();
}

}  // namespace understudy::core
