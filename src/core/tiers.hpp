// The servers of one pool by priority: a balancer for each, and who is eligible there.
#pragma once

#include <cstddef>
#include <map>
#include <vector>

#include "core/balancer.hpp"
#include "core/server.hpp"
#include "understudy/detail/check.hpp"

namespace understudy::core {

/// All servers of one priority.
struct tier {
  explicit tier(const balance_options& options) : members(options) {}

  balancer members;
  std::vector<server*> by_slot;  ///< of `members`; nullptr where one was taken out
  std::size_t up = 0;
  std::size_t suspect = 0;
  bool panic = false;  ///< too few are up: those in doubt are used like the others

  /// Of one that `members` picked: without a look-up by its id.
  [[nodiscard]] server& at(member_slot slot) const {
    UNDERSTUDY_CHECK(by_slot[slot] != nullptr);
    return *by_slot[slot];
  }
  [[nodiscard]] bool prefers(const server& s) const {
    if (s.removed) return false;
    if (s.state == server_state::suspect) return panic;
    return s.state == server_state::up || (s.state == server_state::returning && s.ramp_from);
  }
};

/// Eligible for calls is who is up or ramps. Where fewer than half of those that answer at all are
/// up, doubt is no reason to load the rest with everything: then the suspect are eligible, too
/// (Envoy's panic threshold is that, over all endpoints, the dead included; ours are never used).
class tiers {
 public:
  explicit tiers(balance_options options) : options_(std::move(options)) {}

  /// Servers stay where they are until they are removed.
  void add(server& s);
  /// Weight, zone or priority may have changed.
  void update(server& s, unsigned old_priority);
  void remove(const server& s);
  /// Its state or ramp changed; `all` are the servers, asked when panic begins or ends. Returns
  /// true where panic in its tier began or ended.
  template <typename Servers>
  bool changed(const server& s, server_state from, const Servers& all) {
    tier& t = at(s.options.priority);
    count(t, from, -1);
    count(t, s.state, +1);
    const bool panic = t.up * 2 < t.up + t.suspect && t.up > 0;
    const bool turned = panic != t.panic;
    t.panic = panic;
    if (!turned) {
      apply(t, s);
      return false;
    }
    for (const server& each : all)
      if (!each.removed && each.options.priority == s.options.priority) apply(t, each);
    return true;
  }

  /// Best first. An attempt ends at the tier where it began, whatever becomes of its server.
  [[nodiscard]] std::map<unsigned, tier>& by_priority() { return tiers_; }
  [[nodiscard]] tier& at(unsigned priority) { return tiers_.at(priority); }

 private:
  static void count(tier& t, server_state state, int by);
  static void take_out(tier& t, const server& s);
  static void apply(tier& t, const server& s);
  [[nodiscard]] tier& made(unsigned priority);

  balance_options options_;
  std::map<unsigned, tier> tiers_;
};

}  // namespace understudy::core
