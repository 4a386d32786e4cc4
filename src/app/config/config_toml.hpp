// TOML text as a tree of our own with line numbers: toml++ is instantiated in one unit only.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace understudy::app {

struct toml_node;
struct toml_member;
using toml_array = std::vector<toml_node>;
using toml_table = std::vector<toml_member>;  ///< in the order of the text

struct toml_node {
  unsigned line = 0;
  /// monostate: a date or time, which no key takes.
  std::variant<std::monostate, bool, std::int64_t, double, std::string, toml_array, toml_table>
      value;
};

struct toml_member {
  std::string key;
  toml_node value;
};

struct toml_error {
  unsigned line = 0;
  std::string message;
};

[[nodiscard]] std::variant<toml_table, toml_error> parse_toml(std::string_view text);

}  // namespace understudy::app
