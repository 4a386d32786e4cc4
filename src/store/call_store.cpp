#include "store/call_store.hpp"

#include <charconv>
#include <limits>

namespace understudy::store {

std::string format_ticket(std::string_view tag, call_id id) {
  std::string ticket = "c-";
  ticket += tag;
  ticket += '-';
  ticket += std::to_string(static_cast<std::uint64_t>(id));
  return ticket;
}

std::optional<call_id> parse_ticket(std::string_view tag, std::string_view ticket) {
  const std::string start = "c-" + std::string(tag) + "-";
  if (!ticket.starts_with(start)) return std::nullopt;
  const std::string_view digits = ticket.substr(start.size());
  std::uint64_t id = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), id);
  const bool whole = error == std::errc() && end == digits.data() + digits.size();
  // One call has one ticket: no zeros before it.
  if (!whole || digits.front() == '0' || id > std::numeric_limits<std::int64_t>::max()) {
    return std::nullopt;
  }
  return call_id{id};
}

}  // namespace understudy::store
