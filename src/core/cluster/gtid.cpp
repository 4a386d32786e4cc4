#include "core/cluster/gtid.hpp"

#include <algorithm>
#include <charconv>

namespace understudy::core {

namespace {

template <class Number>
bool take_number(std::string_view& text, Number& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{}) return false;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return true;
}

bool take_dash(std::string_view& text) {
  if (!text.starts_with('-')) return false;
  text.remove_prefix(1);
  return true;
}

std::optional<gtid> parse_one(std::string_view text) {
  std::uint32_t domain = 0;
  gtid found;
  if (!take_number(text, domain) || domain != 0 || !take_dash(text) ||
      !take_number(text, found.server) || !take_dash(text) || !take_number(text, found.seq) ||
      !text.empty()) {
    return std::nullopt;
  }
  return found;
}

}  // namespace

std::string to_string(const gtid& position) {
  if (position.empty()) return {};
  return "0-" + std::to_string(position.server) + "-" + std::to_string(position.seq);
}

std::optional<gtid> parse_gtid(std::string_view text) {
  if (text.empty()) return gtid{};
  return parse_one(text);
}

void history::add(const gtid& last) {
  if (last.empty()) return;
  const auto at =
      std::lower_bound(last_.begin(), last_.end(), last.server,
                       [](const gtid& each, std::uint32_t server) { return each.server < server; });
  if (at != last_.end() && at->server == last.server) {
    at->seq = std::max(at->seq, last.seq);
  } else {
    last_.insert(at, last);
  }
}

bool history::holds(const gtid& position) const {
  if (position.empty()) return true;
  return std::any_of(last_.begin(), last_.end(), [&](const gtid& each) {
    return each.server == position.server && each.seq >= position.seq;
  });
}

std::optional<history> parse_history(std::string_view text) {
  history found;
  while (!text.empty()) {
    const auto comma = std::min(text.find(','), text.size());
    const auto one = parse_one(text.substr(0, comma));
    if (!one) return std::nullopt;
    found.add(*one);
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  return found;
}

std::string to_string(const history& state) {
  std::string text;
  for (const gtid& each : state.last()) {
    if (!text.empty()) text += ',';
    text += to_string(each);
  }
  return text;
}

}  // namespace understudy::core
