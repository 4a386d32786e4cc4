// Membership, time and probes. What evidence changes: roster_evidence.cpp.
#include "core/roster.hpp"

#include <algorithm>
#include <utility>

#include "core/record_text.hpp"
#include "understudy/detail/check.hpp"

namespace understudy::core {
namespace {

constexpr double weight_min = 1e-6;

constexpr unsigned priority_max = 100;
/// Probes of many servers: at most so many at a time, and 500 a second in the long run.
constexpr unsigned probes_out_max = 256;
constexpr duration crowded_pause = std::chrono::milliseconds{20};
constexpr duration probe_spacing = std::chrono::milliseconds{2};

/// Weights are divisors, and each priority has a tier of its own.
server_options sane(server_options options) {
  if (!(options.weight >= weight_min)) options.weight = weight_min;
  options.priority = std::min(options.priority, priority_max);
  return options;
}

void take_earlier(std::optional<time_point>& earliest, time_point at) {
  if (!earliest || at < *earliest) earliest = at;
}

}  // namespace

server_id roster::add(time_point now, const server_options& options) {
  const bool others_proven = std::any_of(servers_.begin(), servers_.end(),
                                         [](const server& s) { return s.is_up() && s.proven; });
  const detector_options rules{.probes_down = options_.probes_down};
  const auto at = servers_.insert(servers_.end(), {.id = server_id{++last_id_},
                                                   .load = limiter(options_.limits),
                                                   .health = detector(rules),
                                                   .options = sane(options)});
  server& s = *at;
  by_id_.emplace(last_id_, at);
  tiers_.add(s);
  count(s.state, +1);
  tell(s, "server_added", {{"priority", std::to_string(options.priority)}}, "it was added",
       others_proven ? "it takes calls once its probes are answered"
                     : "it takes calls, and is probed at once");
  enter(now, s, others_proven ? server_state::down : server_state::up);
  probe_at(s, now);
  settle(now);
  return s.id;
}

void roster::update(time_point now, server& s, const server_options& options) {
  if (s.removed) return;
  const unsigned old_priority = s.options.priority;
  s.options = sane(options);
  tiers_.update(s, old_priority);
  tell(s, "server_updated",
       {{"priority", std::to_string(s.options.priority)},
        {"weight", std::to_string(s.options.weight)}},
       "its settings were changed", "later calls are shared by them");
  settle(now);
}

void roster::remove(time_point now, server& s) {
  if (s.removed) return;
  s.removed = true;
  count(s.state, -1);
  tiers_.remove(s);
  tell(s, "server_removed", {{"in_flight", std::to_string(s.in_flight)}}, "it was removed",
       "its running calls end, it gets no new ones");
  settle(now);
  forget_if_done(s);
}

void roster::drain(time_point now, server& s) {
  if (s.removed || s.state == server_state::drained) return;
  enter(now, s, server_state::drained);
  tell(s, "server_drained", {{"in_flight", std::to_string(s.in_flight)}}, "an operator drained it",
       "its running calls end, it gets no new ones and no probes");
  settle(now);
}

void roster::resume(time_point now, server& s) {
  if (s.removed) return;
  if (s.state == server_state::drained) {
    enter(now, s, server_state::down);
    s.waived = true;
    probe_at(s, now);
    tell(s, "server_resumed", {}, "an operator resumed it",
         "it takes calls once its probes are answered");
  } else if (s.state == server_state::returning && !s.ramp_from) {
    start_ramp(now, s, "failback", {}, "an operator resumed it", options_.ramp);
  }
}

void roster::advance(time_point now, pool_actions& out) {
  while (!looks_.empty() && looks_.top().at <= now) {
    const look next = looks_.top();
    looks_.pop();
    server* const s = find(next.server);
    if (s == nullptr || s->planned != next.at) continue;  // gone, or looked at earlier
    s->planned.reset();
    act(now, *s, out);
    plan(*s);
  }
  std::move(records_.begin(), records_.end(), std::back_inserter(out.records));
  records_.clear();
  for (const server_id id : left_) out.verdicts.push_back({id, {}});
  left_.clear();
  out.wake_parked = std::exchange(wake_, false);
}

/// What time alone changes for one server.
void roster::act(time_point now, server& s, pool_actions& out) {
  if (!s.in_service()) return;
  if (s.state == server_state::returning) {
    if (!s.ramp_from && now >= s.held_until) {
      start_ramp(now, s, "failback", {{"healthy_ms", to_ms(now - s.since)}},
                 "it was healthy for hold_down", failback_ramp());
    }
    if (s.ramp_from && now - *s.ramp_from >= s.ramp) put_up(now, s, "its ramp is over", {});
  }
  if (!s.probe_out && now >= s.probe_due && probes_out_ >= probes_out_max) {
    s.probe_due = now + crowded_pause;
  } else if (!s.probe_out && now >= s.probe_due) {
    ++probes_out_;
    s.probe_out = true;
    s.probe_started = now;
    out.probe.push_back(s.id);
  }
  const auto silent = silent_at(s);
  if (!silent || now < *silent) return;
  const duration quiet = now - *std::exchange(s.unheard_since, std::nullopt);
  judge(now, s,
        {opinion::silent, "neither calls nor a probe are answered", source::probe, 1,
         outcome::timed_out, quiet});
}

/// After whatever may make its next moment come earlier.
void roster::plan(server& s) {
  if (!s.in_service()) return;
  std::optional<time_point> earliest;
  if (!s.probe_out) earliest = s.probe_due;
  if (const auto silent = silent_at(s)) take_earlier(earliest, *silent);
  if (s.state == server_state::returning) {
    if (s.ramp_from) {
      take_earlier(earliest, *s.ramp_from + s.ramp);
    } else if (s.held_until != time_point::max()) {
      take_earlier(earliest, s.held_until);
    }
  }
  if (!earliest || (s.planned && *s.planned <= *earliest)) return;
  s.planned = earliest;
  looks_.push({*earliest, s.id});
}

std::optional<time_point> roster::next_deadline() const {
  if (looks_.empty()) return std::nullopt;
  return looks_.top().at;
}

server* roster::find(server_id id) {
  const auto found = by_id_.find(static_cast<std::uint32_t>(id));
  return found == by_id_.end() ? nullptr : &*found->second;
}

const server* roster::find(server_id id) const {
  return const_cast<roster*>(this)->find(id);
}

void roster::forget_if_done(const server& s) {
  if (!s.removed || s.in_flight > 0 || s.granted > 0 || s.probe_out) return;
  const auto at = by_id_.find(static_cast<std::uint32_t>(s.id));
  servers_.erase(at->second);
  by_id_.erase(at);
}

void roster::probe_at(server& s, time_point at) {
  s.probe_due = at;
  plan(s);
}

void roster::schedule_probe(time_point now, server& s) {
  const bool doubtful = s.state == server_state::down || s.state == server_state::suspect;
  const duration wanted = doubtful ? options_.down_probe_interval : options_.probe_interval;
  const duration interval =
      std::max(wanted, static_cast<duration::rep>(servers_.size()) * probe_spacing);
  // +-10 %: the probes of many gateways and servers must not fall into step.
  const double jitter = 0.9 + 0.2 * random_.unit();
  probe_at(s, now + std::chrono::duration_cast<duration>(interval * jitter));
}

void roster::count(server_state state, int by) {
  states_[static_cast<std::size_t>(state)] += static_cast<std::size_t>(by);
}

/// Every change of state passes here.
void roster::enter(time_point now, server& s, server_state state) {
  const server_state from = std::exchange(s.state, state);
  count(from, -1);
  count(state, +1);
  s.since = now;
  s.ramp_from.reset();
  s.held_until = {};
  switch (state) {
    case server_state::up:
      s.waived = false;
      s.trusted_since = now;
      wake_ = true;
      break;
    case server_state::down:
    case server_state::drained:
      s.waived = false;
      s.trusted_since = now;
      s.health.reset();
      break;
    case server_state::suspect:
    case server_state::returning:
      break;
  }
  share_out(s, from);
  schedule_probe(now, s);
}

/// Who gets calls has changed.
void roster::share_out(const server& s, server_state from) {
  if (!tiers_.changed(s, from, servers_)) return;
  const tier& t = tiers_.at(s.options.priority);
  records_.push_back({t.panic ? "pool_panic" : "pool_calm",
                      "pool " + options_.name,
                      {{"priority", std::to_string(s.options.priority)},
                       {"up", std::to_string(t.up)},
                       {"suspect", std::to_string(t.suspect)}},
                      t.panic ? "fewer than half of those that answer are up"
                              : "at least half of those that answer are up",
                      t.panic ? "the suspect are used like the others"
                              : "the suspect are used only if nothing better is"});
}

void roster::put_up(time_point now, server& s, std::string_view rule, evidence seen) {
  const bool untold = s.state == server_state::suspect && !s.doubt_told;
  enter(now, s, server_state::up);
  if (!untold) tell(s, "server_up", std::move(seen), rule, "it takes its share of the calls");
}

void roster::start_ramp(time_point now, server& s, std::string_view kind, evidence seen,
                        std::string_view rule, duration length) {
  s.ramp_from = now;
  s.ramp = length;
  share_out(s, s.state);
  plan(s);
  tell(s, kind, std::move(seen), rule,
       "its share of the calls grows from 0 to 1 within " + to_ms(length) + " ms");
}

duration roster::failback_ramp() const {
  return options_.failback == failback_policy::gradual ? options_.gradual : options_.ramp;
}

/// After every event. Hold-down and ramp protect from a hasty failback; with nothing to fail back
/// from they would only keep calls waiting.
void roster::settle(time_point now) {
  const bool served = in_state(server_state::up) + in_state(server_state::suspect) > 0;
  if (!served && usable() > 0) {
    for (server& s : servers_) {
      if (s.usable()) put_up(now, s, "no other server is usable", {});
    }
  }
  watch_for_empty(now);
}

void roster::watch_for_empty(time_point now) {
  const bool some_usable = usable() > 0;
  if (some_usable == !empty_told_) return;
  empty_told_ = !some_usable;
  if (some_usable) {
    records_.push_back({"pool_recovered",
                        "pool " + options_.name,
                        {{"empty_ms", to_ms(now - empty_since_)}},
                        "a server is usable again",
                        "parked calls go on"});
    return;
  }
  empty_since_ = now;
  const std::size_t down = in_service();
  records_.push_back({"pool_empty",
                      "pool " + options_.name,
                      {{"down", std::to_string(down)},
                       {"drained", std::to_string(in_state(server_state::drained))}},
                      "no server is usable",
                      down == 0 ? "calls are refused" : "calls wait, within their deadlines"});
}

void roster::tell(const server& s, std::string_view kind, evidence seen, std::string_view rule,
                  std::string_view effect) {
  records_.push_back({std::string(kind), "pool " + options_.name + ", server " + s.options.address,
                      std::move(seen), std::string(rule), std::string(effect)});
}

}  // namespace understudy::core
