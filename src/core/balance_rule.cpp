#include "core/balance_rule.hpp"

#include <algorithm>

#include "understudy/detail/check.hpp"

namespace understudy::core {
namespace {

constexpr int draws_max = 8;

/// Every eligible member in turn, as often as its weight, whatever happens to the calls.
class turns final : public balance_rule {
 public:
  using balance_rule::balance_rule;

  member_slot pick(time_point, std::optional<std::uint64_t>, std::span<const server_id> tried,
                   dice& random) override {
    if (size() == 0) return no_slot;
    for (int i = 0; i < draws_max; ++i) {
      const member_slot got = eligible_.next(view_.steps);
      if (allowed(got, tried)) return got;
    }
    return draw(tried, no_slot, random);
  }
};

}  // namespace

void balance_rule::insert(member_slot slot) {
  eligible_.insert(slot, at(slot).units);
  in_flight_ += at(slot).in_flight;
}

void balance_rule::erase(member_slot slot) {
  eligible_.erase(slot, at(slot).units);
  in_flight_ -= at(slot).in_flight;
}

bool balance_rule::allowed(member_slot slot, std::span<const server_id> tried) const {
  return tried.empty() || std::find(tried.begin(), tried.end(), at(slot).id) == tried.end();
}

member_slot balance_rule::draw(std::span<const server_id> tried, member_slot other, dice& random) {
  if (size() == 0) return no_slot;
  for (int i = 0; i < draws_max; ++i) {
    const member_slot got = eligible_.draw(random, view_.steps);
    if (got != other && allowed(got, tried)) return got;
  }
  return eligible_.find(random, view_.steps,
                        [&](member_slot slot) { return slot != other && allowed(slot, tried); });
}

std::unique_ptr<balance_rule> make_turns(balance_view& view) {
  return std::make_unique<turns>(view);
}

std::unique_ptr<balance_rule> make_rule(balance_view& view) {
  switch (view.options.policy) {
    case balance_policy::peak_ewma:
    case balance_policy::least_request:
      return make_two_choices(view);
    case balance_policy::round_robin:
      return make_turns(view);
    case balance_policy::consistent_hash:
      return make_bounded_hash(view);
  }
  UNDERSTUDY_CHECK(false);
  return nullptr;
}

}  // namespace understudy::core
