#include "core/balancer.hpp"

#include <boost/unordered/unordered_flat_map.hpp>
#include <vector>

#include "core/balance_ring.hpp"
#include "core/balance_rule.hpp"
#include "understudy/detail/check.hpp"

namespace understudy::core {

std::size_t choose(std::span<const candidate> candidates, dice& random) {
  UNDERSTUDY_CHECK(!candidates.empty());
  if (candidates.size() == 1) return candidates.front().index;
  double least = 0.0;
  double tied_weight = 0.0;  // of all candidates that share `least`
  std::size_t chosen = candidates.front().index;
  for (const candidate& c : candidates) {
    const double load = c.in_flight / c.weight;
    if (tied_weight == 0.0 || load < least) {
      least = load;
      tied_weight = c.weight;
      chosen = c.index;
    } else if (load == least) {
      // One pass over the tie: each replaces the choice with its share of the weight so far.
      tied_weight += c.weight;
      if (random.unit() * tied_weight < c.weight) chosen = c.index;
    }
  }
  return chosen;
}

std::string_view to_string(balance_policy policy) {
  switch (policy) {
    case balance_policy::peak_ewma:
      return "peak_ewma";
    case balance_policy::round_robin:
      return "round_robin";
    case balance_policy::least_request:
      return "least_request";
    case balance_policy::consistent_hash:
      return "consistent_hash";
  }
  return "";
}

struct balancer::state {
  explicit state(const balance_options& o)
      : view{.options = o, .members = {}, .name_hashes = {}, .typical = {}},
        home(make_rule(view)),
        abroad(make_rule(view)) {}

  [[nodiscard]] member_slot slot_of(server_id id) const {
    const auto found = slots.find(static_cast<std::uint32_t>(id));
    UNDERSTUDY_CHECK(found != slots.end());
    return found->second;
  }
  [[nodiscard]] balance_rule& rule_of(const balance_member& m) {
    return m.own_zone ? *home : *abroad;
  }
  [[nodiscard]] bool is_own(std::string_view zone) const {
    return view.options.zone.empty() || zone == view.options.zone;
  }
  void set_eligible(member_slot slot, bool eligible);
  void forget(member_slot slot);
  /// Whether the call stays in our zone, if both sides have a member for it.
  [[nodiscard]] bool stays(std::optional<std::uint64_t> key, dice& random) const;

