#include "core/evidence.hpp"

#include <cmath>

namespace understudy::core {
namespace {

/// Of a server that has failed in a method: half of its calls still go well.
constexpr double bad_share = 0.5;
/// A sign is never thought rarer than this, or a single one would be proof. A think-swoole server
/// never sends a fault by itself, slow ones come with any pause of a machine, errors are what
/// services answer to bad input.
constexpr std::array<double, sign_count> least_share{0.0, 0.001, 0.003, 0.02};
/// It has been seen with chance's spread around it.
constexpr double spread = 2.0;
constexpr double memory_calls = 1000.0;
/// Some good calls end a trial.
constexpr double trial_score = 10.0;
constexpr double score_max = 2 * suspicion::proof;

}  // namespace

void usual_signs::add(sign what) {
  for (std::size_t i = 1; i < sign_count; ++i) {
    const double seen = i == static_cast<std::size_t>(what) ? 1.0 : 0.0;
    shares_[i] += (seen - shares_[i]) / memory_calls;
  }
}

bool suspicion::add(sign what, time_point begun, time_point now, const usual_signs& usual) {
  if (what != sign::good) {
    const double expected =
        std::max(least_share[static_cast<std::size_t>(what)], spread * usual.of(what));
    return against(what, begun, now, expected);
  }
  if (begun < last_sign_) return false;
  if (score_ <= 0.0) return true;
  const double usual_good =
      1.0 - usual.of(sign::fault) - usual.of(sign::slow) - usual.of(sign::error);
  score_ += std::log((1.0 - bad_share) / std::max(usual_good, 1.0 - bad_share));
  if (score_ <= 0.0) return clear(), true;
  ++seen_[static_cast<std::size_t>(what)];
  return true;
}

bool suspicion::add_slow(time_point begun, time_point now, double share) {
  const double least = least_share[static_cast<std::size_t>(sign::slow)];
  return against(sign::slow, begun, now, std::max(least, spread * share));
}

bool suspicion::against(sign what, time_point begun, time_point now, double expected) {
  if (begun < last_sign_) return false;
  last_sign_ = now;
  const double weight = std::max(std::log(bad_share / expected), 0.0);
  score_ = std::min(score_ + weight, score_max);
  if (on_trial_ && weight > 0.0) score_ = std::max(score_, proof);
  ++seen_[static_cast<std::size_t>(what)];
  return true;
}

sign suspicion::worst() const {
  const auto most = std::max_element(seen_.begin() + 1, seen_.end());
  return static_cast<sign>(most - seen_.begin());
}

void suspicion::clear() {
  score_ = 0.0;
  on_trial_ = false;
  seen_ = {};
}

void suspicion::put_on_trial() {
  score_ = trial_score;
  on_trial_ = true;
}

}  // namespace understudy::core
