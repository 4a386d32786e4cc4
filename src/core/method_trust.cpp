#include "core/method_trust.hpp"

#include <algorithm>

#include "core/record_text.hpp"

namespace understudy::core {
namespace {

constexpr duration rest_first = std::chrono::seconds{1};
constexpr duration rest_max = std::chrono::seconds{30};
/// A verdict this long after the last one is no repetition.
constexpr duration rest_memory = std::chrono::minutes{5};
constexpr duration canary_pause = std::chrono::milliseconds{200};
constexpr unsigned canaries_back = 3;
/// So long after its rest a canary is waited for.
constexpr duration canary_wait = std::chrono::seconds{30};
/// What waits for others is looked at again after this.
constexpr duration look_again = std::chrono::milliseconds{250};

double ramped(time_point now, const line& l, duration ramp) {
  if (!l.ramp_from) return 0.0;
  if (now - *l.ramp_from >= ramp) return 1.0;
  return std::chrono::duration<double>(now - *l.ramp_from) / std::chrono::duration<double>(ramp);
}

/// Twice as long, within `most`; never shorter.
duration longer(duration rest, duration most) {
  return std::max(rest, std::min(2 * rest, most));
}

evidence case_of(const line& l) {
  evidence seen;
  const auto add = [&](const char* name, sign what) {
    if (l.against.seen(what) > 0) seen.emplace_back(name, std::to_string(l.against.seen(what)));
  };
  add("faults", sign::fault);
  add("slow", sign::slow);
  add("errors", sign::error);
  add("good", sign::good);
  return seen;
}

}  // namespace

void method_trust::advance(time_point now) {
  attempts_.advance(now);
  looked_ = now + look_again;
  for (const notice& n : attempts_.take_notices()) {
    if (n.what == notice::kind::overdue)
      overdue(now, n);
    else
      proven(now, n);
  }
  if (away_.empty()) return;
  const std::vector<line*> all = away_;  // trust() changes it
  const auto trials = on_trial(now);
  for (line* l : all) {
    if (!l->ramp_from && by_time(*l, trials) && now >= l->rest_until)
      start_ramp(now, *l, "its rest is over, and no call of it may be copied to try it");
    if (!l->ramp_from && !l->canary && now >= l->rest_until + canary_wait)
      start_ramp(now, *l, "its rest is over, and no call came that could be copied to try it");
    if (l->ramp_from && now - *l->ramp_from >= options_.ramp) {
      tell(*l, "method_back", {{"away_ms", to_ms(now - l->away_since)}}, "its ramp is over",
           "it takes its share of these calls");
      trust(*l);
    }
  }
}

std::optional<time_point> method_trust::next_deadline() const {
  std::optional<time_point> earliest = attempts_.next_deadline();
  for (const line* l : away_) {
    const duration wait = attempts_.ever_idempotent(l->method) ? canary_wait : duration{0};
    const time_point at =
        l->ramp_from ? *l->ramp_from + options_.ramp : std::max(l->rest_until + wait, looked_);
    if (!earliest || at < *earliest) earliest = at;
  }
  return earliest;
}

/// No canary can tell when it is well again. While those of other methods are still tried on that
/// server, it waits for them.
bool method_trust::by_time(const line& l, const std::vector<server_id>& on_trial) const {
  return !attempts_.ever_idempotent(l.method) &&
         std::find(on_trial.begin(), on_trial.end(), l.server) == on_trial.end();
}

/// Servers that canaries are tried on now.
std::vector<server_id> method_trust::on_trial(time_point now) const {
  std::vector<server_id> found;
  for (const line* l : away_)
    if (!l->ramp_from && attempts_.ever_idempotent(l->method) && now < l->rest_until + canary_wait)
      found.push_back(l->server);
  return found;
}

void method_trust::overdue(time_point now, const notice& n) {
  if (server* s = servers_.find(n.server)) servers_.overdue(now, *s, n.begun);
}

void method_trust::proven(time_point now, const notice& n) {
  line* const l = attempts_.find(n.server, n.method);
  if (l == nullptr || !l->against.proven()) return;
  const auto alike = std::count_if(away_.begin(), away_.end(), [&](const line* other) {
    const server* const s = servers_.find(other->server);
    return other->method == l->method && other->server != l->server && s != nullptr &&
           s->usable() && other->why == l->against.worst();
  });
  if (alike > 0 && static_cast<std::size_t>(alike) * 2 >= servers_.usable())
    accept_everywhere(now, *l);
  else if (another_trusted(*l))
    send_away(now, *l, n);
  else
    l->against.clear();
}

bool method_trust::another_trusted(const line& l) const {
  const auto& all = servers_.servers();
  return std::any_of(all.begin(), all.end(), [&](const server& s) {
    if (s.id == l.server || !s.usable()) return false;
    const line* const other = attempts_.find(s.id, l.method);
    return other == nullptr || !other->away;
  });
}

void method_trust::send_away(time_point now, line& l, const notice& n) {
  l.why = l.against.worst();
  evidence seen = case_of(l);
  if (l.against.seen(sign::slow) > 0) {
    seen.emplace_back("age_ms", to_ms(n.age));
    if (const auto late = attempts_.late_after(l.method))
      seen.emplace_back("late_after_ms", to_ms(*late));
  }
  if (!watch::is_shared(l.method))  // which of them is meant nobody else could know
    verdicts_.push_back({l.server, attempts_.name(l.method)});
  put_away(now, l, std::move(seen), "signs against it added up to proof");
}

void method_trust::heard_away(time_point now, server_id server, method_id m) {
  line& l = attempts_.at(server, m);
  if (!l.away && another_trusted(l)) put_away(now, l, {}, "another observer has proof against it");
}

void method_trust::put_away(time_point now, line& l, evidence seen, std::string_view rule) {
  const bool again = l.away || (l.rest > duration{0} && now - l.away_since < rest_memory);
  const bool tried_by_canaries = attempts_.ever_idempotent(l.method);
  const duration first = tried_by_canaries ? rest_first : std::max(rest_first, options_.hold_down);
  l.rest = again ? longer(l.rest, std::max(rest_max, first)) : first;
  l.rest_until = now + l.rest;
  l.away_since = now;
  l.ramp_from.reset();
  l.canaries_good = 0;
  if (!l.away) away_.push_back(&l);
  l.away = true;
  l.against.clear();
  tell(l, "method_away", std::move(seen), rule,
       "its calls go to other servers for at least " + to_ms(l.rest) + " ms");
  blame_server(now, l.server);
}

/// Several methods away and none that goes well: what is not tried yet will fail, too.
void method_trust::blame_server(time_point now, server_id id) {
  unsigned bad = 0;
  bool some_good = false;
  duration rest{0};
  attempts_.each_line(id, [&](const line& l) {
    if (watch::is_shared(l.method)) return;
    if (l.away) {
      ++bad;
      rest = std::max(rest, l.rest);
    } else if (l.last_good != time_point{} && now - l.last_good < rest_max) {
      some_good = true;
    }
  });
  server* const s = servers_.find(id);
  if (s != nullptr && bad >= 2 && !some_good) servers_.methods_fail(now, *s, bad, rest);
}

void method_trust::accept_everywhere(time_point now, line& l) {
  attempts_.usual(l.method).accept(l.against.worst());
  evidence seen = case_of(l);
  l.against.clear();
  for (line* other : std::vector<line*>(away_)) {
    if (other->method != l.method) continue;
    tell(*other, "method_back", seen, "other servers show the same: it is the method's way",
         "it takes its share of these calls");
    trust(*other);
  }
  (void)now;
}

void method_trust::canary_ended(time_point now, server_id server, method_id m,
                                std::optional<bool> good) {
  line* const l = attempts_.find(server, m);
  if (l == nullptr || !l->away || l->ramp_from) return;
  l->canary_after = now + canary_pause;
  if (!good) return;
  if (!*good) {
    l->canaries_good = 0;
    l->rest = longer(l->rest, rest_max);
    l->rest_until = now + l->rest;
  } else if (++l->canaries_good >= canaries_back) {
    start_ramp(now, *l, "copies of calls are answered well");
  }
}

void method_trust::start_ramp(time_point now, line& l, std::string_view rule) {
  l.ramp_from = now;
  evidence seen{{"away_ms", to_ms(now - l.away_since)}};
  if (l.canaries_good > 0) seen.emplace_back("canaries", std::to_string(l.canaries_good));
  l.away_since = now;  // what began before says nothing of how it is now
  l.against.put_on_trial();
  tell(l, "method_returning", std::move(seen), rule,
       "its share of these calls grows from 0 to 1 within " + to_ms(options_.ramp) + " ms");
}

void method_trust::trust(line& l) {
  l.away = false;
  l.ramp_from.reset();
  l.against.clear();
  std::erase(away_, &l);
}

double method_trust::share(time_point now, server_id server, method_id m) const {
  if (away_.empty()) return 1.0;
  const line* const l = attempts_.find(server, m);
  return l == nullptr || !l->away ? 1.0 : ramped(now, *l, options_.ramp);
}

std::optional<server_id> method_trust::canary_due(time_point now, method_id m) const {
  for (const line* l : away_) {
    if (l->method != m || l->ramp_from || l->canary || now < l->rest_until || now < l->canary_after)
      continue;
    const server* const s = servers_.find(l->server);
    if (s != nullptr && s->usable()) return l->server;
  }
  return std::nullopt;
}

void method_trust::forgive(server_id server) {
  for (line* l : std::vector<line*>(away_))
    if (l->server == server) trust(*l);
}

std::vector<std::pair<server_id, std::string>> method_trust::away() const {
  std::vector<std::pair<server_id, std::string>> all;
  for (const line* l : away_) all.emplace_back(l->server, attempts_.name(l->method));
  return all;
}

void method_trust::collect(pool_actions& out) {
  std::move(records_.begin(), records_.end(), std::back_inserter(out.records));
  records_.clear();
  std::move(verdicts_.begin(), verdicts_.end(), std::back_inserter(out.verdicts));
  verdicts_.clear();
}

void method_trust::tell(const line& l, std::string_view kind, evidence seen, std::string_view rule,
                        std::string effect) {
  const server* const s = servers_.find(l.server);
  records_.push_back({std::string(kind),
                      "pool " + options_.name + ", server " + (s ? s->options.address : "?") +
                          ", method " + attempts_.name(l.method),
                      std::move(seen), std::string(rule), std::move(effect)});
}

}  // namespace understudy::core
