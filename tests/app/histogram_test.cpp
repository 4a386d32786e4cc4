#include "app/bench/histogram.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

namespace understudy::app {
namespace {

using std::chrono::nanoseconds;

TEST(histogram, is_empty_at_first) {
  const histogram h;
  EXPECT_EQ(h.count(), 0u);
  EXPECT_EQ(h.percentile(50), nanoseconds{0});
  EXPECT_EQ(h.percentile(100), nanoseconds{0});
  EXPECT_EQ(h.max(), nanoseconds{0});
}

TEST(histogram, is_exact_for_small_values) {
  histogram h;
  for (int value = 1; value <= 100; ++value) h.record(nanoseconds{value});
  EXPECT_EQ(h.count(), 100u);
  EXPECT_EQ(h.percentile(0), nanoseconds{1});
  EXPECT_EQ(h.percentile(50), nanoseconds{50});
  EXPECT_EQ(h.percentile(99), nanoseconds{99});
  EXPECT_EQ(h.percentile(99.5), nanoseconds{100});
  EXPECT_EQ(h.percentile(100), nanoseconds{100});
}

TEST(histogram, one_slow_value_among_many_shows_only_above_its_percentile) {
  histogram h;
  for (int i = 0; i < 999; ++i) h.record(nanoseconds{200});
  h.record(std::chrono::seconds{1});
  EXPECT_EQ(h.percentile(99.9), nanoseconds{200});
  EXPECT_EQ(h.percentile(99.91), std::chrono::seconds{1});
  EXPECT_EQ(h.max(), std::chrono::seconds{1});
}

TEST(histogram, values_out_of_range_count_at_its_ends) {
  histogram h;
  h.record(nanoseconds{-5});
  h.record(std::chrono::hours{24});
  EXPECT_EQ(h.count(), 2u);
  EXPECT_EQ(h.percentile(50), nanoseconds{0});
  EXPECT_EQ(h.percentile(100), histogram::value_max);
}

// At every bucket edge of the whole range: never too small, and less than 1 % too large.
TEST(histogram, is_within_one_percent_everywhere) {
  for (std::int64_t power = 1; power < histogram::value_max.count(); power *= 2) {
    for (const std::int64_t value : {power - 1, power, power + 1, power + power / 2 + 1}) {
      if (value > histogram::value_max.count()) continue;
      histogram h;
      h.record(nanoseconds{value});
      h.record(histogram::value_max);  // so that max() does not hide the bucket's width
      const std::int64_t read = h.percentile(50).count();
      EXPECT_GE(read, value);
      EXPECT_LE(static_cast<double>(read - value), 0.01 * static_cast<double>(value)) << value;
    }
  }
}

TEST(histogram, agrees_with_sorting_the_values) {
  std::mt19937_64 random{7};
  std::lognormal_distribution<double> latency{11.0, 1.5};
  histogram h;
  std::vector<std::int64_t> values(20000);
  for (auto& value : values) {
    value = static_cast<std::int64_t>(latency(random));
    h.record(nanoseconds{value});
  }
  std::sort(values.begin(), values.end());
  for (const double percent : {1.0, 50.0, 90.0, 99.0, 99.9, 100.0}) {
    const auto rank =
        static_cast<std::size_t>(std::ceil(percent / 100.0 * static_cast<double>(values.size())));
    const auto exact = static_cast<double>(values[std::max<std::size_t>(rank, 1) - 1]);
    EXPECT_NEAR(static_cast<double>(h.percentile(percent).count()), exact, 0.01 * exact) << percent;
  }
}

}  // namespace
}  // namespace understudy::app
