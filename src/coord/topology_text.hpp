// A topology as JSON text. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/cluster/topology.hpp"

namespace understudy::coord {

/// One line of JSON. 64-bit numbers are strings: JSON's own survive only up to 2^53.
[[nodiscard]] std::string to_text(const core::topology& t);

struct parsed_topology {
  std::optional<core::topology> value;
  std::string fault;  ///< a sentence; empty where there is a value
};

/// Strict: each member is there, of its kind and in the form that to_text() gives it, there
/// is no other, and core::fault_of() finds nothing. Of members that are there twice it sees one.
[[nodiscard]] parsed_topology parse_topology(std::string_view text);

/// A supervisor as text: 16 hexadecimal digits.
[[nodiscard]] std::string to_text(core::supervisor_id id);
[[nodiscard]] std::optional<core::supervisor_id> parse_supervisor(std::string_view text);

}  // namespace understudy::coord
