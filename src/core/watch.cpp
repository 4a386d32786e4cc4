#include "core/watch.hpp"

#include <utility>

#include "understudy/detail/check.hpp"

namespace understudy::core {
namespace {

constexpr std::size_t methods_max = 4096;
constexpr std::string_view new_methods = "(new methods)";
constexpr std::string_view other_methods = "(other methods)";

/// Nothing is late before: a busy machine pauses any process for tens of milliseconds.
constexpr duration late_least = std::chrono::milliseconds{100};
constexpr duration late_most = std::chrono::minutes{1};
/// Late is what one call in so many takes: as many as usual_signs thinks slow at the least.
constexpr double late_share = 0.003;
constexpr double samples_least = 3.0;
constexpr int overdue_factor = 8;  ///< times the median
constexpr duration canary_least = std::chrono::seconds{5};
constexpr double usual_errors = 0.01;
/// Slow to learn: what a method usually takes, not what it takes now.
constexpr latency_options usual_latency{.window = std::chrono::minutes{1}, .samples = 300};
constexpr unsigned samples_between_looks = 8;
/// A call cut short before this says nothing: any machine pauses for as long.
constexpr duration cut_short_least = std::chrono::milliseconds{50};

/// The age at which a call is one of the slowest late_share, to a twentieth.
duration find_late(const latency& took) {
  duration low = late_least;
  if (took.survival(low) <= late_share) return low;
  duration high = 2 * low;
  while (high < late_most && took.survival(high) > late_share) high *= 2;
  low = high / 2;
  for (int i = 0; i < 4; ++i) {
    const duration middle = low + (high - low) / 2;
    (took.survival(middle) > late_share ? low : high) = middle;
  }
  return high;
}

sign sign_of(outcome how, bool answered_badly) {
  switch (how) {
    case outcome::answered:
      return answered_badly ? sign::error : sign::good;
    default:
      return sign::fault;
  }
}

/// Connections that fail are judged by the detector; what we gave up says nothing.
bool says_something(outcome how) {
  return how == outcome::answered || how == outcome::faulted || how == outcome::unreadable ||
         how == outcome::lost || how == outcome::timed_out;
}

}  // namespace

std::uint64_t watch::key_of(server_id server, method_id m) {
  return static_cast<std::uint64_t>(server) << 32U | static_cast<std::uint32_t>(m);
}

watch::watch() {
  methods_.push_back({std::string(new_methods), latency(usual_latency), {}, false});
  methods_.push_back({std::string(other_methods), latency(usual_latency), {}, false});
}

method_id watch::method(std::string_view name) const {
  const auto known = ids_.find(name);
  if (known != ids_.end()) return known->second;
  return method_id{methods_.size() < methods_max ? 0U : 1U};
}

method_id watch::know(std::string_view name) {
  const auto known = ids_.find(name);
  if (known != ids_.end()) return known->second;
  if (methods_.size() >= methods_max) return method_id{1};
  const method_id made{static_cast<std::uint32_t>(methods_.size())};
  methods_.push_back({std::string(name), latency(usual_latency), {}, false});
  ids_.emplace(name, made);
  return made;
}

line& watch::at(server_id server, method_id m) {
  const auto [known, fresh] = by_key_.try_emplace(key_of(server, m), nullptr);
  if (!fresh) return *known->second;
  if (free_lines_.empty()) {
    known->second = &lines_.emplace_back();
  } else {
    known->second = free_lines_.back();
    free_lines_.pop_back();
    *known->second = {};
  }
  known->second->server = server;
  known->second->method = m;
  return *known->second;
}

line* watch::find(server_id server, method_id m) {
  const auto found = by_key_.find(key_of(server, m));
  return found == by_key_.end() ? nullptr : found->second;
}

void watch::forget(server_id server) {
  erase_if(by_key_, [&](const auto& each) {
    line* const l = each.second;
    if (l->server != server || l->first != line::none) return false;
    free_lines_.push_back(l);
    return true;
  });
}

attempt_id watch::begin(time_point now, server_id server, method_id m, bool idempotent,
                        attempt_note kept) {
  methods_[index(m)].idempotent |= idempotent;
  return start(now, server, m, false, kept);
}

attempt_id watch::begin_canary(time_point now, server_id server, method_id m, attempt_note kept) {
  const attempt_id made = start(now, server, m, true, kept);
  at(server, m).canary = made;
  return made;
}

attempt_id watch::start(time_point now, server_id server, method_id m, bool canary,
                        attempt_note kept) {
  std::uint32_t place = free_;
  if (place == line::none) {
    place = static_cast<std::uint32_t>(flights_.size());
    flights_.emplace_back();
  } else {
    free_ = flights_[place].behind;
  }
  line& l = at(server, m);
  flights_[place] = {.where = &l,
                     .begun = now,
                     .lost_before = lost_,
                     .kept = kept,
                     .live = true,
                     .canary = canary};
  link(l, place);
  queue_due(l, now);
  return attempt_id{place};
}

watch::ended watch::of(attempt_id which) const {
  const flight& f = flights_[static_cast<std::uint32_t>(which)];
  const line& l = *f.where;
  return {l.server, l.method, f.where, f.canary, f.kept, {}, f.told, f.begun, {}};
}

watch::ended watch::end(time_point now, attempt_id which, outcome how, bool answered_badly) {
  const auto place = static_cast<std::uint32_t>(which);
  UNDERSTUDY_CHECK(place < flights_.size() && flights_[place].live);
  flights_[place].live = false;
  const flight f = flights_[place];
  line& l = *f.where;
  unlink(l, place);
  flights_[place].behind = std::exchange(free_, place);
  const duration took = age_of(f, now);
  const auto late = late_after(l.method);
  const bool slow = late && took > *late;
  const sign shown = sign_of(how, answered_badly);
  const ended result{l.server, l.method, &l,
                     f.canary, f.kept,   judge_canary(l.method, how, answered_badly, slow),
                     f.told,   f.begun,  took};
  if (f.canary) {
    l.canary.reset();
  } else if (says_something(how) && f.begun >= l.away_since) {
    learn(l, f, shown, slow, now, took);
  } else if (how == outcome::abandoned && !f.late && f.begun >= l.away_since) {
    learn_cut_short(l, f, now, took);
  }
  return result;
}

std::optional<bool> watch::judge_canary(method_id m, outcome how, bool badly, bool slow) const {
  if (!says_something(how)) return std::nullopt;
  const bool errors_are_usual = methods_[index(m)].usual.of(sign::error) > usual_errors;
  if (badly && errors_are_usual) return std::nullopt;
  return how == outcome::answered && !badly && !slow;
}

duration watch::canary_patience(method_id m) const {
  return std::max<duration>(canary_least, 2 * late_after(m).value_or(duration{0}));
}

void watch::learn(line& l, const flight& f, sign shown, bool slow, time_point now, duration took) {
  method_facts& facts = methods_[index(l.method)];
  if (shown == sign::good || shown == sign::error) {
    facts.took.add(now, slow ? *late_after(l.method) : took);
    ++facts.unseen;
  }
  const sign what = shown == sign::good && slow ? sign::slow : shown;
  if (what == sign::good) l.last_good = now;
  const bool told = what == sign::slow && f.late;
  const bool counted = told ? f.counted : count(l, what, f.begun, now, took);
  // How it shows itself where it is not trusted is not how the method usually is; and what is one
  // sign must not become usual as many.
  if (counted && !l.away) facts.usual.add(what);
}

/// We waited no longer: that it would have taken longer than this is all that is known, and the
/// less of a sign the more often calls of its method do.
void watch::learn_cut_short(line& l, const flight& f, time_point now, duration took) {
  if (took <= usual_latest(l.method) || took < cut_short_least) return;
  const double as_long = methods_[index(l.method)].took.survival(took);
  judge_sign(l, f.begun, took, [&] { return l.against.add_slow(f.begun, now, as_long); });
}

void watch::advance(time_point now) {
  while (!queue_.empty() && queue_.top().at <= now) {
    const due next = queue_.top();
    queue_.pop();
    line& l = *next.where;
    if (l.due != next.at) continue;  // replaced; or forgotten, and the line may be another one
    l.due.reset();
    flag_late(l, now);
    queue_due(l, now);
  }
  // Begun long ago and not seen since: on its way from memory until it is looked at.
  if (!queue_.empty()) __builtin_prefetch(queue_.top().where);
}

std::optional<time_point> watch::next_deadline() const {
  if (queue_.empty()) return std::nullopt;
  return queue_.top().at;
}

/// Finding these costs far more than a call: every few samples is enough.
const watch::method_facts& watch::looked_at(method_id m) const {
  const method_facts& facts = methods_[index(m)];
  if (facts.unseen >= samples_between_looks || facts.late == duration{0}) {
    facts.late = find_late(facts.took);
    facts.usual_latest = facts.took.quantile(0.95);
    facts.usual_median = facts.took.quantile(0.5);
    facts.unseen = 0;
  }
  return facts;
}

/// Long for one of its calls; if nothing else came from the server, reason enough to probe it.
duration watch::overdue_after(method_id m) const {
  const auto late = late_after(m);
  if (!late) return late_least;
  return std::clamp(overdue_factor * methods_[index(m)].took.quantile(0.5), late_least, *late);
}

std::optional<duration> watch::late_after(method_id m) const {
  if (methods_[index(m)].took.count() < samples_least) return std::nullopt;
  return looked_at(m).late;
}

duration watch::usual_latest(method_id m) const {
  if (methods_[index(m)].took.count() < samples_least) return late_least;
  return looked_at(m).usual_latest;
}

duration watch::usual_median(method_id m) const {
  if (methods_[index(m)].took.count() < samples_least) return duration{0};
  return looked_at(m).usual_median;
}

duration watch::age_of(const flight& f, time_point now) const {
  return std::max(now - f.begun - (lost_ - f.lost_before), duration{0});
}

void watch::link(line& l, std::uint32_t place) {
  flights_[place].before = l.last;
  flights_[place].behind = line::none;
  if (l.last != line::none)
    flights_[l.last].behind = place;
  else
    l.first = place;
  l.last = place;
  if (l.in_time == line::none) l.in_time = place;
  if (l.unasked == line::none) l.unasked = place;
}

void watch::unlink(line& l, std::uint32_t place) {
  const flight& f = flights_[place];
  if (l.in_time == place) l.in_time = f.behind;
  if (l.unasked == place) l.unasked = f.behind;
  (f.before != line::none ? flights_[f.before].behind : l.first) = f.behind;
  (f.behind != line::none ? flights_[f.behind].before : l.last) = f.before;
}

/// When the oldest attempt that is in time will be late. An entry that comes too early is asked
/// again; one that would come too late is replaced.
void watch::queue_due(line& l, time_point now) {
  if (l.in_time == line::none) return;
  const auto due_of = [&](const flight& f, duration limit) {
    return f.begun + (lost_ - f.lost_before) + limit;
  };
  time_point at = due_of(flights_[l.in_time], late_after(l.method).value_or(late_most));
  if (l.unasked != line::none)
    at = std::min(at, due_of(flights_[l.unasked], overdue_after(l.method)));
  at = std::max(at, now + duration{1});
  if (l.due && *l.due <= at) return;
  queue_.push({at, &l});
  l.due = at;
}

void watch::flag_late(line& l, time_point now) {
  const auto known = late_after(l.method);
  for (; l.unasked != line::none; l.unasked = flights_[l.unasked].behind) {
    flight& f = flights_[l.unasked];
    if (age_of(f, now) < overdue_after(l.method)) break;
    f.overdue = true;
    if (!f.canary) notices_.push_back({notice::kind::overdue, l.server, l.method, f.begun});
  }
  for (; l.in_time != line::none; l.in_time = flights_[l.in_time].behind) {
    flight& f = flights_[l.in_time];
    const duration age = age_of(f, now);
    if (age < known.value_or(late_most)) return;
    f.late = known.has_value();
    f.told = true;
    late_.push_back({l.server, l.method, &l, f.canary, f.kept, {}, true, f.begun, age});
    if (f.canary) continue;
    if (known && f.begun >= l.away_since) f.counted = count(l, sign::slow, f.begun, now, age);
  }
}

bool watch::count(line& l, sign what, time_point begun, time_point now, duration age) {
  const usual_signs& usual = methods_[index(l.method)].usual;
  return judge_sign(l, begun, age, [&] { return l.against.add(what, begun, now, usual); });
}

template <typename Add>
bool watch::judge_sign(line& l, time_point begun, duration age, const Add& add) {
  const bool before = l.against.proven();
  const bool counted = add();
  if (!before && l.against.proven())
    notices_.push_back({notice::kind::proven, l.server, l.method, begun, age});
  return counted;
}

}  // namespace understudy::core
