// Steps over JSON text: each function takes a place in the text and returns the place behind
// what it names, or nullptr where the text (up to `end`) is not valid there. Every byte is
// looked at once; nothing is allocated; nothing recurses.
#pragma once

#include "wire/json_text.hpp"

namespace understudy::wire::scan {

[[nodiscard]] inline const char* skip_space(const char* at, const char* end) {
  while (at != end && (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t')) ++at;
  return at;
}

/// `at` is the opening quote.
[[nodiscard]] const char* skip_string(const char* at, const char* end);

/// A member's key, the colon and the white space around it. Fills in all of `member` but the value.
[[nodiscard]] const char* skip_key(const char* at, const char* end, json_member& member);

/// Any value without white space before it; containers nested at most `depth_max`, which is at
/// most json_depth_max.
[[nodiscard]] const char* skip_value(const char* at, const char* end, unsigned depth_max);

}  // namespace understudy::wire::scan
