// Latencies in buckets of under 1 % width: percentiles over any number of calls in fixed memory.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace understudy::app {

/// Log-linear buckets, as in HdrHistogram: exact below 256 ns, then 128 buckets for each doubling.
/// Values beyond `value_max` count as that. 34 KiB, allocated once. Not thread-safe.
class histogram {
 public:
  using duration = std::chrono::nanoseconds;
  static constexpr duration value_max{std::chrono::minutes{10}};

  histogram();

  /// Negative values count as 0.
  void record(duration value);

  [[nodiscard]] std::uint64_t count() const { return count_; }
  /// The smallest recorded value (to the bucket's width, never too small) that at least `percent`
  /// % of all values do not exceed. 0 where nothing was recorded.
  [[nodiscard]] duration percentile(double percent) const;
  [[nodiscard]] duration max() const { return max_; }

 private:
  static std::size_t bucket_of(std::uint64_t nanoseconds);
  static std::uint64_t top_of(std::size_t bucket);

  std::vector<std::uint64_t> buckets_;
  std::uint64_t count_ = 0;
  duration max_{0};
};

}  // namespace understudy::app
