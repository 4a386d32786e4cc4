// How long one thing took lately: a method, or a method on one server.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "core/types.hpp"

namespace understudy::core {

struct latency_options {
  duration window = std::chrono::seconds{10};  ///< the past fades to 1/e in this time ...
  double samples = 64;  ///< ... but a sample takes at most 1/samples of its weight; >= 2
};

/// A histogram with memory that fades, in 1.1 KiB: 256 buckets from 1 us to 100 s, each 7.5 %
/// wider than the one before, so a quantile is right to 4 %. What is shorter or longer counts at
/// the edge.
///
/// The past fades with time, for it must follow a server that slows; and it must not fade to
/// nothing at one call a second. Both: a sample multiplies the weight of all before it by
/// exp(-gap / window) or by 1 - 1/samples, whichever forgets less. So above samples/window calls
/// a second (6.4) it looks back over `window`; below, over `samples` calls, however long they
/// took to come; and silence forgets nothing. Weights grow instead of fading (forward decay:
/// Cormode, Shkapenyuk, Srivastava, Xu 2009), so an addition touches no other bucket. Sums are
/// kept in a binary indexed tree (Fenwick 1994): an addition, a quantile and a survival cost eight
/// steps each.
///
/// One owner, one thread; no clock.
class latency {
 public:
  explicit latency(latency_options options = {}) : options_(options) {}

  /// `now` never runs backwards; if it does, the gap counts as none.
  void add(time_point now, duration took);

  /// The weight of what is remembered, in samples: at most max(samples, rate * window).
  [[nodiscard]] double count() const { return static_cast<double>(total_) / unit_; }

  /// The latency that a share `q` (0 to 1) stayed below; 0 while nothing was added.
  [[nodiscard]] duration quantile(double q) const;

  /// The share of calls expected to take longer than `age`: 1 while nothing was added; never 0;
  /// never rises with `age`. -log10 of it is the phi of an accrual detector (Hayashibara et al.
  /// 2004).
  ///
  /// Up to the slowest few (8, or half of what there is) it is what was seen. Beyond them a Pareto
  /// tail, fitted to those few (Hill 1975) and drawn toward a wide one (spread 0.6, as if seen
  /// three times): three calls promise little of the fourth, and a method that always took the
  /// same is not sure to do so for ever. 5 ms are added to all latencies before that, so that the
  /// machine's own hiccups are not a surprise to a method of 0.1 ms. It is never less than the
  /// share that was seen to take longer.
  [[nodiscard]] double survival(duration age) const;

 private:
  static constexpr std::size_t buckets = 256;
  static constexpr double unit_min = 1024;
  static constexpr double total_max = 0x1p31;
  struct tail {
    double from = 0;      ///< position on the bucket scale where it begins
    double share = 1;     ///< of samples in it
    double exponent = 1;  ///< of the Pareto tail
  };

  void rescale(double by);
  [[nodiscard]] double below(double position) const;
  [[nodiscard]] std::uint32_t bucket_weight(std::size_t bucket) const;
  [[nodiscard]] double position_of_weight(double weight) const;
  [[nodiscard]] const tail& fitted() const;

  latency_options options_;
  std::array<std::uint32_t, buckets> tree_{};  ///< whole numbers: sums stay exact
  std::uint64_t total_ = 0;
  double unit_ = unit_min;  ///< the weight of a sample added now
  time_point last_{};
  mutable tail tail_;
  mutable double tail_stale_ = 0;  ///< samples to come until the tail is fitted anew
};

}  // namespace understudy::core
