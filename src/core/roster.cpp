// Membership, time and probes. What evidence changes: roster_evidence.cpp.
#include "core/roster.hpp"

#include <algorithm>
#include <utility>

#include "core/record_text.hpp"
#include "understudy/detail/check.hpp"

namespace understudy::core {
namespace {

constexpr double weight_min = 1e-6;

/// Weights are divisors.
server_options sane(server_options options) {
  if (!(options.weight >= weight_min)) options.weight = weight_min;
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
  servers_.push_back(
      {.id = server_id{++last_id_}, .options = sane(options), .health = detector(rules)});
  server& s = servers_.back();
  tell(s, "server_added", {{"priority", std::to_string(options.priority)}}, "it was added",
       others_proven ? "it takes calls once its probes are answered"
                     : "it takes calls, and is probed at once");
  enter(now, s, others_proven ? server_state::down : server_state::up);
  s.probe_due = now;
  settle(now);
  return s.id;
}

void roster::update(time_point now, server& s, const server_options& options) {
  s.options = sane(options);
  tell(s, "server_updated",
       {{"priority", std::to_string(s.options.priority)},
        {"weight", std::to_string(s.options.weight)}},
       "its settings were changed", "later calls are shared by them");
  settle(now);
}

void roster::remove(time_point now, server& s) {
  s.removed = true;
  tell(s, "server_removed", {{"in_flight", std::to_string(s.in_flight)}}, "it was removed",
       "its running calls end, it gets no new ones");
  settle(now);
  forget_if_done(s);
}

void roster::drain(time_point now, server& s) {
  if (s.state == server_state::drained) return;
  enter(now, s, server_state::drained);
  tell(s, "server_drained", {{"in_flight", std::to_string(s.in_flight)}}, "an operator drained it",
       "its running calls end, it gets no new ones and no probes");
  settle(now);
}

void roster::resume(time_point now, server& s) {
  if (s.state == server_state::drained) {
    enter(now, s, server_state::down);
    s.waived = true;
    s.probe_due = now;
    tell(s, "server_resumed", {}, "an operator resumed it",
         "it takes calls once its probes are answered");
  } else if (s.state == server_state::returning && !s.ramp_from) {
    start_ramp(now, s, "failback", {}, "an operator resumed it");
  }
}

void roster::advance(time_point now, pool_actions& out) {
  for (server& s : servers_) {
    if (s.removed || s.state != server_state::returning) continue;
    if (!s.ramp_from && now >= s.held_until) {
      start_ramp(now, s, "failback", {{"healthy_ms", to_ms(now - s.since)}},
                 "it was healthy for hold_down");
    }
    if (s.ramp_from && now - *s.ramp_from >= options_.ramp) put_up(now, s, "its ramp is over", {});
  }
  for (server& s : servers_) {
    if (!s.in_service() || s.probe_out || now < s.probe_due) continue;
    s.probe_out = true;
    s.probe_started = now;
    out.probe.push_back(s.id);
  }
  for (server& s : servers_) {
    const auto silent = silent_at(s);
    if (!silent || now < *silent) continue;
    const duration quiet = now - *std::exchange(s.unheard_since, std::nullopt);
    judge(now, s,
          {opinion::silent, "neither calls nor a probe are answered", source::probe, 1,
           outcome::timed_out, quiet});
  }
  std::move(records_.begin(), records_.end(), std::back_inserter(out.records));
  records_.clear();
  out.wake_parked = std::exchange(wake_, false);
}

std::optional<time_point> roster::next_deadline() const {
  std::optional<time_point> earliest;
  for (const server& s : servers_) {
    if (!s.in_service()) continue;
    if (!s.probe_out) take_earlier(earliest, s.probe_due);
    if (const auto silent = silent_at(s)) take_earlier(earliest, *silent);
    if (s.state != server_state::returning) continue;
    if (s.ramp_from) {
      take_earlier(earliest, *s.ramp_from + options_.ramp);
    } else if (s.held_until != time_point::max()) {
      take_earlier(earliest, s.held_until);
    }
  }
  return earliest;
}

server* roster::find(server_id id) {
  for (server& s : servers_) {
    if (s.id == id) return &s;
  }
  return nullptr;
}

const server* roster::find(server_id id) const {
  return const_cast<roster*>(this)->find(id);
}

void roster::forget_if_done(const server& s) {
  if (!s.removed || s.in_flight > 0 || s.probe_out) return;
  servers_.erase(servers_.begin() + (&s - servers_.data()));
}

void roster::schedule_probe(time_point now, server& s) {
  const bool doubtful = s.state == server_state::down || s.state == server_state::suspect;
  const duration interval = doubtful ? options_.down_probe_interval : options_.probe_interval;
  // +-10 %: the probes of many gateways and servers must not fall into step.
  const double jitter = 0.9 + 0.2 * random_.unit();
  s.probe_due = now + std::chrono::duration_cast<duration>(interval * jitter);
}

/// Every change of state passes here.
void roster::enter(time_point now, server& s, server_state state) {
  s.state = state;
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
  schedule_probe(now, s);
}

void roster::put_up(time_point now, server& s, std::string_view rule, evidence seen) {
  const bool untold = s.state == server_state::suspect && !s.doubt_told;
  enter(now, s, server_state::up);
  if (!untold) tell(s, "server_up", std::move(seen), rule, "it takes its share of the calls");
}

void roster::start_ramp(time_point now, server& s, std::string_view kind, evidence seen,
                        std::string_view rule) {
  s.ramp_from = now;
  tell(s, kind, std::move(seen), rule,
       "its share of the calls grows from 0 to 1 within " + to_ms(options_.ramp) + " ms");
}

/// After every event. Hold-down and ramp protect from a hasty failback; with nothing to fail back
/// from they would only keep calls waiting.
void roster::settle(time_point now) {
  const bool served = std::any_of(servers_.begin(), servers_.end(), [](const server& s) {
    return s.is_up() || (!s.removed && s.state == server_state::suspect);
  });
  if (!served) {
    for (server& s : servers_) {
      if (s.usable()) put_up(now, s, "no other server is usable", {});
    }
  }
  watch_for_empty(now);
}

void roster::watch_for_empty(time_point now) {
  const auto count = [this](auto&& matches) {
    return std::to_string(std::count_if(servers_.begin(), servers_.end(), matches));
  };
  const bool usable =
      std::any_of(servers_.begin(), servers_.end(), [](const server& s) { return s.usable(); });
  if (usable == !empty_told_) return;
  empty_told_ = !usable;
  if (usable) {
    records_.push_back({"pool_recovered",
                        "pool " + options_.name,
                        {{"empty_ms", to_ms(now - empty_since_)}},
                        "a server is usable again",
                        "parked calls go on"});
    return;
  }
  empty_since_ = now;
  const std::string down = count([](const server& s) { return s.in_service(); });
  const std::string drained =
      count([](const server& s) { return !s.removed && s.state == server_state::drained; });
  records_.push_back({"pool_empty",
                      "pool " + options_.name,
                      {{"down", down}, {"drained", drained}},
                      "no server is usable",
                      down == "0" ? "calls are refused" : "calls wait, within their deadlines"});
}

void roster::tell(const server& s, std::string_view kind, evidence seen, std::string_view rule,
                  std::string_view effect) {
  records_.push_back({std::string(kind), "pool " + options_.name + ", server " + s.options.address,
                      std::move(seen), std::string(rule), std::string(effect)});
}

}  // namespace understudy::core
