// JSON as received bytes: validate it once, find its parts, never copy or re-serialise it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace understudy::wire {

/// Containers in one another. PHP's json_decode at its default depth of 512 takes 511, too: the
/// scalar inside counts.
inline constexpr unsigned json_depth_max = 511;

/// True if `text` is exactly one JSON value (RFC 8259), valid UTF-8, nested at most `depth_max`
/// (itself at most json_depth_max). Of what the RFC leaves open, escapes that name half a
/// surrogate pair are refused, as PHP and Boost.JSON do: what is valid here is valid for them.
/// The one exception is an exponent beyond an int, which Boost.JSON 1.81 refuses.
[[nodiscard]] bool json_valid(std::string_view text, unsigned depth_max = json_depth_max);

enum class json_kind : std::uint8_t { null, boolean, number, string, array, object, invalid };
/// The kind of a valid value, told by its first byte.
[[nodiscard]] json_kind kind_of(std::string_view value);

struct json_member {
  std::string_view key;    ///< between the quotes, escapes not decoded
  std::string_view value;  ///< the value's bytes, without surrounding white space
  bool plain_key = true;   ///< `key` is ASCII without escapes: it stands for itself
};

/// The key with its escapes decoded.
[[nodiscard]] std::string key_text(const json_member& member);
/// True if that is `name`.
[[nodiscard]] inline bool key_is(const json_member& member, std::string_view name) {
  return member.plain_key ? member.key == name : key_text(member) == name;
}

/// Reads the members of an object (or the elements of an array, keys empty) in order, without
/// descending, and validates on the way: to read a container and to check it is one pass.
/// Not thread-safe; the text must outlive it and the members it gave.
class member_reader {
 public:
  explicit member_reader(std::string_view container, unsigned depth_max = json_depth_max);

  /// False at the end, at the first thing that is not valid JSON, and for other kinds of value.
  [[nodiscard]] bool next(json_member& member);
  /// Once next() was false: `container` is one valid object or array from end to end.
  [[nodiscard]] bool valid() const { return state_ == state::valid; }

 private:
  enum class state : std::uint8_t { first, later, valid, broken };

  bool leave(state final_state);

  const char* at_;
  const char* end_;
  unsigned depth_max_;
  state state_ = state::first;
  char closer_ = ']';
};

/// The members of a valid object (or the elements of a valid array, keys empty), in order,
/// without descending. Stops early when `visit(const json_member&)` returns false.
template <typename Visit>
void for_each_member(std::string_view container, Visit&& visit) {
  member_reader members(container);
  for (json_member member; members.next(member);) {
    if (!visit(std::as_const(member))) return;
  }
}

/// Member `key` of a valid object: the last one if it is repeated, as PHP reads it. Nothing for
/// other kinds of value.
[[nodiscard]] std::optional<std::string_view> find_member(std::string_view object,
                                                          std::string_view key);

/// The text of a valid JSON string: quotes off, escapes decoded (a lone surrogate: U+FFFD).
/// Empty for other kinds of value.
[[nodiscard]] std::string decode_string(std::string_view string);
/// Appends `text` as a JSON string: quotes, escapes (`/` as `\/`, as PHP writes it), UTF-8 as it
/// is. Bytes that are not UTF-8 become U+FFFD; false if there were any.
bool append_string(std::string& out, std::string_view text);
[[nodiscard]] bool utf8_valid(std::string_view text);

/// An integer in plain notation that fits; nothing for fractions, exponents, other kinds.
[[nodiscard]] std::optional<std::int64_t> decode_int(std::string_view number);

}  // namespace understudy::wire
