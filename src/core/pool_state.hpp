// What a pool holds. For pool.cpp and call.cpp only.
#pragma once

#include <string_view>
#include <vector>

#include "core/balancer.hpp"
#include "core/dice.hpp"
#include "core/method_trust.hpp"
#include "core/parking.hpp"
#include "core/pool.hpp"
#include "core/refusals.hpp"
#include "core/retry_budget.hpp"
#include "core/roster.hpp"
#include "core/watch.hpp"

namespace understudy::core {

struct pool::state {
  state(pool_options o, std::uint64_t seed)
      : options(std::move(o)),
        random(seed),
        servers(options, random),
        trust(options, attempts, servers),
        budget(options.retry_ratio, options.retry_tokens_max),
        waiting(options.parked_max),
        refused("pool " + options.name) {}

  /// A server that must be known: one the caller got from this pool and that has not ended.
  server& at(server_id id);
  [[nodiscard]] std::string_view address(server_id id);
  /// Some server is not drained: waiting makes sense.
  [[nodiscard]] bool any_in_service() const;
  /// There is no other server.
  [[nodiscard]] bool alone() const { return servers.servers().size() < 2; }
  /// Some server is not up and may come back: waiting for another one makes sense.
  [[nodiscard]] bool any_recovering() const;

  pool_options options;
  dice random;
  roster servers;
  watch attempts;
  method_trust trust;
  retry_budget budget;
  parking waiting;
  refusals refused;
  std::vector<candidate> candidates;  ///< of the current pick: kept for its memory
};

}  // namespace understudy::core
