#include "wire/description.hpp"

#include <string>
#include <unordered_map>

#include "wire/json_text.hpp"

namespace understudy::wire {
namespace {

constexpr std::string_view idempotent_tag = "@idempotent";

bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '-' || c == '\\' || static_cast<unsigned char>(c) >= 0x80;
}

// The tag stands first on its line, behind what decorates a doc comment.
bool declares_idempotent(std::string_view comment) {
  for (std::size_t at = comment.find(idempotent_tag); at != std::string_view::npos;
       at = comment.find(idempotent_tag, at + 1)) {
    const std::size_t before = comment.substr(0, at).find_last_not_of(" \t/*");
    const std::string_view rest = comment.substr(at + idempotent_tag.size());
    const bool first =
        before == std::string_view::npos || comment[before] == '\n' || comment[before] == '\r';
    if (first && (rest.empty() || !is_word(rest.front()))) return true;
  }
  return false;
}

bool is_empty_map(std::string_view value) {
  json_member first;
  return kind_of(value) == json_kind::array && !member_reader(value).next(first);
}

// Calls read(name, value, item) for each member of a map of PHP's (`[]` if it is empty) and
// gives the items, of a repeated name the last. False from read(), or no map: nothing.
template <typename Item, typename Read>
std::optional<std::vector<Item>> read_map(std::string_view map, Read&& read) {
  std::vector<Item> items;
  if (is_empty_map(map)) return items;
  if (kind_of(map) != json_kind::object) return std::nullopt;
  std::unordered_map<std::string, std::size_t> places;
  bool good = true;
  for_each_member(map, [&](const json_member& member) {
    Item item;
    item.name = key_text(member);
    good = read(member.value, item);
    if (!good) return false;
    const auto [place, fresh] = places.try_emplace(item.name, items.size());
    if (fresh) {
      items.push_back(std::move(item));
    } else {
      items[place->second] = std::move(item);
    }
    return true;
  });
  if (!good) return std::nullopt;
  return items;
}

bool read_method(std::string_view text, method_description& method) {
  if (kind_of(text) != json_kind::object) return false;
  const auto comment = find_member(text, "comment");
  if (comment) method.comment = decode_string(*comment);  // false where there is none
  method.idempotent = declares_idempotent(method.comment);
  return true;
}

bool read_service(std::string_view text, service_description& service) {
  auto methods = read_map<method_description>(text, read_method);
  if (!methods) return false;
  service.text = text;
  service.methods = *std::move(methods);
  return true;
}

}  // namespace

std::optional<std::vector<service_description>> parse_description(std::string_view result) {
  return read_map<service_description>(result, read_service);
}

std::string format_description(const std::vector<service_description>& services) {
  if (services.empty()) return "[]";
  std::string out;
  for (const service_description& service : services) {
    out += out.empty() ? '{' : ',';
    append_string(out, service.name);
    out += ':';
    out += service.text;
  }
  return out + '}';
}

}  // namespace understudy::wire
