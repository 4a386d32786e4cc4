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

void tiers::add(const server& s) {
  tier& t = made(s.options.priority);
  t.members.add(s.id, traits_of(s));
  count(t, s.state, +1);
  apply(t, s);
}

void tiers::update(const server& s, unsigned old_priority) {
  if (old_priority == s.options.priority)
    return at(old_priority).members.update(s.id, traits_of(s));
  at(old_priority).members.remove(s.id);
  count(at(old_priority), s.state, -1);
  add(s);
}

void tiers::remove(const server& s) {
  tier& t = at(s.options.priority);
  t.members.remove(s.id);
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
