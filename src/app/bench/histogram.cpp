#include "app/bench/histogram.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

namespace understudy::app {

namespace {

constexpr unsigned half_bits = 7;  // buckets per doubling: 2^7
constexpr std::uint64_t half = std::uint64_t{1} << half_bits;

}  // namespace

histogram::histogram() : buckets_(bucket_of(static_cast<std::uint64_t>(value_max.count())) + 1) {}

// A value of `bits` bits is cut to its `half_bits + 1` leading ones: these are 128..255 for all
// but the smallest values, so each doubling (each `shift`) adds 128 buckets.
std::size_t histogram::bucket_of(std::uint64_t nanoseconds) {
  const unsigned bits = static_cast<unsigned>(std::bit_width(nanoseconds));
  const unsigned shift = bits > half_bits + 1 ? bits - (half_bits + 1) : 0;
  return (nanoseconds >> shift) + shift * half;
}

std::uint64_t histogram::top_of(std::size_t bucket) {
  if (bucket < 2 * half) return bucket;
  const unsigned shift = static_cast<unsigned>(bucket / half - 1);
  const std::uint64_t lead = bucket - shift * half;
  return ((lead + 1) << shift) - 1;
}

void histogram::record(duration value) {
  value = std::clamp(value, duration{0}, value_max);
  ++buckets_[bucket_of(static_cast<std::uint64_t>(value.count()))];
  ++count_;
  max_ = std::max(max_, value);
}

histogram::duration histogram::percentile(double percent) const {
  if (count_ == 0) return duration{0};
  const double share = std::clamp(percent, 0.0, 100.0) / 100.0;
  const auto wanted = std::max<std::uint64_t>(
      1, static_cast<std::uint64_t>(std::ceil(share * static_cast<double>(count_) - 1e-9)));
  std::uint64_t seen = 0;
  for (std::size_t bucket = 0; bucket < buckets_.size(); ++bucket) {
    seen += buckets_[bucket];
    if (seen >= wanted) {
      return std::min(max_, duration{static_cast<std::int64_t>(top_of(bucket))});
    }
  }
  return max_;
}

}  // namespace understudy::app
