#include "core/latency.hpp"

#include <algorithm>
#include <cmath>

namespace understudy::core {

namespace {

constexpr double shortest_us = 1.0;
constexpr double longest_us = 1e8;
constexpr double tail_samples = 8;
// The spread of a Pareto tail (1 / exponent), believed before anything is seen.
constexpr double spread_prior = 0.6;
constexpr double spread_prior_samples = 3;
constexpr double hiccup_us = 5000;

double microseconds(duration d) {
  return std::chrono::duration<double, std::micro>(d).count();
}

/// Where a latency lies on the scale of buckets; whole numbers are their edges.
double to_position(double us, std::size_t buckets) {
  static const double span = std::log(longest_us / shortest_us);
  const double clamped = std::clamp(us, shortest_us, longest_us);
  return std::log(clamped / shortest_us) / span * static_cast<double>(buckets);
}

double to_us(double position, std::size_t buckets) {
  return shortest_us * std::pow(longest_us / shortest_us, position / static_cast<double>(buckets));
}

}  // namespace

void latency::add(time_point now, duration took) {
  const double gap = std::chrono::duration<double>(std::max(now - last_, duration{0})).count();
  const double window = std::chrono::duration<double>(options_.window).count();
  if (total_ > 0) unit_ /= std::max(std::exp(-gap / window), 1.0 - 1.0 / options_.samples);
  last_ = std::max(last_, now);
  // Brought down again long before a sum could overflow; at a million samples in memory their
  // weight is less than unit_min.
  if (static_cast<double>(total_) + unit_ > total_max) {
    rescale(std::max(unit_ / unit_min, static_cast<double>(total_) / (total_max / 2)));
  }

  const double position = to_position(microseconds(took), buckets);
  const auto bucket = std::min(static_cast<std::size_t>(position), buckets - 1);
  const auto weight = static_cast<std::uint32_t>(std::max(std::lround(unit_), 1L));
  // Node i - 1 of the tree holds the sum of the (i & -i) buckets that end with bucket i - 1.
  for (std::size_t i = bucket + 1; i <= buckets; i += i & -i) tree_[i - 1] += weight;
  total_ += weight;
  tail_stale_ -= 1;
}

void latency::rescale(double by) {
  std::array<std::uint32_t, buckets> weights{};
  for (std::size_t b = 0; b < buckets; ++b) {
    weights[b] = static_cast<std::uint32_t>(std::lround(bucket_weight(b) / by));
  }
  tree_ = weights;
  total_ = 0;
  for (std::size_t i = 1; i <= buckets; ++i) {
    total_ += weights[i - 1];
    const std::size_t parent = i + (i & -i);
    if (parent <= buckets) tree_[parent - 1] += tree_[i - 1];
  }
  unit_ /= by;
}

/// The weight below a position; within a bucket it is taken as spread evenly.
double latency::below(double position) const {
  const auto whole = std::min(static_cast<std::size_t>(position), buckets);
  double sum = 0;
  for (std::size_t i = whole; i > 0; i -= i & -i) sum += tree_[i - 1];
  if (whole == buckets) return sum;
  return sum + (position - static_cast<double>(whole)) * bucket_weight(whole);
}

std::uint32_t latency::bucket_weight(std::size_t bucket) const {
  std::uint32_t weight = tree_[bucket];
  const std::size_t parent = bucket + 1 - ((bucket + 1) & -(bucket + 1));
  for (std::size_t i = bucket; i > parent; i -= i & -i) weight -= tree_[i - 1];
  return weight;
}

/// The inverse of below(); `weight` is above 0.
double latency::position_of_weight(double weight) const {
  std::size_t whole = 0;
  for (std::size_t step = buckets / 2; step > 0; step /= 2) {
    if (tree_[whole + step - 1] >= weight) continue;
    whole += step;
    weight -= tree_[whole - 1];
  }
  const double own = bucket_weight(whole);
  const double part = own > 0 ? std::clamp(weight / own, 0.0, 1.0) : 1.0;
  return static_cast<double>(whole) + part;
}

duration latency::quantile(double q) const {
  if (total_ == 0) return duration{0};
  const double weight = std::clamp(q, 0.0, 1.0) * static_cast<double>(total_);
  const double position = position_of_weight(std::max(weight, 1e-3));
  return std::chrono::duration_cast<duration>(
      std::chrono::duration<double, std::micro>(to_us(position, buckets)));
}

const latency::tail& latency::fitted() const {
  if (tail_stale_ > 0) return tail_;
  const double known = count();
  const double in_tail = std::min(tail_samples, known / 2);
  tail_.share = in_tail / known;
  tail_.from = position_of_weight(static_cast<double>(total_) - in_tail * unit_);
  const double from_us = to_us(tail_.from, buckets) + hiccup_us;

  double excess = 0;  // the sum of ln(latency / from) over the tail (Hill)
  const auto first = std::min(static_cast<std::size_t>(tail_.from), buckets - 1);
  for (std::size_t b = first; b < buckets; ++b) {
    const double low = std::max(static_cast<double>(b), tail_.from);
    const double high = static_cast<double>(b + 1);
    const double weight = bucket_weight(b) / unit_ * (high - low);
    if (weight <= 0) continue;
    excess += weight * std::log((to_us((low + high) / 2, buckets) + hiccup_us) / from_us);
  }
  tail_.exponent =
      (in_tail + spread_prior_samples) / (excess + spread_prior_samples * spread_prior);
  tail_stale_ = known / 32;  // anew when 3 % more have come
  return tail_;
}

double latency::survival(duration age) const {
  if (total_ == 0) return 1.0;
  const double us = std::max(microseconds(age), 0.0);
  const tail& t = fitted();
  const double seen =
      std::clamp(1.0 - below(to_position(us, buckets)) / static_cast<double>(total_), 0.0, 1.0);
  const double from_us = to_us(t.from, buckets);
  if (us <= from_us) return std::max(seen, t.share);
  const double fit = t.share * std::pow((us + hiccup_us) / (from_us + hiccup_us), -t.exponent);
  return std::max(seen, fit);
}

}  // namespace understudy::core
