#include "app/admin/metrics.hpp"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <limits>

#include "app/gateway/server_state.hpp"

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

double value(std::uint64_t number) {
  return static_cast<double>(number);
}

void describe(const store::store_counts& counts, std::vector<MetricFamily>& to) {
  auto accepted = family("understudy_stored_calls_accepted_total", "Calls that were stored",
                         MetricType::Counter);
  auto ended = family("understudy_stored_calls_ended_total", "Stored calls that ended, and how",
                      MetricType::Counter);
  auto depth = family("understudy_stored_calls", "Stored calls that have not ended, and dead ones",
                      MetricType::Gauge);
  auto attempts =
      family("understudy_stored_attempts_total", "Attempts of stored calls", MetricType::Counter);
  auto oldest = family("understudy_stored_oldest_seconds",
                       "How long the oldest call that waits has been due", MetricType::Gauge);
  const auto now = std::chrono::system_clock::now();
  for (const auto& one : counts.services) {
    const auto with_state = [&one](MetricFamily & to_family, const char* state) -> auto& {
      auto& metric = add(to_family, "service", one.service);
      metric.label.push_back({"state", state});
      return metric;
    };
    add(accepted, "service", one.service).counter.value = value(one.accepted);
    with_state(ended, "done").counter.value = value(one.done);
    with_state(ended, "cancelled").counter.value = value(one.cancelled);
    with_state(ended, "expired").counter.value = value(one.expired);
    with_state(depth, "waiting").gauge.value = value(one.waiting);
    with_state(depth, "running").gauge.value = value(one.running);
    with_state(depth, "dead").gauge.value = value(one.dead);
    add(attempts, "service", one.service).counter.value = value(one.attempts);
    const auto age = one.oldest_waiting ? now - *one.oldest_waiting : now - now;
    add(oldest, "service", one.service).gauge.value =
        std::max(0.0, std::chrono::duration<double>(age).count());
  }
  auto commits = family("understudy_store_commits_total",
                        "Commits of the call store: each is one "
                        "flush to the disk",
                        MetricType::Counter);
  commits.metric.emplace_back().counter.value = value(counts.commits);
  auto operations =
      family("understudy_store_operations_total",
             "What the commits held: acceptances, ends of attempts", MetricType::Counter);
  operations.metric.emplace_back().counter.value = value(counts.operations);
  auto fenced = family("understudy_store_fenced_total",
                       "Ends of attempts that were refused: another attempt had the call",
                       MetricType::Counter);
  fenced.metric.emplace_back().counter.value = value(counts.fenced);
  auto bytes = family("understudy_store_bytes", "Size of the store's file", MetricType::Gauge);
  bytes.metric.emplace_back().gauge.value = value(counts.bytes);
  for (auto* one :
       {&accepted, &ended, &depth, &attempts, &oldest, &commits, &operations, &fenced, &bytes}) {
    to.push_back(std::move(*one));
  }
}

}  // namespace

void metrics::event(const app::event& e) {
  const std::lock_guard lock(mutex_);
  ++events_[e.record.kind];
}

std::string metrics::text(const call_counts& calls, const std::vector<pool_status>& pools,
                          const std::vector<listener_status>& listeners,
                          const std::optional<store::store_counts>& stored) const {
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
  if (stored) describe(*stored, families);
  return prometheus::TextSerializer().Serialize(families);
}

}  // namespace understudy::app
