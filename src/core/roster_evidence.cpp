// What evidence changes: the arrows of roster.hpp.
#include <algorithm>

#include "core/record_text.hpp"
#include "core/roster.hpp"

namespace understudy::core {
namespace {

/// Suspicions of one server make at most one record in this time.
constexpr duration doubt_quiet = std::chrono::seconds{1};

/// A probe is late after twice what half of them take, and never before this: a busy machine
/// pauses any process for tens of milliseconds. The median, since the first probes after a start
/// take longest; it need not be sure, for calls are late, too.
constexpr duration patience_least = std::chrono::milliseconds{100};
constexpr int patience_factor = 2;
constexpr double enough_probes = 1.0;

bool is_answer(outcome how) {
  return how == outcome::answered || how == outcome::faulted || how == outcome::pushed_back ||
         how == outcome::unreadable;
}

}  // namespace

void roster::attempt_ended(time_point now, server& s, outcome how, duration took) {
  if (how == outcome::answered) s.proven = true;
  if (is_answer(how)) s.heard = now;
  judge(now, s, s.health.attempt_ended(how, took));
}

void roster::idle_connection_lost(time_point now, server& s) {
  judge(now, s, s.health.idle_connection_lost());
}

void roster::probe_ended(time_point now, server& s, outcome how, duration took) {
  s.probe_out = false;
  --probes_out_;
  schedule_probe(now, s);
  if (how == outcome::answered) {
    s.proven = true;
    probe_took_.add(now, took);
  }
  if (is_answer(how)) s.heard = now;
  judge(now, s, s.health.probe_ended(now, how, took));
}

void roster::overdue(time_point now, server& s, time_point begun) {
  if (!s.in_service() || s.state == server_state::down || s.heard > begun) return;
  const bool answered = s.unheard_since && s.heard > *s.unheard_since;
  if (!s.unheard_since || answered || begun < *s.unheard_since) s.unheard_since = begun;
  if (!s.probe_out) s.probe_due = now;
  plan(s);
}

void roster::heard(time_point now, server& s) {
  if (!s.in_service() || s.state == server_state::down) return;
  judge(now, s, {opinion::doubt, "another observer has left it", source::observer});
  overdue(now, s, now);
}

void roster::methods_fail(time_point now, server& s, unsigned methods, duration rest) {
  judge(now, s, s.health.methods_fail(now, methods, rest));
}

void roster::paused(duration lost) {
  for (server& s : servers_) s.probe_started += lost;
}

duration roster::probe_patience() const {
  if (probe_took_.count() < enough_probes) return options_.probe_timeout;
  return std::clamp(patience_factor * probe_took_.quantile(0.5), patience_least,
                    std::max(patience_least, options_.probe_timeout));
}

/// When it will be silent, if nothing comes from it.
std::optional<time_point> roster::silent_at(const server& s) const {
  if (!s.unheard_since || s.heard > *s.unheard_since || !s.probe_out) return std::nullopt;
  return s.probe_started + probe_patience();
}

void roster::judge(time_point now, server& s, const finding& f) {
  if (f.what == opinion::nothing || !s.in_service()) return;
  if (f.what == opinion::well) {
    welcome(now, s, f);
  } else {
    accuse(now, s, f);
  }
  settle(now);
}

void roster::accuse(time_point now, server& s, const finding& f) {
  s.doubted = now;
  if (s.state == server_state::down) return;
  const bool another_usable = usable() > (s.usable() ? 1U : 0U);
  const bool out = f.what == opinion::gone || s.state == server_state::returning ||
                   (f.what == opinion::silent && another_usable);
  if (!out) return suspect(now, s, f);
  enter(now, s, server_state::down);
  s.left = now;
  left_.push_back(s.id);
  tell(s, "server_down", describe(f), f.rule, "it gets no calls until its probes are answered");
}

void roster::suspect(time_point now, server& s, const finding& f) {
  if (s.state != server_state::suspect) {
    enter(now, s, server_state::suspect);
    tell_suspicion(now, s, f);
  }
  // A failed probe was a look already: the next one keeps its distance.
  if (f.from != source::probe) probe_at(s, now);
}

void roster::tell_suspicion(time_point now, server& s, const finding& f) {
  s.doubt_told = now >= s.doubt_quiet_until;
  if (!s.doubt_told) {
    ++s.doubts_untold;
    return;
  }
  evidence seen = describe(f);
  if (s.doubts_untold > 0) seen.emplace_back("untold", std::to_string(s.doubts_untold));
  s.doubts_untold = 0;
  s.doubt_quiet_until = now + doubt_quiet;
  tell(s, "server_suspect", std::move(seen), f.rule, "others are preferred while it is looked at");
}

void roster::welcome(time_point now, server& s, const finding& f) {
  switch (s.state) {
    case server_state::up:
    case server_state::returning:
    case server_state::drained:
      return;
    case server_state::suspect:
      // An answer to a probe from before the doubt proves nothing.
      if (s.probe_started < s.doubted) {
        probe_at(s, now);
      } else {
        put_up(now, s, f.rule, describe(f));
      }
      return;
    case server_state::down:
      if (in_state(server_state::up) == 0) {
        put_up(now, s, "no other server is up", describe(f));
      } else if (s.health.probes_good() >= options_.probes_up) {
        come_back(now, s, f);
      }
      return;
  }
}

void roster::come_back(time_point now, server& s, const finding& f) {
  bool same_serves = false;
  bool better_serves = false;
  for (const auto& [priority, t] : tiers_.by_priority()) {
    if (t.up == 0) continue;
    same_serves = same_serves || priority == s.options.priority;
    better_serves = better_serves || priority < s.options.priority;
  }
  if (better_serves) return put_up(now, s, f.rule, describe(f));

  enter(now, s, server_state::returning);
  if (same_serves)
    return start_ramp(now, s, "server_returning", describe(f), f.rule, options_.ramp);
  if (s.waived)
    return start_ramp(now, s, "failback", describe(f), "an operator resumed it", options_.ramp);
  const bool manual = options_.failback == failback_policy::manual;
  s.held_until = manual ? time_point::max() : now + options_.hold_down;
  tell(s, "server_returning", describe(f), f.rule,
       manual ? "it stays idle until an operator resumes it"
              : "it stays idle for " + to_ms(options_.hold_down) + " ms; a failure starts over");
}

}  // namespace understudy::core
