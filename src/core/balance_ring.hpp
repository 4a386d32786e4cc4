// A ring of points in the space of 64-bit hashes: which member's point follows a hash.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "core/balance_weights.hpp"

namespace understudy::core {

/// A 64-bit hash of what stays together: a call field, a member's name. The same everywhere and
/// for ever (FNV-1a, then mixed), so that several gateways agree. Not meant against attackers.
[[nodiscard]] std::uint64_t balance_key(std::string_view text);
/// The n-th of a sequence of independent hashes that begins with `key`.
[[nodiscard]] std::uint64_t balance_key(std::uint64_t key, std::uint64_t n);

/// Consistent hashing (Karger et al. 1997). The points lie in one flat array, in order, each near
/// the place that its hash's leading bits say (a hash table with sorted linear probing), at least
/// half of it empty: finding, adding and taking out a point looks at a few neighbours, with no
/// search tree. What the ring answers depends on its points alone, not on how they came to be.
class hash_ring {
 public:
  void insert(std::uint64_t name_hash, member_slot slot, std::size_t points);
  /// With the same arguments as insert().
  void erase(std::uint64_t name_hash, member_slot slot, std::size_t points);

  /// The member of the first point at or after `hash`, going round. `steps` grows with the work
  /// done. The ring is not empty.
  [[nodiscard]] member_slot at(std::uint64_t hash, std::uint64_t& steps) const;

  [[nodiscard]] std::size_t size() const { return size_; }  ///< points

 private:
  struct point {
    std::uint64_t hash = 0;
    member_slot slot = no_slot;  ///< no_slot: empty
  };

  [[nodiscard]] std::size_t home(std::uint64_t hash) const { return hash >> (64U - bits_); }
  void place(point p);
  void take_out(point p);
  void resize(unsigned bits);

  static constexpr unsigned bits_min = 6;
  unsigned bits_ = bits_min;
  std::size_t size_ = 0;
  std::vector<point> table_ = std::vector<point>(std::size_t{1} << bits_min);
};

}  // namespace understudy::core
