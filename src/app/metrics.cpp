#include "app/metrics.hpp"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <array>
#include <chrono>
#include <functional>
#include <map>
#include <mutex>

#include "app/server_state.hpp"
#include "understudy/error.hpp"

namespace understudy::app {
namespace {

// From far below a LAN round trip to the default deadline of a direct call.
const prometheus::Histogram::BucketBoundaries call_seconds = {
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05,
    0.1,    0.25,    0.5,    1.0,   2.5,    5.0,   10.0, 30.0,  60.0};

struct own_error {
  std::int64_t code;
  const char* name;
};
constexpr std::array own_errors{
    own_error{code::parse_error, "parse_error"},
    own_error{code::invalid_request, "invalid_request"},
    own_error{code::method_not_found, "method_not_found"},
    own_error{code::invalid_params, "invalid_params"},
    own_error{code::internal_error, "internal_error"},
    own_error{code::no_server, "no_server"},
    own_error{code::outcome_unknown, "outcome_unknown"},
    own_error{code::deadline_passed, "deadline_passed"},
    own_error{code::overloaded, "overloaded"},
    own_error{code::not_allowed, "not_allowed"},
    own_error{code::too_large, "too_large"},
    own_error{code::accepted, "accepted"},
    own_error{code::key_conflict, "key_conflict"},
    own_error{code::call_ended, "call_ended"},
    own_error{code::in_progress, "in_progress"},
};

const char* outcome_of(const call_report& report) {
  if (!report.error_code) return "result";
  if (!report.own) return "error";
  for (const auto& one : own_errors) {
    if (one.code == *report.error_code) return one.name;
  }
  return "other";
}

// Series of one pool, found once: Family::Add builds and hashes a label map on every call.
struct pool_series {
  prometheus::Histogram* seconds = nullptr;
  prometheus::Counter* attempts = nullptr;
  std::map<std::string_view, prometheus::Counter*> outcomes;  // keys are literals
};

prometheus::MetricFamily family(const char* name, const char* help, prometheus::MetricType type) {
  prometheus::MetricFamily out;
  out.name = name;
  out.help = help;
  out.type = type;
  return out;
}

prometheus::ClientMetric& add(prometheus::MetricFamily& to, const std::string& pool,
                              const char* label = nullptr, std::string value = {}) {
  auto& metric = to.metric.emplace_back();
  metric.label.push_back({"pool", pool});
  if (label != nullptr) metric.label.push_back({label, std::move(value)});
  return metric;
}

// What is known of pools and servers only at this moment: written from `pools`, kept nowhere, so
// that a server which is gone leaves no series behind.
std::vector<prometheus::MetricFamily> describe(const std::vector<pool_status>& pools) {
  using prometheus::MetricType;
  auto parked = family("understudy_parked_calls", "Calls that wait for any server of the pool",
                       MetricType::Gauge);
  auto servers = family("understudy_servers", "Servers by state", MetricType::Gauge);
  auto in_flight =
      family("understudy_server_in_flight", "Attempts running on the server", MetricType::Gauge);
  auto attempts = family("understudy_server_attempts_total", "Attempts made on the server",
                         MetricType::Counter);
  auto failures = family("understudy_server_failures_total", "Attempts that the server failed",
                         MetricType::Counter);
  for (const auto& pool : pools) {
    add(parked, pool.name).gauge.value = static_cast<double>(pool.parked);
    std::array<unsigned, server_states.size()> counts{};
    for (const auto& server : pool.servers) {
      ++counts.at(static_cast<std::size_t>(server.state));
      const auto& address = server.options.address;
      add(in_flight, pool.name, "server", address).gauge.value = server.in_flight;
      add(attempts, pool.name, "server", address).counter.value =
          static_cast<double>(server.attempts);
      add(failures, pool.name, "server", address).counter.value =
          static_cast<double>(server.failures);
    }
    for (std::size_t i = 0; i < counts.size(); ++i) {
      add(servers, pool.name, "state", std::string(server_states[i])).gauge.value = counts[i];
    }
  }
  return {std::move(parked), std::move(servers), std::move(in_flight), std::move(attempts),
          std::move(failures)};
}

}  // namespace

struct metrics::state {
  prometheus::Registry registry;
  prometheus::Family<prometheus::Counter>& calls =
      prometheus::BuildCounter()
          .Name("understudy_calls_total")
          .Help("Calls answered: result, error (of a service), or the gateway's own error")
          .Register(registry);
  prometheus::Family<prometheus::Histogram>& seconds =
      prometheus::BuildHistogram()
          .Name("understudy_call_seconds")
          .Help("Time from a call's arrival to its answer")
          .Register(registry);
  prometheus::Family<prometheus::Counter>& attempts =
      prometheus::BuildCounter()
          .Name("understudy_attempts_total")
          .Help("Attempts that were or may have been handed to a server")
          .Register(registry);
  prometheus::Family<prometheus::Counter>& events =
      prometheus::BuildCounter()
          .Name("understudy_events_total")
          .Help("Events by kind: ejections, returns, refusals")
          .Register(registry);
  prometheus::Family<prometheus::Gauge>& connections = prometheus::BuildGauge()
                                                           .Name("understudy_connections")
                                                           .Help("Open connections of callers")
                                                           .Register(registry);

  std::mutex mutex;  // guards pools; the series are safe by themselves
  std::map<std::string, pool_series, std::less<>> pools;

  pool_series& series_of(std::string_view pool) {
    const auto found = pools.find(pool);
    if (found != pools.end()) return found->second;
    const std::string name(pool);
    auto& made = pools[name];
    made.seconds = &seconds.Add({{"pool", name}}, call_seconds);
    made.attempts = &attempts.Add({{"pool", name}});
    return made;
  }
};

metrics::metrics() : state_(std::make_unique<state>()) {}
metrics::~metrics() = default;

void metrics::call(const call_report& report) {
  const auto* outcome = outcome_of(report);
  const std::lock_guard lock(state_->mutex);
  auto& series = state_->series_of(report.pool);
  auto*& counter = series.outcomes[outcome];
  if (counter == nullptr) {
    counter = &state_->calls.Add({{"pool", std::string(report.pool)}, {"outcome", outcome}});
  }
  counter->Increment();
  series.seconds->Observe(std::chrono::duration<double>(report.took).count());
  series.attempts->Increment(report.attempts);
}

void metrics::event(const app::event& e) {
  state_->events.Add({{"kind", e.record.kind}}).Increment();
}

void metrics::connections(std::string_view listener, std::size_t open) {
  state_->connections.Add({{"listener", std::string(listener)}}).Set(static_cast<double>(open));
}

std::string metrics::text(const std::vector<pool_status>& pools) {
  auto families = state_->registry.Collect();
  for (auto& one : describe(pools)) families.push_back(std::move(one));
  return prometheus::TextSerializer().Serialize(families);
}

}  // namespace understudy::app
