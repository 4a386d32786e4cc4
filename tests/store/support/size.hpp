// How much the long tests of the store do: more by UNDERSTUDY_CUTS, less under a sanitizer.
#pragma once

#include <cstdint>
#include <cstdlib>

namespace understudy::store {

/// Power cuts of one run. Other tests of random histories keep in step.
inline std::uint64_t power_cuts() {
  const char* asked = std::getenv("UNDERSTUDY_CUTS");
  return asked == nullptr ? 6'000 : std::strtoull(asked, nullptr, 10);
}

}  // namespace understudy::store
