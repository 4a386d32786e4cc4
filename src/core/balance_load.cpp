#include "core/balance_load.hpp"

#include <algorithm>
#include <cmath>

namespace understudy::core {
namespace {

/// How much one attempt moves the share that fails.
constexpr double failing_step = 1.0 / 64.0;
/// Six failures in a row make it 70 %.
constexpr unsigned doublings_max = 5;

/// Before anybody has answered every member is taken for this: it only has to be the same for all.
constexpr double unknown_latency_s = 0.001;

double seconds(duration d) {
  return std::chrono::duration<double>(d).count();
}

double kept(time_point now, time_point stamp, double decay_s) {
  return now <= stamp ? 1.0 : std::exp(-seconds(now - stamp) / decay_s);
}

}  // namespace

void oldest_attempt::began(time_point now, unsigned in_flight) {
  if (in_flight > 0) return;
  mark_ = now;
  before_mark_ = 1;
}

void oldest_attempt::ended(time_point now, time_point begun, unsigned in_flight) {
  if (begun <= mark_ && before_mark_ > 0) --before_mark_;
  if (before_mark_ > 0 && before_mark_ <= in_flight) return;
  mark_ = now;
  before_mark_ = in_flight;
}

duration oldest_attempt::age(time_point now) const {
  return before_mark_ == 0 || now <= mark_ ? duration{0} : now - mark_;
}

void typical_load::observe(time_point now, double estimate_s, double decay_s) {
  const double w = latency_s == 0.0 ? 0.0 : kept(now, stamp, decay_s);
  latency_s = latency_s * w + estimate_s * (1.0 - w);
  stamp = std::max(stamp, now);
}

void member_load::ended(time_point now, time_point begun, outcome how, unsigned in_flight,
                        double decay_s, typical_load& typical) {
  oldest_.ended(now, begun, in_flight);
  const double took_s = std::max(seconds(now - begun), 1e-9);
  switch (how) {
    case outcome::stale:
      return;  // an idle connection had been closed: says nothing of the next attempt
    case outcome::abandoned:
      // The answer would have taken longer than this; how much longer is not known.
      if (took_s > latency_s_ * kept(now, stamp_, decay_s)) {
        latency_s_ = took_s;
        failing_ *= kept(now, stamp_, decay_s);
        stamp_ = std::max(stamp_, now);
      }
      return;
    case outcome::answered:
      observe(now, took_s, false, decay_s);
      typical.observe(now, latency_s_, decay_s);
      return;
    case outcome::faulted:
    case outcome::pushed_back:
    case outcome::refused:
    case outcome::unreached:
    case outcome::lost:
    case outcome::unreadable:
    case outcome::timed_out:
      // Failing fast must not look like working fast: only a longer time counts.
      observe(now, std::max(took_s, std::max(latency_s_, typical.latency_s)), true, decay_s);
      return;
  }
}

void member_load::observe(time_point now, double took_s, bool failed, double decay_s) {
  const double w = latency_s_ == 0.0 ? 0.0 : kept(now, stamp_, decay_s);
  latency_s_ = std::max(took_s, latency_s_ * w + took_s * (1.0 - w));
  failing_ *= w;
  if (failed) {
    const double step =
        std::ldexp(failing_step, static_cast<int>(std::min(failures_, doublings_max)));
    failing_ += step * (1.0 - failing_);
    ++failures_;
  } else {
    failing_ -= failing_step * failing_;
    failures_ = 0;
  }
  stamp_ = std::max(stamp_, now);
}

void member_load::forget() {
  latency_s_ = 0.0;
  failing_ = 0.0;
  failures_ = 0;
}

double member_load::expected_s(time_point now, double decay_s, double failure_s,
                               const typical_load& typical) const {
  const double least = (typical.latency_s == 0.0 ? unknown_latency_s : typical.latency_s) / 2.0;
  double latency = least;
  double failing = 0.0;
  if (latency_s_ > 0.0) {
    const double w = kept(now, stamp_, decay_s);
    latency = std::max(latency_s_ * w, std::min(latency_s_, least));
    failing = failing_ * w;
  }
  return std::max(latency, seconds(oldest_.age(now))) + failing * failure_s;
}

}  // namespace understudy::core
