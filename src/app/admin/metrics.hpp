// Counters, gauges and histograms of the gateway, in the Prometheus text format.
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "app/admin/status_json.hpp"
#include "app/common/event_log.hpp"
#include "app/gateway/call_counts.hpp"
#include "store/call_store.hpp"

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
/// No label holds what a caller chose: methods are not labels.
class metrics {
 public:
  void event(const app::event& e);
  /// Events as counted here, all else as it is given.
  [[nodiscard]] std::string text(
      const call_counts& calls, const std::vector<pool_status>& pools,
      const std::vector<listener_status>& listeners,
      const std::optional<store::store_counts>& stored = std::nullopt) const;

 private:
  mutable std::mutex mutex_;
  std::map<std::string, std::uint64_t, std::less<>> events_;  ///< by kind
};

/// The content type of text().
inline constexpr std::string_view metrics_content_type = "text/plain; version=0.0.4; charset=utf-8";

}  // namespace understudy::app
