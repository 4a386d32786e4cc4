// How many attempts one server is given at a time: found by watching it, not configured.
#pragma once

#include <cstdint>

#include "core/types.hpp"

namespace understudy::core {

/// What the end of an attempt says of the server's load.
enum class load_sign : std::uint8_t {
  served,       ///< an answer came that the server worked for
  timed_out,    ///< no answer in a time that should have been enough: the server works on, unseen
  pushed_back,  ///< the server refused: -32003
  nothing,      ///< lost, refused, abandoned, or an error that came without work
};

struct limiter_options {
  double start =
      16;  ///< a Swoole server's usual workers and then some; doubles while it serves well
  double floor = 2;  ///< one at work, one on the way: a limit of 1 leaves a worker idle between
  double most = 1000;
  /// How much slower than its calm self a server may get. 2 lets as many wait in the server as it
  /// works on: enough that none of its workers idles, and a misjudged latency does little harm.
  double slowdown_max = 2;
};

/// The limit is a multiple of the workers that the server shows to have. By Little's law, attempts
/// in flight / slowdown = attempts at work, where slowdown is the time that attempts took over
/// the time they take on a calm server, summed over attempts of all methods: so a slow method does
/// not look like a slow server. The limit is `slowdown_max` times that, taken anew each round (as
/// many answers as the limit, 16 to 100, after those begun under the old limit have ended). It
/// falls by at most 30 % a round, rises by at most 25 % (doubles in a slow start and below
/// `start`), and rises only where it is used. A tenth of a round timed out lowers it, too.
///
/// It never limits a calm server: it falls only where a quarter of it is used, and a calm server
/// regains `start`. At 1 call a second nothing moves.
///
/// What a calm server takes may be believed wrongly: learnt under load, or the server has become
/// another. So a limit in use is put to a trial: for a few calls it is cut to a quarter, half of
/// the workers, so nothing can queue: began() calls them calm, and they teach the baseline anew
/// (the idea is that of BBR's ProbeRTT: Cardwell et al. 2016, and of Envoy's minRTT window). At
/// first after 1 s, then after twice as long each time, up to 30 s, and no oftener than costs 2.5 %
/// of the places; and before a limit falls below half of its height at the last trial: a server
/// that answers more slowly without queueing is not overloaded. A trial is given up once a call has
/// to be refused for it.
///
/// One owner, one thread; no clock.
class limiter {
 public:
  explicit limiter(limiter_options options = {});

  /// An attempt was handed to the server. True if nothing can be queued ahead of it there: its
  /// latency may teach the method's own (baseline::add).
  [[nodiscard]] bool began(time_point now);

  /// It ended. `expected` is what its method takes on a calm server (baseline::expected); 0 if
  /// that is not known, then the attempt says nothing but its pushback. `refused`: when a call was
  /// refused last for want of a place; a trial is not worth a refusal where there were none before.
  void ended(time_point now, duration took, duration expected, load_sign how,
             time_point refused = time_point::min());

  [[nodiscard]] unsigned limit() const;
  [[nodiscard]] unsigned in_flight() const { return in_flight_; }
  [[nodiscard]] bool has_place() const { return in_flight_ < limit(); }

 private:
  struct sums {
    double took = 0;
    double expected = 0;
    double in_flight = 0;
    unsigned samples = 0;
    unsigned late = 0;  ///< samples that timed out
    unsigned full = 0;  ///< samples that ended while the limit was in use
  };
  enum class trial : std::uint8_t { none, draining, teaching };

  void judge(time_point now, time_point refused);
  void lower(time_point now, double workers, time_point refused);
  void raise(time_point now, double to);
  void push_back(time_point now, unsigned together);
  void new_round();
  void begin_trial(time_point now, time_point refused);
  void end_trial(time_point now);
  [[nodiscard]] double trial_limit() const { return limit_ / (2 * options_.slowdown_max); }

  // First what limit() and in_flight() read, so that a pick looks at one cache line.
  double limit_;
  unsigned in_flight_ = 0;
  trial trial_ = trial::none;
  bool slow_start_ = true;
  limiter_options options_;
  sums round_;
  unsigned skip_ = 0;  ///< ends until the round counts: begun under the old limit
  time_point pushed_{};

  unsigned trial_begun_ = 0;
  bool trial_free_ = false;  ///< no call had been refused before it
  time_point trial_began_{};
  time_point trial_taught_{};   ///< since when nothing is queued
  time_point trial_give_up_{};  ///< a server that hangs is not kept at a quarter for ever
  time_point trial_earliest_{};
  time_point trial_due_{};
  duration trial_interval_;
  double limit_peak_;  ///< the highest since the last trial
};

/// What one method takes on a calm server: the mean of the last 32 or so calls that found nobody
/// ahead of them there. One for each method and server. Under load nothing is learnt, so that a
/// queue never comes to pass for the method's own latency; but for the first few, where any figure
/// is better than none.
class baseline {
 public:
  void add(duration took, bool calm);
  /// 0 while nothing is known.
  [[nodiscard]] duration expected() const { return mean_; }

 private:
  static constexpr unsigned memory = 32;
  duration mean_{0};
  unsigned count_ = 0;
};

}  // namespace understudy::core
