#include "net/client_methods.hpp"

#include <algorithm>
#include <utility>

namespace understudy::net {
namespace {

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

/// `Interface@method` with the method in lower case.
std::string folded(std::string_view method) {
  std::string text(method);
  const auto at = std::find(text.begin(), text.end(), '@');
  std::transform(at, text.end(), at, lower);
  return text;
}

/// Greedy with one step back per `*`: linear but for stars in a row of matches.
bool matches(std::string_view pattern, std::string_view text) {
  std::size_t p = 0;
  std::size_t t = 0;
  std::size_t star = std::string_view::npos;
  std::size_t retry = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      retry = t;
    } else if (p < pattern.size() && pattern[p] == text[t]) {
      ++p;
      ++t;
    } else if (star != std::string_view::npos && text[retry] != '@') {
      p = star + 1;
      t = ++retry;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('*', p) == std::string_view::npos;
}

}  // namespace

repeatable_methods::repeatable_methods(std::vector<std::string> patterns)
    : patterns_(std::move(patterns)) {
  for (auto& pattern : patterns_) pattern = folded(pattern);
}

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
  const auto name = folded(method);
  const auto fits = [&](const auto& pattern) { return matches(pattern, name); };
  if (std::any_of(patterns_.begin(), patterns_.end(), fits)) return true;
  const std::lock_guard lock(mutex_);
  return learned_.contains(name);
}

}  // namespace understudy::net
