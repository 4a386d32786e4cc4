#include "core/detector.hpp"

#include <algorithm>

namespace understudy::core {

finding detector::attempt_ended(outcome how, duration took) {
  switch (how) {
    case outcome::answered:
    case outcome::pushed_back:
      probes_failed_ = 0;
      return {};
    case outcome::abandoned:
    case outcome::faulted:
    case outcome::unreadable:
    case outcome::timed_out:
      return {};
    case outcome::refused:
      probes_good_ = 0;
      return {opinion::gone, "no connection can be made", source::attempt, 1, how, took};
    case outcome::unreached:
      return {opinion::doubt, "no connection came about in time", source::attempt, 1, how, took};
    case outcome::stale:
    case outcome::lost:
      return {opinion::doubt, "a connection was lost", source::attempt, 1, how, took};
  }
  return {};
}

finding detector::methods_fail(time_point now, unsigned methods, duration rest) {
  resting_until_ = std::max(resting_until_, now + rest);
  return {opinion::doubt, "several methods fail, and none goes well", source::method, methods,
          outcome::faulted};
}

finding detector::probe_ended(time_point now, outcome how, duration took) {
  switch (how) {
    case outcome::answered:
      probes_failed_ = 0;
      ++probes_good_;
      if (now < resting_until_) return {};
      return {opinion::well, "probes are answered", source::probe, probes_good_, how, took};
    case outcome::abandoned:
      return {};
    case outcome::refused:
      probes_good_ = 0;
      return {opinion::gone, "no connection can be made", source::probe, 1, how, took};
    case outcome::unreached:
    case outcome::stale:
    case outcome::lost:
    case outcome::timed_out:
      probes_good_ = 0;
      if (++probes_failed_ < options_.probes_down) {
        return {
            opinion::doubt, "a probe was not answered", source::probe, probes_failed_, how, took};
      }
      return {opinion::silent, "probes are not answered", source::probe, probes_failed_, how, took};
    case outcome::faulted:
    case outcome::pushed_back:
    case outcome::unreadable:
      probes_good_ = 0;
      probes_failed_ = 0;
      return {opinion::doubt, "a probe was answered badly", source::probe, 1, how, took};
  }
  return {};
}

finding detector::idle_connection_lost() const {
  return {opinion::doubt, "an idle connection was closed by the server", source::idle_connection, 1,
          outcome::stale};
}

void detector::reset() {
  probes_failed_ = 0;
  probes_good_ = 0;
  resting_until_ = {};
}

}  // namespace understudy::core
