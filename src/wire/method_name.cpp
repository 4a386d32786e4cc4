#include "wire/method_name.hpp"

#include <algorithm>
#include <cstddef>
#include <functional>

namespace understudy::wire {
namespace {

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

// On a mismatch only the last "*" takes one character more: no exponential way back.
template <typename Equal>
bool glob(std::string_view pattern, std::string_view text, Equal equal) {
  std::size_t p = 0;
  std::size_t t = 0;
  std::size_t star = std::string_view::npos;
  std::size_t resume = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      resume = t;
    } else if (p < pattern.size() && (pattern[p] == '?' || equal(pattern[p], text[t]))) {
      ++p;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++resume;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('*', p) == std::string_view::npos;
}

}  // namespace

std::string fold_method(std::string_view method) {
  std::string folded(method);
  std::ranges::transform(folded, folded.begin(), lower);
  return folded;
}

bool method_pattern_valid(std::string_view pattern) {
  const std::size_t at = pattern.find('@');
  return at != std::string_view::npos && at != 0 && at + 1 != pattern.size() &&
         pattern.find('@', at + 1) == std::string_view::npos;
}

bool method_matches(std::string_view pattern, std::string_view name) {
  const std::size_t pattern_at = pattern.find('@');
  const std::size_t name_at = name.find('@');
  if (pattern_at == std::string_view::npos || name_at == std::string_view::npos) return false;
  return glob(pattern.substr(0, pattern_at), name.substr(0, name_at), std::equal_to<>{}) &&
         glob(pattern.substr(pattern_at + 1), name.substr(name_at + 1),
              [](char a, char b) { return lower(a) == lower(b); });
}

}  // namespace understudy::wire
