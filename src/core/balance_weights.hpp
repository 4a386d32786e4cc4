// Members sorted into classes by weight: a random one, or the next one in turn, each in O(1).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/dice.hpp"
#include "core/member_slot.hpp"

namespace understudy::core {

/// Weights are kept as whole units of 1/1024, from 1/1024 to 1024: sums stay exact for ever.
inline constexpr std::uint32_t weight_unit = 1024;
[[nodiscard]] std::uint32_t to_units(double weight);

/// 0 <= result < `limit`. Not exactly uniform: off by less than limit / 2^64.
[[nodiscard]] std::uint64_t below(dice& random, std::uint64_t limit);

/// Class k holds the weights above 2^(k-1) up to 2^k units, as a dense array: within one no
/// weight is less than half of another, so drawing evenly and refusing in proportion needs two
/// draws at most on average, and one for equal weights (Matias, Vitter, Ni 1993, one level of
/// it). Everything is O(1) in the number of members; there are 21 classes and few in use.
class weight_classes {
 public:
  void insert(member_slot slot, std::uint32_t units);
  void erase(member_slot slot, std::uint32_t units);

  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] std::uint64_t units() const { return units_; }

  /// A random member, each by its weight. `steps` grows with the work done. Not empty.
  [[nodiscard]] member_slot draw(dice& random, std::uint64_t& steps) const;

  /// Each member in turn, as often as its weight: smooth weighted round robin (NGINX) between the
  /// classes, a stride with a phase for each member (gRPC's static stride) within one. Not empty.
  [[nodiscard]] member_slot next(std::uint64_t& steps);

  template <class Function>
  void for_each(Function&& function) const {
    for (const weight_class& c : classes_) {
      for (const item& i : c.items) function(i.slot);
    }
  }

  /// The first member from a random place on that `wanted` accepts, or no_slot.
  template <class Predicate>
  [[nodiscard]] member_slot find(dice& random, std::uint64_t& steps, Predicate&& wanted) const {
    std::uint64_t from = size_ == 0 ? 0 : below(random, size_);
    for (int lap = 0; lap < 2; ++lap) {
      for (const weight_class& c : classes_) {
        if (from >= c.items.size()) {
          from -= c.items.size();
          continue;
        }
        for (std::size_t i = from; i < c.items.size(); ++i) {
          ++steps;
          if (wanted(c.items[i].slot)) return c.items[i].slot;
        }
        from = 0;
      }
    }
    return no_slot;
  }

 private:
  struct item {
    member_slot slot;
    std::uint32_t units;
  };
  struct weight_class {
    std::vector<item> items;
    std::uint64_t units = 0;
    std::int64_t credit = 0;  ///< of the round robin between classes
    std::size_t cursor = 0;   ///< within the class
    std::uint32_t round = 0;  ///< how often the cursor has come around
  };

  [[nodiscard]] std::size_t next_class();
  [[nodiscard]] member_slot next_in(weight_class& c, std::uint32_t limit, std::uint64_t& steps);

  std::array<weight_class, 21> classes_;
  std::vector<std::uint32_t> place_;  ///< by slot: its index in its class
  std::uint32_t in_use_ = 0;          ///< bit k: class k is not empty
  std::size_t size_ = 0;
  std::uint64_t units_ = 0;
};

}  // namespace understudy::core
