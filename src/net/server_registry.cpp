#include "net/server_registry.hpp"

#include <algorithm>
#include <stdexcept>

namespace understudy::net {
namespace {

char folded(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

}  // namespace

bool same_method(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, {}, folded, folded);
}

std::size_t server_registry::key_hash::operator()(std::string_view key) const noexcept {
  std::uint64_t hash = 14695981039346656037U;  // FNV-1a
  for (const char c : key) {
    hash ^= static_cast<unsigned char>(folded(c));
    hash *= 1099511628211U;
  }
  return hash;
}

bool server_registry::key_equal::operator()(std::string_view a, std::string_view b) const noexcept {
  const auto at = a.find('@');
  return a.substr(0, at) == b.substr(0, at) && same_method(a, b);
}

void server_registry::add(service_definition service) {
  if (has_service(service.name()))
    throw std::invalid_argument("There is a service " + service.name() + " already");
  services_.push_back(std::move(service));
}

void server_registry::freeze() {
  for (std::size_t i = 0; i < services_.size(); ++i)
    for (const auto& method : services_[i].methods())
      methods_.try_emplace(services_[i].name() + "@" + method.name, entry{&method, i});
  description_ = describe_services(services_);
}

const server_registry::entry* server_registry::find(std::string_view method) const {
  const auto found = methods_.find(method);
  return found == methods_.end() ? nullptr : &found->second;
}

bool server_registry::has_service(std::string_view name) const {
  return std::ranges::any_of(services_, [&](const auto& s) { return s.name() == name; });
}

}  // namespace understudy::net
