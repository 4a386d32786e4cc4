// How slow and how faulty one member is believed to be, from the attempts that went to it.
#pragma once

#include "core/types.hpp"

namespace understudy::core {

/// How long the oldest attempt in flight has waited at least, in 16 bytes and without a list.
/// A mark is set, and the attempts that were out then are counted down as they end: while one of
/// them is left, the oldest is at least as old as the mark. With the last one gone the mark moves
/// to now. So it is never too high, and too low by at most one round of answers.
class oldest_attempt {
 public:
  /// `in_flight` as it was before this attempt.
  void began(time_point now, unsigned in_flight);
  /// `in_flight` as it is without the attempt that ended and had begun at `begun`.
  void ended(time_point now, time_point begun, unsigned in_flight);
  [[nodiscard]] duration age(time_point now) const;
  void paused(duration lost) {
    if (before_mark_ > 0) mark_ += lost;
  }

 private:
  time_point mark_{};
  unsigned before_mark_ = 0;  ///< attempts begun at or before the mark and still out
};

/// The attempts of all members together: what a member without history is taken for.
struct typical_load {
  double latency_s = 0.0;  ///< traffic-weighted mean of the members' estimates; 0 = none yet
  time_point stamp{};

  void observe(time_point now, double estimate_s, double decay_s);
};

/// A peak-sensitive moving average (Finagle's Peak EWMA; observations are unevenly spaced, so each
/// weighs by the time since the last one, after Eckner): slower than believed is believed at once,
/// faster only as time passes. Failures are a share of the attempts apart from the latency: were
/// they samples of it, one error in a hundred would drown all differences between healthy members.
/// One failure moves the share by 1/64, each further one in a row by twice as much as the last.
/// Silence is forgiven: estimate and share decay with `decay_s`, the estimate to half of what is
/// typical and not to nothing, or everybody would rush to the member that was avoided longest.
/// There a new member starts, too: it is tried soon, and gets twice its share for a moment at most.
class member_load {
 public:
  void began(time_point now, unsigned in_flight) { oldest_.began(now, in_flight); }
  /// `in_flight` without this attempt; `begun` is exactly what began() was told as `now`.
  void ended(time_point now, time_point begun, outcome how, unsigned in_flight, double decay_s,
             typical_load& typical);

  /// Forgets all but the attempts that are out: it is trusted anew.
  void paused(duration lost) { oldest_.paused(lost); }
  void forget();

  /// Expected seconds until an attempt begun now has an answer, were no other out: latency or the
  /// age of the oldest attempt, whichever is more; each expected failure counts `failure_s`.
  [[nodiscard]] double expected_s(time_point now, double decay_s, double failure_s,
                                  const typical_load& typical) const;

 private:
  void observe(time_point now, double took_s, bool failed, double decay_s);

  double latency_s_ = 0.0;  ///< as of stamp_; 0 = never observed
  double failing_ = 0.0;    ///< share of attempts that fail, as of stamp_
  unsigned failures_ = 0;   ///< in a row
  time_point stamp_{};
  oldest_attempt oldest_;
};

}  // namespace understudy::core
