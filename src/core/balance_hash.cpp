// Consistent hashing with bounded loads.
#include <algorithm>
#include <cmath>

#include "core/balance_ring.hpp"
#include "core/balance_rule.hpp"

namespace understudy::core {
namespace {

/// Points of a member of weight 1. More make shares more even, and the ring of 10,000 members
/// larger than what a processor keeps near: measured with 32, a pick took three times as long as
/// among two, with 16 less than twice. The bound on the load evens out the rest.
constexpr std::size_t points_per_weight = 16;
constexpr std::size_t points_max = 4096;

/// A jump finds room with a chance of at least slack / (1 + slack), 1 in 5 by default.
constexpr std::uint64_t jumps_max = 32;

/// A key belongs to the member whose point follows it, unless that has its share of the load:
/// more than (1 + slack) times the mean, by weight (Mirrokni, Thorup, Zadimoghaddam 2016). Then
/// the key goes on to the next of its own random places rather than to the neighbour on the ring,
/// so the overflow of one spreads over all (Chen, Coleman, Shrivastava 2021).
class bounded_hash final : public balance_rule {
 public:
  using balance_rule::balance_rule;

  void insert(member_slot slot) override {
    balance_rule::insert(slot);
    ring_.insert(view_.name_hashes[slot], slot, points(slot));
  }

  void erase(member_slot slot) override {
    ring_.erase(view_.name_hashes[slot], slot, points(slot));
    balance_rule::erase(slot);
  }

  member_slot pick(time_point, std::optional<std::uint64_t> key, std::span<const server_id> tried,
                   dice& random) override {
    if (size() == 0) return no_slot;
    const std::uint64_t start = key ? *key : random.next();
    for (std::uint64_t jump = 0; jump < jumps_max; ++jump) {
      const member_slot got = ring_.at(balance_key(start, jump), view_.steps);
      if (has_room(got) && allowed(got, tried)) return got;
    }
    // Full members hold more than their share, so a part of at least slack / (1 + slack) is not
    // full: from a random place on one is near.
    const member_slot free = eligible_.find(random, view_.steps, [&](member_slot slot) {
      return has_room(slot) && allowed(slot, tried);
    });
    return free != no_slot ? free : draw(tried, no_slot, random);
  }

 private:
  [[nodiscard]] std::size_t points(member_slot slot) const {
    return std::clamp(at(slot).units * points_per_weight / weight_unit, std::size_t{1}, points_max);
  }

  [[nodiscard]] bool has_room(member_slot slot) const {
    const balance_member& m = at(slot);
    const double mean = static_cast<double>((in_flight_ + 1) * m.units);  // times all units
    const double bound = (1.0 + view_.options.hash_slack) * mean / static_cast<double>(units());
    return m.in_flight + 1.0 <= std::ceil(bound);
  }

  hash_ring ring_;
};

}  // namespace

std::unique_ptr<balance_rule> make_bounded_hash(balance_view& view) {
  return std::make_unique<bounded_hash>(view);
}

}  // namespace understudy::core
