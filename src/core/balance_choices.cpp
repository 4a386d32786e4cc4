// Peak EWMA and least request: two random members, and of these the one that costs less.
#include <algorithm>

#include "core/balance_rule.hpp"

namespace understudy::core {
namespace {

/// Up to this many members all are compared: two draws of so few would often miss the best.
constexpr std::size_t few = 4;

/// The power of two choices (Azar, Broder, Karlin, Upfal 1994; Mitzenmacher 2001).
class two_choices final : public balance_rule {
 public:
  explicit two_choices(balance_view& view)
      : balance_rule(view),
        by_latency_(view.options.policy == balance_policy::peak_ewma),
        decay_s_(view.decay_s()),
        failure_s_(std::chrono::duration<double>(view.options.failure_cost).count()) {}

  member_slot pick(time_point now, std::optional<std::uint64_t>, std::span<const server_id> tried,
                   dice& random) override {
    if (size() <= few) return cheapest(now, tried, random);
    const member_slot a = draw(tried, no_slot, random);
    if (a == no_slot) return no_slot;
    const member_slot b = draw(tried, a, random);
    if (b == no_slot) return a;
    contest c(random);
    c.enter(a, cost(now, at(a)), at(a).units);
    c.enter(b, cost(now, at(b)), at(b).units);
    return c.winner();
  }

 private:
  /// Keeps the cheapest; draws ties, the rule for least request at low load, by weight.
  class contest {
   public:
    explicit contest(dice& random) : random_(random) {}

    void enter(member_slot slot, double cost, std::uint32_t units) {
      if (winner_ == no_slot || cost < least_) {
        winner_ = slot;
        least_ = cost;
        tied_units_ = units;
      } else if (cost == least_) {
        // Each of the tied replaces the winner with its share of the weight so far.
        tied_units_ += units;
        if (below(random_, tied_units_) < units) winner_ = slot;
      }
    }
    [[nodiscard]] member_slot winner() const { return winner_; }

   private:
    dice& random_;
    member_slot winner_ = no_slot;
    double least_ = 0.0;
    std::uint64_t tied_units_ = 0;
  };

  [[nodiscard]] double cost(time_point now, const balance_member& m) const {
    if (!by_latency_) return static_cast<double>(m.in_flight) / m.units;
    const double expected = m.load.expected_s(now, decay_s_, failure_s_, view_.typical);
    return expected * (m.in_flight + 1.0) / m.units;
  }

  member_slot cheapest(time_point now, std::span<const server_id> tried, dice& random) {
    contest c(random);
    eligible_.for_each([&](member_slot slot) {
      ++view_.steps;
      if (allowed(slot, tried)) c.enter(slot, cost(now, at(slot)), at(slot).units);
    });
    return c.winner();
  }

  bool by_latency_;
  double decay_s_;
  double failure_s_;
};

}  // namespace

std::unique_ptr<balance_rule> make_two_choices(balance_view& view) {
  return std::make_unique<two_choices>(view);
}

}  // namespace understudy::core
