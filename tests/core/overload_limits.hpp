// Limits of concurrency to compare ours with, rebuilt from what their authors publish.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <memory>

#include "core/limiter.hpp"

namespace understudy::core::overload {

inline double in_seconds(duration d) {
  return std::chrono::duration<double>(d).count();
}

/// One server's limit as the simulated gateway sees it.
class limit_policy {
 public:
  virtual ~limit_policy() = default;
  [[nodiscard]] virtual bool has_place() const = 0;
  [[nodiscard]] virtual double limit() const = 0;
  /// True if the attempt found a calm server.
  virtual bool began(time_point now) = 0;
  virtual void ended(time_point now, duration took, unsigned method, bool calm, load_sign how) = 0;
};
using make_limit = std::function<std::unique_ptr<limit_policy>()>;

class our_limit final : public limit_policy {
 public:
  [[nodiscard]] bool has_place() const override { return limiter_.has_place(); }
  [[nodiscard]] double limit() const override { return limiter_.limit(); }
  bool began(time_point now) override { return limiter_.began(now); }
  void ended(time_point now, duration took, unsigned method, bool calm, load_sign how) override {
    limiter_.ended(now, took, methods_.at(method).expected(), how);
    if (how == load_sign::served) methods_.at(method).add(took, calm);
  }

 private:
  limiter limiter_;
  std::array<baseline, 4> methods_;
};

/// What the others share: they count, and learn from each end. A limit never falls below 1.
class counting_limit : public limit_policy {
 public:
  explicit counting_limit(double limit) : limit_(limit) {}
  [[nodiscard]] bool has_place() const override { return in_flight_ < std::floor(limit_); }
  [[nodiscard]] double limit() const override { return limit_; }
  bool began(time_point) override {
    ++in_flight_;
    return false;
  }
  void ended(time_point, duration took, unsigned, bool, load_sign how) override {
    const double together = in_flight_--;
    if (how == load_sign::nothing) return;
    learn(in_seconds(took), together, how != load_sign::served);
    limit_ = std::clamp(limit_, 1.0, 1000.0);
  }

 protected:
  virtual void learn(double took, double together, bool dropped) = 0;
  double limit_;

 private:
  double in_flight_ = 0;
};

/// A constant.
class fixed_limit final : public counting_limit {
 public:
  using counting_limit::counting_limit;

 private:
  void learn(double, double, bool) override {}
};

class no_limit final : public limit_policy {
 public:
  [[nodiscard]] bool has_place() const override { return true; }
  [[nodiscard]] double limit() const override { return 1e9; }
  bool began(time_point) override { return false; }
  void ended(time_point, duration, unsigned, bool, load_sign) override {}
};

/// Additive increase, multiplicative decrease (Chiu, Jain 1989), with the defaults of Netflix
/// concurrency-limits' AIMDLimit: 0.9 at a drop, a drop being a failure or more than 5 s.
class aimd_limit final : public counting_limit {
 public:
  aimd_limit() : counting_limit(20) {}

 private:
  void learn(double took, double together, bool dropped) override {
    if (dropped || took > 5.0) {
      limit_ = std::min(limit_ - 1, std::floor(limit_ * 0.9));
    } else if (together * 2 >= limit_) {
      limit_ += 1;
    }
  }
};

/// TCP Vegas (Brakmo, Peterson 1995) as Netflix concurrency-limits' VegasLimit applies it: the
/// queue is judged by the least latency seen, which is measured anew now and then.
class vegas_limit final : public counting_limit {
 public:
  vegas_limit() : counting_limit(20) {}

 private:
  void learn(double took, double together, bool dropped) override {
    if (++count_ >= 0.75 * 30 * limit_) {
      count_ = 0;
      least_ = took;
      return;
    }
    if (least_ == 0 || took < least_) {
      least_ = took;
      return;
    }
    const double unit = std::max(1.0, std::floor(std::log10(limit_)));
    const double queue = std::ceil(limit_ * (1 - least_ / took));
    if (dropped) {
      limit_ -= unit;
    } else if (together * 2 < limit_) {
      return;
    } else if (queue <= unit) {
      limit_ += 6 * unit;
    } else if (queue < 3 * unit) {
      limit_ += unit;
    } else if (queue > 6 * unit) {
      limit_ -= unit;
    }
  }

  double least_ = 0;
  double count_ = 0;
};

/// Netflix concurrency-limits' Gradient2Limit with its defaults (0.2 smoothing, 4 queued, 600
/// samples, 20 to 200): the latest latency against a slow average of it. Its window of samples is
/// left out, as SimpleLimiter does.
class gradient2_limit final : public counting_limit {
 public:
  gradient2_limit() : counting_limit(20) {}

 private:
  void learn(double took, double together, bool) override {
    average_ = ++count_ <= 10 ? average_ + (took - average_) / count_
                              : average_ + (took - average_) * 2.0 / 601.0;
    if (average_ / took > 2) average_ *= 0.9;
    if (together < limit_ / 2) return;
    const double gradient = std::clamp(average_ / took, 0.5, 1.0);
    const double next = 0.8 * limit_ + 0.2 * (limit_ * gradient + 4);
    limit_ = std::clamp(next, 20.0, 200.0);
  }

  double average_ = 0;
  double count_ = 0;
};

}  // namespace understudy::core::overload
