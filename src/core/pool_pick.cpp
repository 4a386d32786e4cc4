// Which server takes the next attempt, and which call the next free place.
#include <algorithm>

#include "core/pool_state.hpp"
#include "understudy/detail/check.hpp"

namespace understudy::core {
namespace {

/// A balancer is asked this often for one that will do; then all are looked at.
constexpr int draws_max = 8;

}  // namespace

/// How well a server stands in a pick; lower is better.
enum class pool::standing : std::uint8_t { serving, full, returning, unfit, suspect, out };

/// Of one that its tier prefers.
pool::standing pool::standing_of(time_point now, const server& s, method_id m) {
  // A ramp is a chance, not a weight: under low load a weight would give it every call.
  const double ramped = s.share(now);
  if (ramped < 1.0 && state_->random.unit() >= ramped) return standing::returning;
  const double trusted = state_->trust.share(now, s.id, m);
  if (trusted < 1.0 && state_->random.unit() >= trusted) return standing::unfit;
  return s.has_place() ? standing::serving : standing::full;
}

pool::choice pool::pick(time_point now, std::span<const server_id> tried, method_id m,
                        std::optional<std::uint64_t> key) {
  if (state_->servers.usable() == 0) return {};
  std::vector<server_id>& out_of_question = state_->excluded;
  for (auto& [priority, tier] : state_->by_priority.by_priority()) {
    if (tier.members.eligible() == 0) continue;
    out_of_question.assign(tried.begin(), tried.end());
    bool full = false;
    for (int draws = 0;; ++draws) {
      const member_slot slot = tier.members.pick_slot(now, key, out_of_question, state_->random);
      if (slot == no_slot) break;
      const server& s = tier.at(slot);
      const standing stands = standing_of(now, s, m);
      if (stands == standing::serving) return {.server = s.id};
      full = full || stands == standing::full;
      if (draws < draws_max) {
        out_of_question.push_back(s.id);
        continue;
      }
      // Where some are full, one of them will be free soon.
      if (full) break;
      const choice found = search(now, tier, priority, tried, m);
      if (found.server) return found;
      full = found.full;
      break;
    }
    if (full) return {.full = true};
  }
  return pick_second_best(now, tried, m);
}

/// Most are not trusted with the method, or ramp.
pool::choice pool::search(time_point now, const tier& of, unsigned priority,
                          std::span<const server_id> tried, method_id m) {
  std::vector<candidate>& fit = state_->candidates;
  fit.clear();
  bool full = false;
  std::size_t index = 0;
  for (const server& s : state_->servers.servers()) {
    const std::size_t at = index++;
    const bool preferred = s.options.priority == priority && of.prefers(s);
    if (!preferred || std::find(tried.begin(), tried.end(), s.id) != tried.end()) continue;
    const standing stands = standing_of(now, s, m);
    full = full || stands == standing::full;
    if (stands != standing::serving) continue;
    fit.push_back({.index = at, .weight = s.options.weight, .in_flight = s.in_flight});
  }
  const auto found = chosen(fit);
  return {.server = found, .full = full && !found};
}

/// None is preferred: all that could take it if need be.
pool::choice pool::pick_second_best(time_point now, std::span<const server_id> tried, method_id m) {
  std::vector<candidate>& best = state_->candidates;
  best.clear();
  bool full = false;
  std::pair best_rank{standing::out, 0U};
  std::size_t index = 0;
  for (const server& s : state_->servers.servers()) {
    const std::size_t at = index++;
    if (!s.usable() || std::find(tried.begin(), tried.end(), s.id) != tried.end()) continue;
    if (!s.has_place()) {
      full = true;
      continue;
    }
    std::pair rank{standing::suspect, s.options.priority};
    if (s.state != server_state::suspect)
      rank.first = state_->trust.share(now, s.id, m) < 1.0 ? standing::unfit : standing::returning;
    if (!best.empty() && rank > best_rank) continue;
    if (best.empty() || rank < best_rank) best.clear();
    best_rank = rank;
    best.push_back({.index = at, .weight = s.options.weight, .in_flight = s.in_flight});
  }
  const auto found = chosen(best);
  return {.server = found, .full = full && !found};
}

std::optional<server_id> pool::chosen(std::span<const candidate> among) {
  if (among.empty()) return std::nullopt;
  const auto& all = state_->servers.servers();
  return std::next(all.begin(), static_cast<std::ptrdiff_t>(choose(among, state_->random)))->id;
}

/// A server of the best tier that has a place. Which method it is for is not known yet.
server* pool::with_place(time_point now) {
  for (auto& [priority, tier] : state_->by_priority.by_priority()) {
    if (tier.members.eligible() == 0) continue;
    std::vector<server_id>& full = state_->excluded;
    full.clear();
    for (int draws = 0; draws < draws_max; ++draws) {
      const member_slot slot = tier.members.pick_slot(now, std::nullopt, full, state_->random);
      if (slot == no_slot) break;
      server& s = tier.at(slot);
      const double ramped = s.share(now);
      const bool its_turn = ramped >= 1.0 || state_->random.unit() < ramped;
      if (its_turn && s.has_place()) return &s;
      full.push_back(s.id);
    }
    // A ramp alone does not make a tier: the next one serves.
    if (tier.up > 0) return nullptr;
  }
  if (state_->servers.in_state(server_state::up) > 0) return nullptr;
  for (const server& each : state_->servers.servers())
    if (each.usable() && each.has_place()) return &state_->at(each.id);
  return nullptr;
}

/// Calls that wait are told to come, each to a server where a place is kept for it.
void pool::give_places(time_point now, pool_actions& out) {
  while (state_->queue.size() > 0 && state_->servers.usable() > 0) {
    server* const s = with_place(now);
    if (s == nullptr) return;
    const auto id = state_->queue.next(now);
    if (!id) return;
    ++s->granted;
    state_->granted.emplace(*id, s->id);
    out.turns.push_back(*id);
  }
}

/// The place is free then: for the call to take, or for another one.
std::optional<server_id> pool::take_grant(pending_id id) {
  const auto found = state_->granted.find(id);
  if (found == state_->granted.end()) return std::nullopt;
  const server_id where = found->second;
  state_->granted.erase(found);
  server& s = state_->at(where);
  UNDERSTUDY_CHECK(s.granted > 0);
  --s.granted;
  const bool usable = s.usable();
  forget_if_done(where);
  return usable ? std::optional(where) : std::nullopt;
}

}  // namespace understudy::core
