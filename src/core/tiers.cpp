#include "core/tiers.hpp"

namespace understudy::core {
namespace {

balance_traits traits_of(const server& s) {
  return {.name = s.options.address, .weight = s.options.weight, .zone = s.options.zone};
}

}  // namespace

tier& tiers::made(unsigned priority) {
  return tiers_.try_emplace(priority, options_).first->second;
}

void tiers::add(server& s) {
  tier& t = made(s.options.priority);
  s.tier = &t;
  s.slot = t.members.add(s.id, traits_of(s));
  if (t.by_slot.size() <= s.slot) t.by_slot.resize(s.slot + 1U);
  t.by_slot[s.slot] = &s;
  count(t, s.state, +1);
  apply(t, s);
}

void tiers::update(server& s, unsigned old_priority) {
  if (old_priority == s.options.priority)
    return at(old_priority).members.update(s.id, traits_of(s));
  take_out(at(old_priority), s);
  add(s);
}

void tiers::remove(const server& s) {
  take_out(at(s.options.priority), s);
}

void tiers::take_out(tier& t, const server& s) {
  t.members.remove(s.id);
  t.by_slot[s.slot] = nullptr;
  count(t, s.state, -1);
}

void tiers::count(tier& t, server_state state, int by) {
  if (state == server_state::up) t.up += static_cast<std::size_t>(by);
  if (state == server_state::suspect) t.suspect += static_cast<std::size_t>(by);
}

void tiers::apply(tier& t, const server& s) {
  t.members.set_eligible(s.id, t.prefers(s));
}

}  // namespace understudy::core
