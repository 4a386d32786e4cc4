#include "core/balance_weights.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

#include "understudy/detail/check.hpp"

namespace understudy::core {
namespace {

/// Refusals in a row after which a draw is taken as it is: happens once in 2^16 draws at most.
constexpr int refusals_max = 16;

std::size_t class_of(std::uint32_t units) {
  return static_cast<std::size_t>(std::bit_width(units - 1));
}

/// Members of equal weight must not be passed over in the same round, or one turn would walk
/// past all of them: each has a phase of its own (the golden ratio spreads them evenly).
std::uint32_t phase(member_slot slot) {
  return slot * 0x9e3779b9U;
}

/// std::has_single_bit counts all bits, by a call into libgcc on plain x86-64. `bits` is not 0.
bool is_single(std::uint32_t bits) {
  return (bits & (bits - 1)) == 0;
}

}  // namespace

std::uint32_t to_units(double weight) {
  if (!(weight > 0.0)) return 1;
  return static_cast<std::uint32_t>(
      std::clamp(std::round(weight * weight_unit), 1.0, double{weight_unit} * weight_unit));
}

std::uint64_t below(dice& random, std::uint64_t limit) {
  __extension__ using wide = unsigned __int128;
  return static_cast<std::uint64_t>((wide{random.next()} * limit) >> 64U);
}

void weight_classes::insert(member_slot slot, std::uint32_t units) {
  const std::size_t k = class_of(units);
  weight_class& c = classes_[k];
  if (place_.size() <= slot) place_.resize(slot + 1U);
  place_[slot] = static_cast<std::uint32_t>(c.items.size());
  c.items.push_back({slot, units});
  c.units += units;
  in_use_ |= 1U << k;
  ++size_;
  units_ += units;
}

void weight_classes::erase(member_slot slot, std::uint32_t units) {
  const std::size_t k = class_of(units);
  weight_class& c = classes_[k];
  const std::uint32_t at = place_[slot];
  UNDERSTUDY_CHECK(at < c.items.size() && c.items[at].slot == slot);
  c.items[at] = c.items.back();
  place_[c.items[at].slot] = at;
  c.items.pop_back();
  c.units -= units;
  if (c.items.empty()) {
    c.credit = 0;
    in_use_ &= ~(1U << k);
  }
  --size_;
  units_ -= units;
}

member_slot weight_classes::draw(dice& random, std::uint64_t& steps) const {
  UNDERSTUDY_CHECK(size_ > 0);
  // The heaviest class first: most draws end there.
  std::uint32_t rest = in_use_;
  auto k = static_cast<unsigned>(std::bit_width(rest)) - 1;
  if (!is_single(rest)) {
    std::uint64_t left = below(random, units_);
    while (left >= classes_[k].units) {
      ++steps;
      left -= classes_[k].units;
      rest &= ~(1U << k);
      k = static_cast<unsigned>(std::bit_width(rest)) - 1;
    }
  }
  const std::vector<item>& items = classes_[k].items;
  const std::uint32_t limit = 1U << k;
  const item* got = nullptr;
  for (int refusals = 0; refusals < refusals_max; ++refusals) {
    ++steps;
    got = &items[below(random, items.size())];
    if (got->units == limit || below(random, limit) < got->units) break;
  }
  return got->slot;
}

std::size_t weight_classes::next_class() {
  if (is_single(in_use_)) return static_cast<std::size_t>(std::countr_zero(in_use_));
  std::size_t best = classes_.size();
  for (std::uint32_t rest = in_use_; rest != 0; rest &= rest - 1) {
    const auto k = static_cast<std::size_t>(std::countr_zero(rest));
    weight_class& c = classes_[k];
    c.credit += static_cast<std::int64_t>(c.units);
    if (best == classes_.size() || c.credit > classes_[best].credit) best = k;
  }
  classes_[best].credit -= static_cast<std::int64_t>(units_);
  return best;
}

member_slot weight_classes::next_in(weight_class& c, std::uint32_t limit, std::uint64_t& steps) {
  while (true) {
    ++steps;
    if (++c.cursor >= c.items.size()) {
      c.cursor = 0;
      ++c.round;
    }
    const item& i = c.items[c.cursor];
    // Its weight is added in every round; each time that fills `limit` it has a turn.
    if (((c.round * i.units + phase(i.slot)) & (limit - 1)) < i.units) return i.slot;
  }
}

member_slot weight_classes::next(std::uint64_t& steps) {
  UNDERSTUDY_CHECK(size_ > 0);
  const std::size_t k = next_class();
  return next_in(classes_[k], 1U << k, steps);
}

}  // namespace understudy::core
