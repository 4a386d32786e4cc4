// How many repeats a pool may afford: a failing pool must not be hit twice as hard.
#pragma once

#include <algorithm>

namespace understudy::core {

/// A token bucket that starts full. Each call earns `ratio` tokens, each repeat of an attempt
/// that may have run costs one: in the long run at most `ratio` repeats a call.
class retry_budget {
 public:
  retry_budget(double ratio, double tokens_max)
      : ratio_(ratio), tokens_max_(tokens_max), tokens_(tokens_max) {}

  void earn() { tokens_ = std::min(tokens_max_, tokens_ + ratio_); }

  /// False, and nothing is taken, where there is no whole token.
  [[nodiscard]] bool take() {
    if (tokens_ < 1.0) return false;
    tokens_ -= 1.0;
    return true;
  }

  /// At least half full: repeats are rare, so there is room for hedges.
  [[nodiscard]] bool rich() const { return tokens_ * 2.0 >= tokens_max_; }

  [[nodiscard]] double tokens() const { return tokens_; }

 private:
  double ratio_;
  double tokens_max_;
  double tokens_;
};

}  // namespace understudy::core
