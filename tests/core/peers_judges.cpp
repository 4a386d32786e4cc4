#include "core/peers_judges.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace understudy::core::peers {
namespace {

using namespace std::chrono_literals;

constexpr duration nginx_fail_timeout = 10s;

constexpr unsigned envoy_consecutive_5xx = 5;
constexpr duration envoy_interval = 10s;
constexpr duration envoy_base_ejection = 30s;
constexpr duration envoy_ejection_most = 300s;
constexpr unsigned envoy_checks = 2;

constexpr unsigned accrual_failures = 5;
constexpr duration accrual_rest_least = 5s;
constexpr duration accrual_rest_most = 300s;

constexpr double phi_threshold = 8;
constexpr std::size_t phi_samples = 1000;
constexpr std::size_t phi_samples_least = 10;
constexpr double phi_deviation_least = 0.1;

bool is_good(outcome how) {
  return how == outcome::answered;
}

double seconds(duration d) {
  return std::chrono::duration<double>(d).count();
}

}  // namespace

bool check_judge::take(time_point, std::size_t server) {
  return servers_[server].up;
}

void check_judge::mark_down(seen& s) {
  s = {.up = false};
  count_ejection();
}

void check_judge::ended(time_point, std::size_t server, outcome how) {
  if (how == outcome::abandoned) return;
  seen& s = servers_[server];
  s.errors = is_good(how) ? 0 : s.errors + 1;
  if (s.up && error_limit_ > 0 && s.errors >= error_limit_) mark_down(s);
}

void check_judge::probed(time_point, std::size_t server, bool good) {
  seen& s = servers_[server];
  s.checks = good == s.up ? 0 : s.checks + 1;
  if (s.up && s.checks == fall_)
    mark_down(s);
  else if (!s.up && s.checks == rise_)
    s = {};
}

bool max_fails_judge::take(time_point now, std::size_t server) {
  seen& s = servers_[server];
  if (!s.failed) return true;
  if (now - s.checked <= nginx_fail_timeout) return false;
  s.checked = now;  // the others wait for how this one ends
  return true;
}

void max_fails_judge::ended(time_point now, std::size_t server, outcome how) {
  if (how == outcome::abandoned) return;
  seen& s = servers_[server];
  if (!is_good(how) && (faults_ || how != outcome::faulted)) {
    if (!s.failed) count_ejection();
    s = {.failed = true, .failed_at = now, .checked = now};
  } else if (s.checked > s.failed_at) {  // what was on its way when it failed proves nothing
    s.failed = false;
  }
}

bool outlier_judge::take(time_point now, std::size_t server) {
  return servers_[server].healthy && now >= servers_[server].until;
}

void outlier_judge::ended(time_point now, std::size_t server, outcome how) {
  seen& s = servers_[server];
  if (how == outcome::abandoned || now < s.until) return;
  s.errors = is_good(how) ? 0 : s.errors + 1;
  if (s.errors < envoy_consecutive_5xx) return;
  const auto well = static_cast<unsigned>((now - s.until) / envoy_interval);
  s.times = s.times - std::min(s.times, well) + 1;
  s.errors = 0;
  // It is let in by the first sweep after its time.
  const time_point over = now + std::min(envoy_base_ejection * s.times, envoy_ejection_most);
  const auto sweeps = over.time_since_epoch() / envoy_interval + 1;
  s.until = time_point{} + sweeps * envoy_interval;
  count_ejection();
}

void outlier_judge::probed(time_point, std::size_t server, bool good) {
  seen& s = servers_[server];
  s.checks = good == s.healthy ? 0 : s.checks + 1;
  if (s.checks < envoy_checks) return;
  s.checks = 0;
  s.healthy = good;
  if (!good) count_ejection();
}

bool accrual_judge::take(time_point now, std::size_t server) {
  seen& s = servers_[server];
  if (!s.dead) return true;
  if (s.on_trial || now < s.until) return false;
  s.on_trial = true;
  return true;
}

void accrual_judge::ended(time_point now, std::size_t server, outcome how) {
  seen& s = servers_[server];
  if (s.dead && !s.on_trial) return;  // begun before it was marked
  if (how == outcome::abandoned) {
    s.on_trial = false;
    return;
  }
  if (is_good(how)) {
    s = {};
    return;
  }
  if (!s.dead && ++s.failures < accrual_failures) return;
  if (!s.dead) count_ejection();
  s.rest = s.dead ? std::min(2 * s.rest, accrual_rest_most) : accrual_rest_least;
  s.dead = true;
  s.on_trial = false;
  const auto half = std::chrono::duration<double>(seconds(s.rest) / 2 * (1 + random_.unit()));
  s.until = now + std::chrono::duration_cast<duration>(half);
}

bool phi_judge::take(time_point now, std::size_t server) {
  seen& s = servers_[server];
  if (!s.suspect && phi(now, s) >= phi_threshold) {
    s.suspect = true;
    count_ejection();
  }
  return !s.suspect;
}

void phi_judge::ended(time_point now, std::size_t server, outcome how) {
  seen& s = servers_[server];
  if ((how == outcome::answered || how == outcome::faulted) && !s.suspect) hear(now, s);
}

void phi_judge::probed(time_point now, std::size_t server, bool good) {
  seen& s = servers_[server];
  if (!good) return;
  if (s.suspect) {
    s.suspect = false;
    s.heard = now;  // the silence is no gap between answers
  } else {
    hear(now, s);
  }
}

void phi_judge::hear(time_point now, seen& s) {
  const double gap = seconds(now - s.heard);
  s.heard = now;
  s.gaps.push_back(gap);
  s.sum += gap;
  s.squares += gap * gap;
  if (s.gaps.size() <= phi_samples) return;
  s.sum -= s.gaps.front();
  s.squares -= s.gaps.front() * s.gaps.front();
  s.gaps.pop_front();
}

double phi_judge::phi(time_point now, const seen& s) {
  if (s.gaps.size() < phi_samples_least) return 0;
  const auto count = static_cast<double>(s.gaps.size());
  const double mean = s.sum / count;
  const double deviation =
      std::max(phi_deviation_least, std::sqrt(std::max(0.0, s.squares / count - mean * mean)));
  const double later = std::erfc((seconds(now - s.heard) - mean) / deviation / std::sqrt(2.0)) / 2;
  return later > 0 ? -std::log10(later) : std::numeric_limits<double>::infinity();
}

}  // namespace understudy::core::peers
