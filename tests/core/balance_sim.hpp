// A discrete-event simulation of one balancer before queueing servers: real decisions, simulated
// servers, callers and clock. No health, no retries: what the balancer alone makes of a fault.
// The same plan makes the same run.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/balancer.hpp"

namespace understudy::balance_sim {

using core::duration;

/// The four policies, and two references that know nothing.
enum class chooser : std::uint8_t {
  random,
  plain_round_robin,
  round_robin,
  least_request,
  peak_ewma,
  consistent_hash,
};
inline constexpr chooser choosers[] = {chooser::random,      chooser::plain_round_robin,
                                       chooser::round_robin, chooser::least_request,
                                       chooser::peak_ewma,   chooser::consistent_hash};

/// What becomes of the first server after a quarter of the run.
enum class fault : std::uint8_t {
  none,
  three_times_slower,   ///< from the start
  twenty_times_slower,  ///< from then on
  fails_fast,           ///< answers with a fault after 0.1 ms, without working
  freezes,              ///< accepts, never answers
  errs_at_times,        ///< one answer in a thousand of every server is a fault, from the start
};
inline constexpr fault faults[] = {fault::none,       fault::three_times_slower,
                                   fault::fails_fast, fault::twenty_times_slower,
                                   fault::freezes,    fault::errs_at_times};

[[nodiscard]] std::string to_string(chooser who);
[[nodiscard]] std::string to_string(fault what);

struct plan {
  chooser who = chooser::peak_ewma;
  fault what = fault::none;
  std::size_t servers = 2;
  double load = 0.7;  ///< of the capacity that is left after the fault: a perfect balancer copes
  int calls = 20'000;
  std::uint64_t seed = 1;
  core::balance_options options{};   ///< all but the policy
  std::vector<std::string> zones{};  ///< by server; none = no zones
  std::size_t not_eligible = 0;      ///< so many of the first servers
};

/// Of the calls that began after the fault. A failed call counts as the deadline.
struct report {
  int calls = 0;
  int failed = 0;
  int in_own_zone = 0;
  double p50_ms = 0;
  double p99_ms = 0;
  double p999_ms = 0;
  double mean_ms = 0;
  unsigned left_in_flight = 0;       ///< in the balancer's books when all has ended
  std::vector<int> calls_of_server;  ///< by server
  std::size_t events = 0;

  [[nodiscard]] double failed_share() const { return 1.0 * failed / calls; }
};

/// A server has 4 workers and one queue, first come first served; work takes 10 ms on average,
/// exponentially distributed. Calls come by a Poisson process and give up after 1 s; the server
/// works for those too.
[[nodiscard]] report run(const plan& what);

}  // namespace understudy::balance_sim
