// How single observations add up to a verdict.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include "core/types.hpp"

namespace understudy::core {

/// What one attempt shows of the server and the method.
enum class sign : std::uint8_t {
  good,   ///< answered in its method's usual time
  fault,  ///< a fault, nothing readable, or nothing at all before the deadline
  slow,   ///< it takes, or is taking, far longer than its method does
  error,  ///< an error of the service itself: means something only where it is unusual
};
inline constexpr std::size_t sign_count = 4;

/// How often calls of a method show each sign while all is as usual: shares with a long memory,
/// so that a fault does not become usual before it is noticed.
class usual_signs {
 public:
  void add(sign what);
  /// Where other servers show it alike it is the method's way: from now on it is usual.
  void accept(sign what) { share(what) = std::max(share(what), accepted); }
  [[nodiscard]] double of(sign what) const { return shares_[static_cast<std::size_t>(what)]; }

 private:
  static constexpr double accepted = 0.3;
  double& share(sign what) { return shares_[static_cast<std::size_t>(what)]; }
  std::array<double, sign_count> shares_{};
};

/// The case against one server in one method: Page's CUSUM (1954) of Wald's log-likelihood ratios
/// (1945), "half of the calls show the sign" against "as many as usual do". It needs no window and
/// no minimum of traffic: three faults in a row are proof at 1 call/s as at 1000, one among many
/// good calls never is.
class suspicion {
 public:
  /// An attempt that began before the last sign was seen shares its cause, and adds nothing: a
  /// pause of 200 ms is one piece of evidence however many calls were in it. False then. That holds
  /// for good ones, too, or many at a time would outweigh the one sign that counts.
  bool add(sign what, time_point begun, time_point now, const usual_signs& usual);
  /// One that was given up at an age that this share of its method's calls reach.
  bool add_slow(time_point begun, time_point now, double share);
  [[nodiscard]] bool proven() const { return score_ >= proof; }
  [[nodiscard]] double score() const { return score_; }
  /// How many were counted since the score was last 0.
  [[nodiscard]] unsigned seen(sign what) const { return seen_[static_cast<std::size_t>(what)]; }
  /// Of the signs against it the one seen most.
  [[nodiscard]] sign worst() const;
  void clear();
  /// Back on trial: one more sign is proof, until some good calls were seen.
  void put_on_trial();

  /// exp(15) calls, more than a day at 30 calls/s, lie between two verdicts by chance.
  static constexpr double proof = 15.0;

 private:
  bool against(sign what, time_point begun, time_point now, double expected);

  double score_ = 0.0;
  bool on_trial_ = false;
  std::array<unsigned, sign_count> seen_{};
  time_point last_sign_{};
};

}  // namespace understudy::core
