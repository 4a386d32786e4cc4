#include "app/config/config_toml.hpp"

#include <algorithm>
#define TOML_EXCEPTIONS 0
#include <toml++/toml.h>

namespace understudy::app {

namespace {

toml_node convert(const toml::node& from);

toml_table convert_table(const toml::table& from) {
  toml_table table;
  for (const auto& [key, value] : from) {
    toml_member member{std::string(key.str()), convert(value)};
    member.value.line = key.source().begin.line;
    table.push_back(std::move(member));
  }
  // toml++ keeps tables sorted by key; a reader wants the order of the file.
  std::ranges::stable_sort(table, {}, [](const toml_member& m) { return m.value.line; });
  return table;
}

toml_node convert(const toml::node& from) {
  toml_node node;
  node.line = from.source().begin.line;
  if (const auto* table = from.as_table()) {
    node.value = convert_table(*table);
  } else if (const auto* array = from.as_array()) {
    toml_array elements;
    for (const toml::node& element : *array) elements.push_back(convert(element));
    node.value = std::move(elements);
  } else if (const auto* text = from.as_string()) {
    node.value = text->get();
  } else if (const auto* integer = from.as_integer()) {
    node.value = integer->get();
  } else if (const auto* number = from.as_floating_point()) {
    node.value = number->get();
  } else if (const auto* boolean = from.as_boolean()) {
    node.value = boolean->get();
  }
  return node;
}

}  // namespace

std::variant<toml_table, toml_error> parse_toml(std::string_view text) {
  const toml::parse_result parsed = toml::parse(text);
  if (!parsed) {
    return toml_error{parsed.error().source().begin.line,
                      std::string(parsed.error().description())};
  }
  return convert_table(parsed.table());
}

}  // namespace understudy::app
