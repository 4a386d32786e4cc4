#include "app/gateway/call_counts.hpp"

#include <algorithm>
#include <chrono>
#include <functional>

#include "understudy/error.hpp"

namespace understudy::app {
namespace {

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

}  // namespace

void call_counts::add(const call_report& report) {
  auto found = pools_.find(report.pool);
  if (found == pools_.end()) found = pools_.emplace(report.pool, pool{}).first;
  pool& to = found->second;
  const double seconds = std::chrono::duration<double>(report.took).count();
  const auto bucket = std::ranges::lower_bound(seconds_max, seconds);
  ++to.outcomes[outcome_of(report)];
  ++to.took.at(static_cast<std::size_t>(bucket - seconds_max.begin()));
  to.seconds += seconds;
  to.attempts += report.attempts;
}

void call_counts::add(const call_counts& other) {
  for (const auto& [name, from] : other.pools_) {
    pool& to = pools_[name];
    for (const auto& [outcome, calls] : from.outcomes) to.outcomes[outcome] += calls;
    std::ranges::transform(to.took, from.took, to.took.begin(), std::plus());
    to.seconds += from.seconds;
    to.attempts += from.attempts;
  }
}

}  // namespace understudy::app
