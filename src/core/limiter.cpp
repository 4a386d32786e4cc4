#include "core/limiter.hpp"

#include <algorithm>
#include <cmath>

#include "understudy/detail/check.hpp"

namespace understudy::core {

namespace {

using namespace std::chrono_literals;

constexpr double round_min = 16;
constexpr double round_max = 100;
// A slowdown that may come from a queue: below it a limit in use needs no trial.
constexpr double queue_shows = 1.5;
constexpr double fall_max = 0.7;
constexpr double late_share = 0.1;  // of a round: more than chance
constexpr double rise_max = 1.25;
constexpr double rise_after_push_back = 1.05;
constexpr duration push_back_memory = 10s;
constexpr duration trial_interval_min = 1s;
constexpr duration trial_interval_max = 30s;
constexpr int trial_rest = 20;  // times as long as a trial took, until the next
// Refusals that lie further back are of another time.
constexpr duration refusals_matter = 2s;
constexpr double trial_min_s = 2;
constexpr double trial_max_latencies = 8;

double seconds(duration d) {
  return std::chrono::duration<double>(d).count();
}

}  // namespace

limiter::limiter(limiter_options options)
    : limit_(options.start),
      options_(options),
      trial_interval_(trial_interval_min),
      limit_peak_(options.start) {}

bool limiter::began(time_point now) {
  const bool calm = in_flight_++ < std::max(1.0, std::floor(trial_limit()));
  if (trial_ == trial::teaching && ++trial_begun_ >= std::clamp(2 * limit_, 16.0, 64.0))
    end_trial(now);
  return calm;
}

void limiter::ended(time_point now, duration took, duration expected, load_sign how,
                    time_point refused) {
  UNDERSTUDY_CHECK(in_flight_ > 0);
  const unsigned together = in_flight_--;
  if (trial_ != trial::none) {
    if (trial_ == trial::teaching && how == load_sign::served && now - took >= trial_taught_) {
      round_.took += seconds(took);
      round_.expected += seconds(expected);
    } else if (trial_ == trial::draining && in_flight_ <= limit()) {
      trial_ = trial::teaching;
      trial_taught_ = now;
    }
    if (now >= trial_give_up_ || (trial_free_ && refused >= trial_began_)) end_trial(now);
    return;
  }
  if (skip_ > 0) {
    --skip_;
    return;
  }
  if (how == load_sign::pushed_back) return push_back(now, together);
  if (how == load_sign::nothing || expected <= duration{0}) return;
  round_.took += seconds(took);
  round_.expected += seconds(expected);
  round_.in_flight += together;
  round_.full += together >= 0.8 * limit() ? 1 : 0;
  round_.late += how == load_sign::timed_out ? 1 : 0;
  if (++round_.samples >= std::clamp(limit_, round_min, round_max)) judge(now, refused);
}

unsigned limiter::limit() const {
  return static_cast<unsigned>(std::max(1.0, trial_ == trial::none ? limit_ : trial_limit()));
}

/// A round is complete.
void limiter::judge(time_point now, time_point refused) {
  const double slowdown = round_.took / round_.expected;
  const double together = round_.in_flight / round_.samples;
  // Work that its caller gave up goes on unseen: there is more in the server than in flight.
  const bool late = round_.late >= late_share * round_.samples;
  const double workers = together / slowdown * (late ? fall_max : 1.0);
  const bool used = round_.full * 2 >= round_.samples;
  if (together <= std::max(1.0, limit_ / 4)) {
    if (limit_ < options_.start) raise(now, std::min(options_.start, limit_ * rise_max));
    round_ = {};
    return;
  }
  if (used && slowdown > queue_shows && now >= trial_due_) {
    begin_trial(now, refused);
  } else if (late || slowdown > options_.slowdown_max) {
    lower(now, workers, refused);
  } else if (used) {
    raise(now, workers * options_.slowdown_max);
  } else {
    round_ = {};
  }
}

void limiter::lower(time_point now, double workers, time_point refused) {
  slow_start_ = false;
  const double next =
      std::max({workers * options_.slowdown_max, limit_ * fall_max, options_.floor});
  if (next >= limit_) return new_round();
  if (next < limit_peak_ / 2 && now >= trial_earliest_) return begin_trial(now, refused);
  limit_ = next;
  new_round();
}

void limiter::raise(time_point now, double to) {
  const bool quickly = slow_start_ || limit_ < options_.start;
  double most = limit_ * (quickly ? 2 : rise_max);
  if (pushed_ != time_point{} && now - pushed_ < push_back_memory) {
    most = limit_ * rise_after_push_back;
  }
  to = std::min({to, std::max(most, limit_ + 1), options_.most});
  if (to > limit_) limit_ = to;
  limit_peak_ = std::max(limit_peak_, limit_);
  new_round();
}

/// With a small part of its places taken the server refuses for another reason than our load.
void limiter::push_back(time_point now, unsigned together) {
  if (together < limit_ / 4) return;
  slow_start_ = false;
  pushed_ = now;
  limit_ = std::max(options_.floor, limit_ * fall_max);
  new_round();
}

void limiter::new_round() {
  round_ = {};
  skip_ = in_flight_;
}

void limiter::begin_trial(time_point now, time_point refused) {
  const double mean = round_.samples > 0 ? round_.took / round_.samples : 0;
  const double give_up = trial_min_s + trial_max_latencies * mean;
  round_ = {};
  trial_ = trial::draining;
  trial_began_ = now;
  trial_begun_ = 0;
  trial_free_ = refused == time_point::min() || now - refused > refusals_matter;
  trial_give_up_ =
      now + std::chrono::duration_cast<duration>(std::chrono::duration<double>(give_up));
}

void limiter::end_trial(time_point now) {
  trial_ = trial::none;
  // It taught something: what is believed now is only nearer to the truth.
  const bool news = round_.expected > 0 && std::abs(std::log(round_.took / round_.expected)) > 0.4;
  if (news) trial_interval_ = trial_interval_min;
  trial_earliest_ = now + (now - trial_began_) * trial_rest;
  trial_due_ = std::max(trial_earliest_, now + trial_interval_);
  trial_interval_ = std::min(trial_interval_ * 2, trial_interval_max);
  limit_peak_ = limit_;
  new_round();
}

void baseline::add(duration took, bool calm) {
  if (calm) {
    if (count_ < memory) ++count_;
    mean_ += (took - mean_) / static_cast<duration::rep>(count_);
  } else if (count_ == 0 && (mean_ == duration{0} || took < mean_)) {
    mean_ = took;
  }
}

}  // namespace understudy::core
