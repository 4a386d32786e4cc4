#include "net/client_methods.hpp"

#include <algorithm>
#include <utility>

#include "wire/method_name.hpp"

namespace understudy::net {
namespace {

/// `Interface@method` with the method in lower case.
std::string folded(std::string_view name) {
  const auto method = std::min(name.find('@'), name.size());
  return std::string(name.substr(0, method)) + wire::fold_method(name.substr(method));
}

}  // namespace

repeatable_methods::repeatable_methods(std::vector<std::string> patterns)
    : patterns_(std::move(patterns)) {}

void repeatable_methods::learn(const std::vector<wire::service_description>& services) {
  const std::lock_guard lock(mutex_);
  for (const auto& service : services) {
    const auto prefix = service.name + "@";
    std::erase_if(learned_, [&](const auto& known) { return known.starts_with(prefix); });
    for (const auto& method : service.methods) {
      if (method.idempotent && learned_.size() < learned_max) {
        learned_.insert(folded(prefix + method.name));
      }
    }
  }
}

bool repeatable_methods::contains(std::string_view method) const {
  const auto fits = [&](const auto& pattern) { return wire::method_matches(pattern, method); };
  if (std::any_of(patterns_.begin(), patterns_.end(), fits)) return true;
  const std::lock_guard lock(mutex_);
  return learned_.contains(folded(method));
}

}  // namespace understudy::net
