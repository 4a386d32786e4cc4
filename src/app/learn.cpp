#include "app/learn.hpp"

#include <algorithm>
#include <utility>

#include "app/config_values.hpp"

namespace understudy::app {

pool_services::pool_services(std::vector<std::string> configured,
                             std::vector<std::string> idempotent)
    : configured_(configured.begin(), configured.end()), idempotent_(std::move(idempotent)) {}

std::vector<std::string> pool_services::learn(
    const std::vector<wire::service_description>& services) {
  std::vector<std::string> fresh;
  for (const auto& service : services) {
    if (!configured_.empty() && !configured_.contains(service.name)) continue;
    auto found = learned_.find(service.name);
    if (found == learned_.end()) {
      if (learned_.size() == services_max) continue;
      found = learned_.emplace(service.name, learned{}).first;
      fresh.push_back(service.name);
    } else if (found->second.description.text == service.text) {
      continue;
    }
    found->second.description = service;
    found->second.idempotent.clear();
    for (const auto& method : service.methods) {
      if (method.idempotent) found->second.idempotent.insert(fold_case(method.name));
    }
  }
  return fresh;
}

bool pool_services::serves(std::string_view service) const {
  return configured_.empty() ? learned_.contains(service) : configured_.contains(service);
}

bool pool_services::idempotent(const wire::request& request) const {
  const auto matches = [&](const std::string& pattern) {
    return pattern_matches(pattern, request.method);
  };
  if (std::ranges::any_of(idempotent_, matches)) return true;
  const auto found = learned_.find(request.service());
  return found != learned_.end() && !found->second.idempotent.empty() &&
         found->second.idempotent.contains(fold_case(request.name()));
}

std::vector<std::string> pool_services::names() const {
  if (!configured_.empty()) return {configured_.begin(), configured_.end()};
  std::vector<std::string> names;
  for (const auto& [name, unused] : learned_) names.push_back(name);
  return names;
}

void pool_services::append_descriptions(std::vector<wire::service_description>& to) const {
  for (const auto& [unused, service] : learned_) to.push_back(service.description);
}

}  // namespace understudy::app
