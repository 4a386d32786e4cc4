#include "core/pending.hpp"

#include <algorithm>
#include <cmath>

#include "understudy/detail/check.hpp"

namespace understudy::core {

namespace {

using namespace std::chrono_literals;

constexpr double weight_step = 1.5;
constexpr std::size_t places_per_free = 2;
constexpr double drain_memory = 0.5;    // departures fade in this many seconds,
constexpr double departures_min = 8;    // but at least this many are remembered;
constexpr double departures_known = 4;  // fewer say nothing
constexpr duration drain_forgotten = 10s;
constexpr duration retry_after_min = 100ms;
constexpr duration retry_after_max = 10s;

double seconds(duration d) {
  return std::chrono::duration<double>(d).count();
}
duration from_seconds(double s) {
  return std::chrono::duration_cast<duration>(std::chrono::duration<double>(s));
}
double weight(std::size_t priority) {
  static const auto weights = [] {
    std::array<double, 10> w{};
    for (std::size_t p = 0; p < w.size(); ++p) w[p] = std::pow(weight_step, static_cast<int>(p));
    return w;
  }();
  return weights[priority];
}

}  // namespace

std::variant<pending_id, turned_away> pending::enter(time_point now, const pending_call& call) {
  UNDERSTUDY_CHECK(call.priority < priorities);
  sweep(now);
  if (calls_.empty()) {
    if (now - departed_ > drain_forgotten) departures_ = busy_seconds_ = 0;
    stands_since_ = departed_ = now;
  }
  if (full_for(call) || too_late(now, call)) return turn_away(now);

  const pending_id id{++last_id_};
  entry& e = calls_[id];
  e.caller = call.caller;
  e.priority = call.priority;
  e.hopeless = call.deadline - call.needs;
  by_hope_.emplace(e.hopeless, id);
  append(id, e);
  return id;
}

bool pending::full_for(const pending_call& call) const {
  const std::size_t waiting = waiting_of(call.caller);
  const std::size_t held = calls_.size() + expired_.size();
  return held >= options_.calls_max || waiting > places_per_free * (options_.calls_max - held);
}

/// In all priorities.
std::size_t pending::waiting_of(std::uint64_t caller) const {
  std::size_t waiting = 0;
  for (const level& l : levels_) {
    const auto own = l.flows.find(caller);
    if (own != l.flows.end()) waiting += own->second.calls;
  }
  return waiting;
}

bool pending::too_late(time_point now, const pending_call& call) const {
  const double rate = drain_rate(now);
  const double before = ahead(call);
  const duration wait = rate > 0 ? from_seconds(std::min(before / rate, 1e6)) : duration{0};
  const duration left = call.deadline - now;
  if (wait + call.needs >= left) return true;
  // A caller with nothing waiting did not make the queue stand.
  const bool stands = now - stands_since_ > options_.burst && waiting_of(call.caller) > 0;
  const duration share =
      from_seconds(seconds(left) * (stands ? options_.standing_share : options_.burst_share));
  const duration most = stands ? options_.standing_wait_max : options_.burst_wait_max;
  return before > 1 && wait > std::min(share, most);
}

turned_away pending::turn_away(time_point now) {
  const double rate = drain_rate(now);
  const double most_calls = static_cast<double>(std::max<std::size_t>(options_.calls_max, 1));
  const double fades = rate > 0 ? rate : most_calls;
  owed_ = std::max(0.0, owed_ - fades * seconds(now - owed_at_)) + 1;
  owed_at_ = now;
  if (rate <= 0) {  // nothing leaves, as far as is known: the more come, the later
    const double doubled = seconds(retry_after_min) * std::exp2(std::min(owed_ / most_calls, 20.0));
    return {from_seconds(std::min(doubled, seconds(retry_after_max)))};
  }
  const double wait = (static_cast<double>(calls_.size()) + owed_) / rate;
  const double most = seconds(retry_after_max);
  owed_ = std::min(owed_, most * rate);
  return {from_seconds(std::clamp(wait, seconds(retry_after_min), most))};
}

/// How many calls take a place before this one would, itself included: with its turn of its own
/// priority, and what the others take meanwhile by weight.
double pending::ahead(const pending_call& call) const {
  const level& own = levels_[call.priority];
  const auto f = own.flows.find(call.caller);
  const std::size_t rounds = f == own.flows.end() ? 0 : f->second.calls;
  const std::size_t turns = own.flows.size() + (rounds == 0 ? 1 : 0);
  const double same =
      std::min(static_cast<double>(own.calls + 1), static_cast<double>((rounds + 1) * turns));
  double all = same;
  for (std::size_t p = 0; p < priorities; ++p) {
    if (p == call.priority) continue;
    const double others = weight(p) * static_cast<double>(levels_[p].flows.size());
    const double ours = weight(call.priority) * static_cast<double>(turns);
    all += std::min(static_cast<double>(levels_[p].calls), same * others / ours);
  }
  return all;
}

void pending::append(pending_id id, entry& e) {
  level& l = levels_[e.priority];
  if (l.calls++ == 0) l.served = std::max(l.served, served_);  // idleness earns no credit
  flow& f = l.flows[e.caller];
  if (f.calls++ == 0) {
    join_ring(l, e.caller, f);
    f.first = id;
  } else {
    calls_.at(f.last).later = id;
    e.earlier = f.last;
  }
  f.last = id;
}

/// Last in turn: just before the one whose turn it is.
void pending::join_ring(level& l, std::uint64_t caller, flow& f) {
  if (l.flows.size() == 1) {
    f.before = f.after = l.turn = caller;
    return;
  }
  flow& current = l.flows.at(l.turn);
  f.before = current.before;
  f.after = l.turn;
  l.flows.at(f.before).after = caller;
  current.before = caller;
}

pending::level* pending::next_level() {
  level* best = nullptr;
  for (level& l : levels_) {
    if (l.calls > 0 && (best == nullptr || l.served <= best->served)) best = &l;
  }
  return best;
}

std::optional<pending_id> pending::next(time_point now) {
  sweep(now);
  level* l = next_level();
  if (l == nullptr) return std::nullopt;
  const flow& f = l->flows.at(l->turn);
  const pending_id id = f.first;
  served_ = l->served;
  l->served += 1.0 / (weight(calls_.at(id).priority) * static_cast<double>(l->flows.size()));
  l->turn = f.after;
  note_departure(now);
  remove(id);
  return id;
}

void pending::note_departure(time_point now) {
  const double gap = std::max(seconds(now - departed_), 0.0);
  departed_ = now;
  const double kept = std::max(std::exp(-gap / drain_memory), 1.0 - 1.0 / departures_min);
  departures_ = departures_ * kept + 1;
  busy_seconds_ = busy_seconds_ * kept + gap;
}

double pending::drain_rate(time_point now) const {
  if (departures_ < departures_known) return 0;
  // Counting the time since the last one: a server that hangs is noticed before it goes on.
  const double since = calls_.empty() ? 0.0 : std::max(seconds(now - departed_), 0.0);
  return departures_ / std::max(busy_seconds_ + since, 1e-6);
}

void pending::remove(pending_id id) {
  const auto at = calls_.find(id);
  const entry e = at->second;
  calls_.erase(at);
  by_hope_.erase({e.hopeless, id});

  level& l = levels_[e.priority];
  --l.calls;
  flow& f = l.flows.at(e.caller);
  if (f.first == id) f.first = e.later;
  if (f.last == id) f.last = e.earlier;
  if (e.earlier != pending_id{}) calls_.at(e.earlier).later = e.later;
  if (e.later != pending_id{}) calls_.at(e.later).earlier = e.earlier;
  if (--f.calls > 0) return;

  l.flows.at(f.before).after = f.after;
  l.flows.at(f.after).before = f.before;
  if (l.turn == e.caller) l.turn = f.after;
  l.flows.erase(e.caller);
}

bool pending::cancel(pending_id id) {
  if (!calls_.contains(id)) return std::erase(expired_, id) > 0;
  remove(id);
  return true;
}

void pending::sweep(time_point now) {
  while (!by_hope_.empty() && by_hope_.begin()->first <= now) {
    const pending_id id = by_hope_.begin()->second;
    remove(id);
    expired_.push_back(id);
  }
}

std::optional<time_point> pending::next_deadline() const {
  if (!expired_.empty()) return time_point{};
  if (by_hope_.empty()) return std::nullopt;
  return by_hope_.begin()->first;
}

std::vector<pending_id> pending::expire(time_point now) {
  sweep(now);
  return std::exchange(expired_, {});
}

}  // namespace understudy::core
