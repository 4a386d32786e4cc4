#include "core/balancer.hpp"

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

}  // namespace understudy::core
