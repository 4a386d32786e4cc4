#include "app/config/config_values.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <limits>
#include <numeric>
#include <vector>

namespace understudy::app {

namespace {

struct unit {
  std::string_view name;
  std::uint64_t factor;
};
constexpr std::array<unit, 4> duration_units{
    {{"ms", 1}, {"s", 1000}, {"m", 60'000}, {"h", 3'600'000}}};
constexpr std::array<unit, 4> size_units{
    {{"B", 1}, {"KiB", 1U << 10}, {"MiB", 1U << 20}, {"GiB", 1U << 30}}};

// What both forms may say at most: far above any sensible setting, far below an overflow.
constexpr std::uint64_t quantity_max = std::uint64_t{1} << 50;

std::optional<std::uint64_t> parse_quantity(std::string_view text, std::span<const unit> units) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{}) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  const auto found = std::ranges::find(units, text, &unit::name);
  if (found == units.end() || number > quantity_max / found->factor) return std::nullopt;
  return number * found->factor;
}

std::string format_quantity(std::uint64_t quantity, std::span<const unit> units) {
  auto best = units.front();
  for (const unit& candidate : units) {
    if (quantity != 0 && quantity % candidate.factor == 0) best = candidate;
  }
  return std::to_string(quantity / best.factor) + std::string(best.name);
}

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t above = row[j];
      const std::size_t replaced = diagonal + (lower(a[i - 1]) == lower(b[j - 1]) ? 0 : 1);
      row[j] = std::min({above + 1, row[j - 1] + 1, replaced});
      diagonal = above;
    }
  }
  return row.back();
}

}  // namespace

std::optional<std::chrono::milliseconds> parse_duration(std::string_view text) {
  const auto quantity = parse_quantity(text, duration_units);
  if (!quantity) return std::nullopt;
  return std::chrono::milliseconds(static_cast<std::int64_t>(*quantity));
}

std::string format_duration(std::chrono::milliseconds time) {
  return format_quantity(static_cast<std::uint64_t>(time.count()), duration_units);
}

std::optional<std::size_t> parse_size(std::string_view text) {
  return parse_quantity(text, size_units);
}

std::string format_size(std::size_t bytes) {
  return format_quantity(bytes, size_units);
}

std::string_view nearest(std::string_view word, std::span<const std::string_view> known) {
  std::string_view best;
  std::size_t best_distance = std::max<std::size_t>(2, word.size() / 3) + 1;
  for (const std::string_view candidate : known) {
    const std::size_t distance = edit_distance(word, candidate);
    if (distance < best_distance && distance < candidate.size()) {
      best = candidate;
      best_distance = distance;
    }
  }
  return best;
}

}  // namespace understudy::app
