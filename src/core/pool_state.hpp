// What a pool holds. For pool.cpp and call.cpp only.
#pragma once

#include <algorithm>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/balancer.hpp"
#include "core/dice.hpp"
#include "core/method_trust.hpp"
#include "core/parking.hpp"
#include "core/pool.hpp"
#include "core/refusals.hpp"
#include "core/retry_budget.hpp"
#include "core/roster.hpp"
#include "core/tiers.hpp"
#include "core/watch.hpp"

namespace understudy::core {

struct pool::state {
  state(pool_options o, std::uint64_t seed)
      : options(std::move(o)),
        random(seed),
        by_priority(options.balance),
        servers(options, by_priority, random),
        trust(options, attempts, servers),
        budget(options.retry_ratio, options.retry_tokens_max),
        waiting(options.parked_max),
        queue(options.pending),
        refused("pool " + options.name) {}

  /// A server that must be known: one the caller got from this pool and that has not ended.
  server& at(server_id id);
  [[nodiscard]] attempt_note took_place(time_point now, server_id id);
  void learn_load(time_point now, server& s, const watch::ended& ended, load_sign how);
  [[nodiscard]] std::string_view address(server_id id);
  /// Some server is not drained: waiting makes sense.
  [[nodiscard]] bool any_in_service() const { return servers.in_service() > 0; }
  /// There is no other server.
  [[nodiscard]] bool alone() const { return servers.servers().size() < 2; }
  /// Some server is not up and may come back: waiting for another one makes sense.
  [[nodiscard]] bool any_recovering() const {
    return servers.in_service() > servers.in_state(server_state::up);
  }

  pool_options options;
  dice random;
  tiers by_priority;
  roster servers;
  watch attempts;
  method_trust trust;
  retry_budget budget;
  parking waiting;
  /// Calls that wait for a place; those that were told to come, and to which server.
  pending queue;
  std::unordered_map<pending_id, server_id> granted;
  refusals refused;
  time_point refused_at = time_point::min();  ///< a call, last, for want of a place
  std::vector<candidate> candidates;          ///< of the current pick: kept for their memory
  std::vector<server_id> excluded;
};

}  // namespace understudy::core
