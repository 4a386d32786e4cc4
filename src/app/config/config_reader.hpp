// Reads typed values out of a TOML tree and collects everything that is wrong with them.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "app/config/config.hpp"
#include "app/config/config_toml.hpp"

namespace understudy::app {

/// One value at a path like `pool.orders.ramp`. Each function stores a good value, or leaves the
/// target as it is and adds a problem.
class toml_reader {
 public:
  toml_reader(const toml_node& node, std::string path, std::vector<config_problem>& problems)
      : node_(node), path_(std::move(path)), problems_(problems) {}

  void problem(const std::string& what) { problems_.push_back({node_.line, path_ + ": " + what}); }

  /// The value if it is of this kind; else a problem that says `needed`.
  template <typename Kind>
  const Kind* as(std::string_view needed) {
    const Kind* value = std::get_if<Kind>(&node_.value);
    if (value == nullptr) problem(std::string(needed) + " is needed here");
    return value;
  }
  [[nodiscard]] const toml_node& node() const { return node_; }

  void size(std::size_t& into, std::size_t min, std::size_t max);
  void number(double& into, double min, double max);
  void listen_address(std::string& into);  ///< empty: none

  template <typename Rep, typename Period>
  void duration(std::chrono::duration<Rep, Period>& into, std::chrono::milliseconds min,
                std::chrono::milliseconds max) {
    if (const auto read = duration_between(min, max)) into = *read;
  }
  template <typename Int>
  void integer(Int& into, std::int64_t min, std::int64_t max) {
    if (const auto read = integer_between(min, max)) into = static_cast<Int>(*read);
  }

  /// Calls `each(toml_reader&)` for every element of an array.
  template <typename Each>
  void array(std::string_view needed, Each&& each) {
    const auto* elements = as<toml_array>(needed);
    if (elements == nullptr) return;
    for (const toml_node& element : *elements) {
      toml_reader reader(element, path_, problems_);
      each(reader);
    }
  }

  /// Calls `read(toml_reader&)` for a member of this table.
  template <typename Read>
  void member(const toml_member& one, Read&& read) {
    toml_reader reader(one.value, path_ + "." + one.key, problems_);
    read(reader);
  }

  /// One accepted key of a table of this kind.
  template <typename Target>
  struct key {
    std::string_view name;
    void (*read)(toml_reader& value, Target& into);
  };
  /// Reads every member through its key. `absent` are keys of capabilities that this version
  /// does not have: they are refused in so many words.
  template <typename Target>
  void table(const toml_table& members, std::span<const key<Target>> keys,
             std::span<const std::string_view> absent, Target& into) {
    std::vector<std::string_view> names;
    for (const auto& known : keys) names.push_back(known.name);
    for (const toml_member& member : members) {
      const std::size_t at = index_of(member, names, absent);
      if (at == names.size()) continue;
      this->member(member, [&](toml_reader& reader) { keys[at].read(reader, into); });
    }
  }

 private:
  std::optional<std::chrono::milliseconds> duration_between(std::chrono::milliseconds min,
                                                            std::chrono::milliseconds max);
  std::optional<std::int64_t> integer_between(std::int64_t min, std::int64_t max);
  // The member's place in `names`; names.size() where it has none, which is then a problem.
  std::size_t index_of(const toml_member& member, std::span<const std::string_view> names,
                       std::span<const std::string_view> absent);

  const toml_node& node_;
  std::string path_;
  std::vector<config_problem>& problems_;
};

}  // namespace understudy::app
