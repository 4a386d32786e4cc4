// Observations as text for records.
#pragma once

#include <string>

#include "core/detector.hpp"
#include "core/types.hpp"

namespace understudy::core {

/// Milliseconds: three decimals below 10, none above.
[[nodiscard]] std::string to_ms(duration d);

/// {"probes": "2"}, {"outcome": "timed_out"}, {"took_ms": "1000"}
[[nodiscard]] evidence describe(const finding& f);

}  // namespace understudy::core
