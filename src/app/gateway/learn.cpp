#include "app/gateway/learn.hpp"

#include <algorithm>
#include <utility>

#include "wire/method_name.hpp"

namespace understudy::app {

pool_services::pool_services(std::vector<std::string> configured,
                             std::vector<std::string> idempotent) {
  configure(std::move(configured), std::move(idempotent));
}

void pool_services::configure(std::vector<std::string> configured,
                              std::vector<std::string> idempotent) {
  configured_ = {configured.begin(), configured.end()};
  idempotent_ = std::move(idempotent);
}

std::vector<std::string> pool_services::learn(
    const std::string& server, const std::vector<wire::service_description>& services) {
  std::set<std::string, std::less<>> before;  // copies: making room erases
  for (auto& [name, known] : learned_) {
    if (!known.servers.empty()) before.insert(name);
    known.servers.erase(server);
  }
  std::vector<std::string> fresh;
  for (const auto& service : services) {
    const bool is_new = !before.contains(service.name) && visible(service.name);
    if (take(service, server) && is_new) fresh.push_back(service.name);
  }
  return fresh;
}

// False where it has no room.
bool pool_services::take(const wire::service_description& service, const std::string& server) {
  auto found = learned_.find(service.name);
  if (found == learned_.end()) {
    if (!make_room(1, service.text.size())) return false;
    found = learned_.emplace(service.name, learned{}).first;
  } else if (found->second.text != service.text) {
    found->second.servers.insert(server);  // it is present: making room must leave it
    if (!make_room(0, service.text.size())) {
      found->second.idempotent.clear();  // it may have said so for the last time
      return true;
    }
  }
  learned& known = found->second;
  known.servers.insert(server);
  text_bytes_ += service.text.size() - known.text.size();
  known.text = service.text;
  known.idempotent.clear();
  for (const auto& method : service.methods) {
    if (method.idempotent) known.idempotent.insert(wire::fold_method(method.name));
  }
  return true;
}

bool pool_services::make_room(std::size_t services, std::size_t bytes) {
  const auto fits = [&] {
    return learned_.size() + services <= services_max && text_bytes_ + bytes <= text_bytes_max;
  };
  for (auto old = learned_.begin(); old != learned_.end() && !fits();) {
    const bool goes = old->second.servers.empty();
    if (goes) text_bytes_ -= old->second.text.size();
    old = goes ? learned_.erase(old) : std::next(old);
  }
  return fits();
}

bool pool_services::visible(std::string_view service) const {
  return configured_.empty() || configured_.contains(service);
}

bool pool_services::described() const {
  return std::ranges::any_of(learned_, [this](const auto& item) {
    return !item.second.servers.empty() && visible(item.first);
  });
}

claim pool_services::claims(std::string_view service) const {
  if (!configured_.empty()) return configured_.contains(service) ? claim::present : claim::none;
  const auto found = learned_.find(service);
  if (found == learned_.end()) return claim::none;
  return found->second.servers.empty() ? claim::remembered : claim::present;
}

bool pool_services::idempotent(const wire::request& request) const {
  const auto matches = [&](const std::string& pattern) {
    return wire::method_matches(pattern, request.method);
  };
  if (std::ranges::any_of(idempotent_, matches)) return true;
  const auto found = learned_.find(request.service());
  return found != learned_.end() && !found->second.idempotent.empty() &&
         found->second.idempotent.contains(wire::fold_method(request.name()));
}

std::vector<std::string> pool_services::names() const {
  if (!configured_.empty()) return {configured_.begin(), configured_.end()};
  std::vector<std::string> names;
  for (const auto& [name, unused] : learned_) names.push_back(name);
  return names;
}

void pool_services::append_descriptions(std::vector<wire::service_description>& to) const {
  for (const auto& [name, known] : learned_) {
    if (known.servers.empty() || !visible(name)) continue;
    wire::service_description& described = to.emplace_back();
    described.name = name;
    described.text = known.text;
  }
}

}  // namespace understudy::app
