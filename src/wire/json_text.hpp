// JSON as received bytes: validate it once, find its parts, never copy or re-serialise it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace understudy::wire {

inline constexpr unsigned json_depth_max = 512;  ///< as PHP's json_decode

/// True if `text` is exactly one JSON value (RFC 8259), valid UTF-8, nested at most `depth_max`.
[[nodiscard]] bool json_valid(std::string_view text, unsigned depth_max = json_depth_max);

enum class json_kind : std::uint8_t { null, boolean, number, string, array, object, invalid };
/// The kind of a valid value, told by its first byte.
[[nodiscard]] json_kind kind_of(std::string_view value);

struct json_member {
  std::string_view key;    ///< between the quotes, escapes not decoded
  std::string_view value;  ///< the value's bytes, without surrounding white space
};

/// The members of a valid object (or the elements of a valid array, keys empty), in order,
/// without descending. Stops early when `visit` returns false.
template <typename Visit>
void for_each_member(std::string_view container, Visit&& visit);

/// Member `key` of a valid object: the last one if it is repeated, as PHP reads it.
[[nodiscard]] std::optional<std::string_view> find_member(std::string_view object,
                                                          std::string_view key);

/// The text of a valid JSON string: quotes off, escapes decoded (a lone surrogate: U+FFFD).
[[nodiscard]] std::string decode_string(std::string_view string);
/// Appends `text` as a JSON string: quotes, escapes (`/` as `\/`, as PHP writes it), UTF-8 as it
/// is. Bytes that are not UTF-8 become U+FFFD.
void append_string(std::string& out, std::string_view text);
[[nodiscard]] bool utf8_valid(std::string_view text);

/// An integer in plain notation that fits; nothing for fractions, exponents, other kinds.
[[nodiscard]] std::optional<std::int64_t> decode_int(std::string_view number);

}  // namespace understudy::wire
