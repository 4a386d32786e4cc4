// Counters, gauges and histograms of the gateway, in the Prometheus text format.
#pragma once

#include <memory>
#include <string>

#include "app/event_log.hpp"
#include "app/router.hpp"

namespace understudy::app {

/// Any thread.
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

}  // namespace understudy::app
