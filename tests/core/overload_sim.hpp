// A gateway, its callers and one or two servers in simulated time, under more load than they bear.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <queue>
#include <vector>

#include "core/dice.hpp"
#include "core/overload_limits.hpp"
#include "core/overload_queues.hpp"

namespace understudy::core::overload {

struct caller_group {
  unsigned callers = 1;
  double share = 1;  ///< of all calls
  std::uint8_t priority = 5;
};

struct method_kind {
  double share = 1;
  double seconds = 0.02;  ///< mean at work; exponentially distributed
};

struct scenario {
  unsigned servers = 1;
  unsigned workers = 4;  ///< of each server
  double load = 1;       ///< times the capacity
  std::vector<method_kind> methods{{1, 0.02}};
  std::vector<caller_group> callers{{10, 1, 5}};
  duration timeout = std::chrono::seconds{5};  ///< a caller gives up, and tries again at once
  unsigned tries = 2;                          ///< of a caller for one request, refusals included
  double warm_seconds = 10;
  double seconds = 20;  ///< measured, after that
  /// From `drop_at` for `drop_for` the servers have half their workers.
  double drop_at = -1;
  double drop_for = 0;
  /// Every so often all workers stand still, as in a garbage collection.
  double pause_every = 0;
  double pause_for = 0;
  bool servers_push_back = false;  ///< with more than 4 calls a worker queued: -32003
  std::uint64_t seed = 1;

  [[nodiscard]] double capacity() const;  ///< calls a second
};

struct group_result {
  double requests = 0;
  double good = 0;  ///< answered in time
};

struct result {
  double goodput = 0;         ///< answers in time, of the capacity
  double p50 = 0, p99 = 0;    ///< of those, in seconds from the last try
  double wasted = 0;          ///< worked for, and too late; of the capacity
  double refused = 0;         ///< tries turned away, of all tries
  double limit = 0;           ///< at the end, of the first server
  std::size_t queue_max = 0;  ///< the most calls that waited in the gateway
  std::vector<group_result> groups;
};

/// Runs a scenario. The same scenario and policies give the same result.
[[nodiscard]] result run(const scenario& what, const make_limit& limits, const make_queue& queues);

}  // namespace understudy::core::overload
