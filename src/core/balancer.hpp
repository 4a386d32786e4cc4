// Which of several equally trusted servers takes the next attempt.
#pragma once

#include <cstddef>
#include <span>

#include "core/dice.hpp"

namespace understudy::core {

struct candidate {
  std::size_t index = 0;   ///< the caller's own
  double weight = 1.0;     ///< > 0
  unsigned in_flight = 0;  ///< attempts out, those still connecting included
};

/// Least request: the fewest attempts in flight for its weight. Ties, the rule at low load, are
/// drawn by weight: so an idle pool shares by weight too, and no server is first by its place in
/// a list. Returns the chosen candidate's `index`; `candidates` is not empty.
[[nodiscard]] std::size_t choose(std::span<const candidate> candidates, dice& random);

}  // namespace understudy::core
