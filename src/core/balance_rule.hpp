// The rule by which one of several eligible members is chosen. Inside of the balancer only.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "core/balance_load.hpp"
#include "core/balance_weights.hpp"
#include "core/balancer.hpp"
#include "core/dice.hpp"
#include "core/types.hpp"

namespace understudy::core {

/// All that a pick reads of a member, in one cache line: with 10,000 of them each line is a miss.
struct alignas(64) balance_member {
  server_id id{};
  std::uint32_t units = weight_unit;  ///< its weight
  unsigned in_flight = 0;
  bool own_zone = true;
  bool eligible = false;
  bool removed = false;  ///< kept until its attempts have ended
  member_load load;
};
static_assert(sizeof(balance_member) == 64);

/// What all rules of one balancer see.
struct balance_view {
  balance_options options;
  std::vector<balance_member> members;     ///< by slot
  std::vector<std::uint64_t> name_hashes;  ///< by slot
  typical_load typical;
  std::uint64_t steps = 0;  ///< members and table entries looked at, ever: the cost of it all

  [[nodiscard]] double decay_s() const {
    return std::chrono::duration<double>(options.decay).count();
  }
};

/// Holds the eligible members of one zone group. A rule looks at a bounded number of them for each
/// pick, whatever their number. `view` outlives it.
class balance_rule {
 public:
  explicit balance_rule(balance_view& view) : view_(view) {}
  virtual ~balance_rule() = default;
  balance_rule(const balance_rule&) = delete;
  balance_rule& operator=(const balance_rule&) = delete;

  /// With its weight, which does not change while it is here.
  virtual void insert(member_slot slot);
  virtual void erase(member_slot slot);
  /// A member of this rule has one attempt more or less in flight.
  void began() { ++in_flight_; }
  void ended() { --in_flight_; }

  [[nodiscard]] std::uint64_t units() const { return eligible_.units(); }
  [[nodiscard]] std::size_t size() const { return eligible_.size(); }

  /// A member that is not in `tried`; no_slot where there is none.
  [[nodiscard]] virtual member_slot pick(time_point now, std::optional<std::uint64_t> key,
                                         std::span<const server_id> tried, dice& random) = 0;

 protected:
  [[nodiscard]] const balance_member& at(member_slot slot) const { return view_.members[slot]; }
  [[nodiscard]] bool allowed(member_slot slot, std::span<const server_id> tried) const;
  /// Any member that is allowed and not `other`: by weight, if a few draws find one; else the next
  /// best. That is no scan: at most `tried` and `other` are in the way.
  [[nodiscard]] member_slot draw(std::span<const server_id> tried, member_slot other, dice& random);

  balance_view& view_;
  weight_classes eligible_;
  std::uint64_t in_flight_ = 0;  ///< of the eligible members together
};

[[nodiscard]] std::unique_ptr<balance_rule> make_rule(balance_view& view);

// What make_rule() chooses from.
[[nodiscard]] std::unique_ptr<balance_rule> make_two_choices(balance_view& view);
[[nodiscard]] std::unique_ptr<balance_rule> make_turns(balance_view& view);
[[nodiscard]] std::unique_ptr<balance_rule> make_bounded_hash(balance_view& view);

}  // namespace understudy::core
