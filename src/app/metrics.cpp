#include "app/metrics.hpp"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <array>
#include <limits>

#include "app/server_state.hpp"

namespace understudy::app {
namespace {

using prometheus::MetricFamily;
using prometheus::MetricType;

MetricFamily family(const char* name, const char* help, MetricType type) {
  MetricFamily out;
  out.name = name;
  out.help = help;
  out.type = type;
  return out;
}

prometheus::ClientMetric& add(MetricFamily& to, const char* label, std::string value) {
  auto& metric = to.metric.emplace_back();
  metric.label.push_back({label, std::move(value)});
  return metric;
}

prometheus::ClientMetric& add(MetricFamily& to, const std::string& pool, const char* label,
                              std::string value) {
  // In alphabetical order, as readers expect.
  const bool before = std::string_view(label) < "pool";
  auto& metric = before ? add(to, label, std::move(value)) : add(to, "pool", pool);
  if (before) {
    metric.label.push_back({"pool", pool});
  } else {
    metric.label.push_back({label, std::move(value)});
  }
  return metric;
}

prometheus::ClientMetric::Histogram histogram_of(const call_counts::pool& counted) {
  prometheus::ClientMetric::Histogram out;
  out.sample_sum = counted.seconds;
  for (std::size_t i = 0; i < counted.took.size(); ++i) {
    out.sample_count += counted.took[i];
    const bool last = i == call_counts::seconds_max.size();
    out.bucket.push_back({out.sample_count, last ? std::numeric_limits<double>::infinity()
                                                 : call_counts::seconds_max.at(i)});
  }
  return out;
}

void describe(const call_counts& counted, std::vector<MetricFamily>& to) {
  auto calls = family("understudy_calls_total",
                      "Calls answered: result, error (of a service), or the gateway's own error",
                      MetricType::Counter);
  auto seconds = family("understudy_call_seconds", "Time from a call's arrival to its answer",
                        MetricType::Histogram);
  auto attempts =
      family("understudy_attempts_total", "Attempts that were or may have been handed to a server",
             MetricType::Counter);
  for (const auto& [name, pool] : counted.pools()) {
    for (const auto& [outcome, number] : pool.outcomes) {
      add(calls, name, "outcome", std::string(outcome)).counter.value = static_cast<double>(number);
    }
    add(seconds, "pool", name).histogram = histogram_of(pool);
    add(attempts, "pool", name).counter.value = static_cast<double>(pool.attempts);
  }
  for (auto* one : {&calls, &seconds, &attempts}) to.push_back(std::move(*one));
}

// Kept nowhere, so that a server which is gone leaves no series behind.
void describe(const std::vector<pool_status>& pools, std::vector<MetricFamily>& to) {
  auto parked = family("understudy_parked_calls", "Calls that wait for any server of the pool",
                       MetricType::Gauge);
  auto queued = family("understudy_queued_calls", "Calls that wait for a place at a server",
                       MetricType::Gauge);
  auto limit = family("understudy_server_limit", "Attempts that the server is given at a time",
                      MetricType::Gauge);
  auto servers = family("understudy_servers", "Servers by state", MetricType::Gauge);
  auto in_flight =
      family("understudy_server_in_flight", "Attempts running on the server", MetricType::Gauge);
  auto attempts = family("understudy_server_attempts_total", "Attempts made on the server",
                         MetricType::Counter);
  auto failures = family("understudy_server_failures_total", "Attempts that the server failed",
                         MetricType::Counter);
  for (const auto& pool : pools) {
    add(parked, "pool", pool.name).gauge.value = static_cast<double>(pool.parked);
    add(queued, "pool", pool.name).gauge.value = static_cast<double>(pool.queued);
    std::array<unsigned, server_states.size()> counts{};
    for (const auto& server : pool.servers) {
      ++counts.at(static_cast<std::size_t>(server.state));
      const auto& address = server.options.address;
      add(in_flight, pool.name, "server", address).gauge.value = server.in_flight;
      add(limit, pool.name, "server", address).gauge.value = server.limit;
      add(attempts, pool.name, "server", address).counter.value =
          static_cast<double>(server.attempts);
      add(failures, pool.name, "server", address).counter.value =
          static_cast<double>(server.failures);
    }
    for (std::size_t i = 0; i < counts.size(); ++i) {
      add(servers, pool.name, "state", std::string(server_states[i])).gauge.value = counts[i];
    }
  }
  for (auto* one : {&parked, &queued, &servers, &in_flight, &limit, &attempts, &failures}) {
    to.push_back(std::move(*one));
  }
}

}  // namespace

void metrics::event(const app::event& e) {
  const std::lock_guard lock(mutex_);
  ++events_[e.record.kind];
}

std::string metrics::text(const call_counts& calls, const std::vector<pool_status>& pools,
                          const std::vector<listener_status>& listeners) const {
  std::vector<MetricFamily> families;
  describe(calls, families);
  auto& events = families.emplace_back(family("understudy_events_total",
                                              "Events by kind: ejections, returns, refusals",
                                              MetricType::Counter));
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [kind, number] : events_) {
      add(events, "kind", kind).counter.value = static_cast<double>(number);
    }
  }
  auto& connections = families.emplace_back(
      family("understudy_connections", "Open connections of callers", MetricType::Gauge));
  for (const listener_status& one : listeners) {
    add(connections, "listener", one.name).gauge.value = static_cast<double>(one.connections);
  }
  describe(pools, families);
  return prometheus::TextSerializer().Serialize(families);
}

}  // namespace understudy::app
