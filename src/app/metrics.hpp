// Counters, gauges and histograms of the gateway, in the Prometheus text format.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "app/event_log.hpp"
#include "app/router.hpp"

namespace understudy::app {

/// Any thread.
///
/// understudy_calls_total{pool,outcome}   result, error (a service's), or the name of our own error
/// understudy_call_seconds{pool}          histogram: what callers waited
/// understudy_attempts_total{pool}        attempts handed to servers
/// understudy_events_total{kind}
/// understudy_connections{listener}
/// understudy_parked_calls{pool}
/// understudy_servers{pool,state}
/// understudy_server_in_flight{pool,server}, understudy_server_attempts_total{pool,server},
/// understudy_server_failures_total{pool,server}
///
/// No label holds what a caller chose: methods are not labels, a call to no known pool counts
/// under pool "".
class metrics {
 public:
  metrics();
  ~metrics();
  void call(const call_report& report);
  void event(const app::event& e);
  void connections(std::string_view listener, std::size_t open);
  /// Gauges of pools and servers are set from `pools`, then everything is written.
  [[nodiscard]] std::string text(const std::vector<pool_status>& pools);

 private:
  struct state;
  std::unique_ptr<state> state_;
};

/// The content type of text().
inline constexpr std::string_view metrics_content_type = "text/plain; version=0.0.4; charset=utf-8";

}  // namespace understudy::app
