// Seeded random numbers: the same seed makes the same decisions, in tests and in a simulator.
#pragma once

#include <cstdint>

namespace understudy::core {

/// SplitMix64 (Steele, Lea, Flood 2014): 8 bytes of state, good enough to spread load and jitter.
class dice {
 public:
  explicit dice(std::uint64_t seed) : state_(seed) {}

  std::uint64_t next() {
    state_ += 0x9e3779b97f4a7c15U;
    std::uint64_t z = state_;
    z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27U)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31U);
  }

  /// Uniform in [0, 1).
  double unit() { return static_cast<double>(next() >> 11U) * 0x1.0p-53; }

 private:
  std::uint64_t state_;
};

}  // namespace understudy::core
