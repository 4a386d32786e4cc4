#include "wire/json_pointer.hpp"

#include <charconv>
#include <cstddef>
#include <string>

#include "wire/json_text.hpp"

namespace understudy::wire {
namespace {

std::string unescaped(std::string_view token) {
  std::string text;
  for (std::size_t i = 0; i < token.size(); ++i) {
    const bool escape = token[i] == '~' && i + 1 < token.size();
    text += !escape ? token[i] : token[i + 1] == '1' ? '/' : '~';
    i += escape ? 1 : 0;
  }
  return text;
}

/// Plain digits without a leading zero: the only form an array's element has.
std::optional<std::size_t> index_of(std::string_view token) {
  std::size_t index = 0;
  const auto [end, error] = std::from_chars(token.data(), token.data() + token.size(), index);
  const bool whole = error == std::errc() && end == token.data() + token.size();
  return whole && (token == "0" || token.front() != '0') ? std::optional(index) : std::nullopt;
}

std::optional<std::string_view> element(std::string_view array, std::string_view token) {
  const auto wanted = index_of(token);
  if (!wanted) return std::nullopt;
  std::optional<std::string_view> found;
  std::size_t at = 0;
  for_each_member(array, [&](const json_member& each) {
    if (at++ < *wanted) return true;
    found = each.value;
    return false;
  });
  return found;
}

}  // namespace

bool json_pointer_valid(std::string_view pointer) {
  if (!pointer.empty() && pointer.front() != '/') return false;
  for (std::size_t i = 0; i < pointer.size(); ++i) {
    if (pointer[i] != '~') continue;
    if (i + 1 == pointer.size() || (pointer[i + 1] != '0' && pointer[i + 1] != '1')) return false;
  }
  return true;
}

std::optional<std::string_view> find_at(std::string_view text, std::string_view pointer) {
  const auto first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return std::nullopt;
  std::optional<std::string_view> at = text.substr(first);
  while (at && !pointer.empty()) {
    pointer.remove_prefix(1);
    const auto token = pointer.substr(0, pointer.find('/'));
    pointer.remove_prefix(token.size());
    at =
        kind_of(*at) == json_kind::array ? element(*at, token) : find_member(*at, unescaped(token));
  }
  return at;
}

}  // namespace understudy::wire