  balance_view view;
  std::unique_ptr<balance_rule> home;    ///< of our own zone
  std::unique_ptr<balance_rule> abroad;  ///< of all others
  std::uint64_t home_units = 0;          ///< weight of our zone, eligible or not
  boost::unordered_flat_map<std::uint32_t, member_slot> slots;
  std::vector<member_slot> free;
};

void balancer::state::set_eligible(member_slot slot, bool eligible) {
  balance_member& m = view.members[slot];
  if (m.eligible == eligible) return;
  m.eligible = eligible;
  if (eligible) {
    rule_of(m).insert(slot);
  } else {
    rule_of(m).erase(slot);
  }
}

void balancer::state::forget(member_slot slot) {
  slots.erase(static_cast<std::uint32_t>(view.members[slot].id));
  view.members[slot] = {};
  free.push_back(slot);
}

bool balancer::state::stays(std::optional<std::uint64_t> key, dice& random) const {
  if (abroad->size() == 0) return true;
  if (home->size() == 0) return false;
  const double enough = view.options.zone_enough * static_cast<double>(home_units);
  const double share = static_cast<double>(home->units()) / enough;
  if (share >= 1.0) return true;
  // The same key stays or leaves, as long as the share is the same.
  return (key ? dice(*key).unit() : random.unit()) < share;
}

balancer::balancer(const balance_options& options) : state_(std::make_unique<state>(options)) {
  UNDERSTUDY_CHECK(options.decay > duration{0} && options.failure_cost >= duration{0});
  UNDERSTUDY_CHECK(options.hash_slack > 0.0 && options.zone_enough > 0.0);
}

balancer::~balancer() = default;

member_slot balancer::add(server_id id, const balance_traits& traits) {
  if (const auto known = state_->slots.find(static_cast<std::uint32_t>(id));
      known != state_->slots.end()) {  // it comes back before its last attempt has ended
    balance_member& m = state_->view.members[known->second];
    UNDERSTUDY_CHECK(m.removed);
    m.removed = false;
    m.units = 0;
    m.own_zone = false;
    update(id, traits);
    return known->second;
  }
  member_slot slot = static_cast<member_slot>(state_->view.members.size());
  if (state_->free.empty()) {
    state_->view.members.emplace_back();
    state_->view.name_hashes.emplace_back();
  } else {
    slot = state_->free.back();
    state_->free.pop_back();
  }
  const bool fresh = state_->slots.emplace(static_cast<std::uint32_t>(id), slot).second;
  UNDERSTUDY_CHECK(fresh);
  balance_member& m = state_->view.members[slot];
  m.id = id;
  m.units = to_units(traits.weight);
  m.own_zone = state_->is_own(traits.zone);
  state_->view.name_hashes[slot] = balance_key(traits.name);
  if (m.own_zone) state_->home_units += m.units;
  return slot;
}

void balancer::update(server_id id, const balance_traits& traits) {
  const member_slot slot = state_->slot_of(id);
  balance_member& m = state_->view.members[slot];
  UNDERSTUDY_CHECK(!m.removed);
  const bool eligible = m.eligible;
  state_->set_eligible(slot, false);
  if (m.own_zone) state_->home_units -= m.units;
  m.units = to_units(traits.weight);
  m.own_zone = state_->is_own(traits.zone);
  if (m.own_zone) state_->home_units += m.units;
  state_->set_eligible(slot, eligible);
}

void balancer::remove(server_id id) {
  const member_slot slot = state_->slot_of(id);
  balance_member& m = state_->view.members[slot];
  UNDERSTUDY_CHECK(!m.removed);
  state_->set_eligible(slot, false);
  if (m.own_zone) state_->home_units -= m.units;
  m.removed = true;
  if (m.in_flight == 0) state_->forget(slot);
}

void balancer::set_eligible(server_id id, bool eligible) {
  const member_slot slot = state_->slot_of(id);
  balance_member& m = state_->view.members[slot];
  UNDERSTUDY_CHECK(!m.removed);
  if (eligible && !m.eligible) m.load.forget();
  state_->set_eligible(slot, eligible);
}

void balancer::began(time_point now, server_id id) {
  began(now, state_->slot_of(id));
}

void balancer::began(time_point now, member_slot slot) {
  UNDERSTUDY_CHECK(slot < state_->view.members.size());
  balance_member& m = state_->view.members[slot];
  m.load.began(now, m.in_flight);
  ++m.in_flight;
  if (m.eligible) state_->rule_of(m).began();
}

void balancer::ended(time_point now, server_id id, time_point begun, outcome how) {
  ended(now, state_->slot_of(id), begun, how);
}

void balancer::ended(time_point now, member_slot slot, time_point begun, outcome how) {
  UNDERSTUDY_CHECK(slot < state_->view.members.size());
  balance_member& m = state_->view.members[slot];
  UNDERSTUDY_CHECK(m.in_flight > 0);
  --m.in_flight;
  if (m.eligible) state_->rule_of(m).ended();
  m.load.ended(now, begun, how, m.in_flight, state_->view.decay_s(), state_->view.typical);
  if (m.removed && m.in_flight == 0) state_->forget(slot);
}

void balancer::paused(duration lost) {
  for (balance_member& m : state_->view.members) m.load.paused(lost);
}

std::optional<server_id> balancer::pick(time_point now, std::optional<std::uint64_t> key,
                                        std::span<const server_id> tried, dice& random) {
  const member_slot got = pick_slot(now, key, tried, random);
  if (got == no_slot) return std::nullopt;
  return state_->view.members[got].id;
}

member_slot balancer::pick_slot(time_point now, std::optional<std::uint64_t> key,
                                std::span<const server_id> tried, dice& random) {
  const bool stays = state_->stays(key, random);
  balance_rule& first = stays ? *state_->home : *state_->abroad;
  balance_rule& second = stays ? *state_->abroad : *state_->home;
  const member_slot got = first.pick(now, key, tried, random);
  return got != no_slot ? got : second.pick(now, key, tried, random);
}

std::size_t balancer::eligible() const {
  return state_->home->size() + state_->abroad->size();
}

unsigned balancer::in_flight(server_id id) const {
  return state_->view.members[state_->slot_of(id)].in_flight;
}

duration balancer::expected(time_point now, server_id id) const {
  const balance_view& view = state_->view;
  const double s = view.members[state_->slot_of(id)].load.expected_s(
      now, view.decay_s(), std::chrono::duration<double>(view.options.failure_cost).count(),
      view.typical);
  return std::chrono::duration_cast<duration>(std::chrono::duration<double>(s));
}

std::uint64_t balancer::steps() const {
  return state_->view.steps;
}

}  // namespace understudy::core
