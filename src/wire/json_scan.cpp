#include "wire/json_scan.hpp"

#include <bitset>
#include <cstring>

#include "wire/json_text.hpp"
#include "wire/utf8.hpp"

namespace understudy::wire::scan {
namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool is_hex(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

// Characters beyond ASCII, at least one.
const char* skip_utf8(const char* at, const char* end) {
  do {
    const std::size_t length = utf8_sequence(at, end);
    if (length == 0) return nullptr;
    at += length;
  } while (at != end && static_cast<unsigned char>(*at) >= 0x80);
  return at;
}

// Four hex digits; `unit` is the UTF-16 unit they name.
const char* skip_hex4(const char* at, const char* end, unsigned& unit) {
  if (end - at < 4) return nullptr;
  unit = 0;
  for (const char* const stop = at + 4; at != stop; ++at) {
    if (!is_hex(*at)) return nullptr;
    const char c = *at;
    unit = unit * 16 + static_cast<unsigned>(is_digit(c) ? c - '0' : (c | 0x20) - 'a' + 10);
  }
  return at;
}

// `at` is the backslash.
const char* skip_escape(const char* at, const char* end) {
  if (end - at < 2) return nullptr;
  if (at[1] != 'u') {
    constexpr std::string_view escapes = R"("\/bfnrt)";
    return escapes.find(at[1]) != std::string_view::npos ? at + 2 : nullptr;
  }
  unsigned unit = 0;
  at = skip_hex4(at + 2, end, unit);
  if (at == nullptr || unit < 0xD800 || unit > 0xDFFF) return at;
  if (unit > 0xDBFF || end - at < 2 || at[0] != '\\' || at[1] != 'u') return nullptr;
  at = skip_hex4(at + 2, end, unit);
  return at != nullptr && unit >= 0xDC00 && unit <= 0xDFFF ? at : nullptr;
}

const char* skip_digits(const char* at, const char* end) {
  const char* const first = at;
  while (at != end && is_digit(*at)) ++at;
  return at != first ? at : nullptr;
}

const char* skip_number(const char* at, const char* end) {
  if (*at == '-') ++at;
  at = at != end && *at == '0' ? at + 1 : skip_digits(at, end);
  if (at != nullptr && at != end && *at == '.') at = skip_digits(at + 1, end);
  if (at != nullptr && at != end && (*at == 'e' || *at == 'E')) {
    ++at;
    if (at != end && (*at == '+' || *at == '-')) ++at;
    at = skip_digits(at, end);
  }
  return at;
}

const char* skip_word(const char* at, const char* end, std::string_view word) {
  return std::string_view(at, static_cast<std::size_t>(end - at)).starts_with(word)
             ? at + word.size()
             : nullptr;
}

// A value that holds no others.
const char* skip_scalar(const char* at, const char* end) {
  switch (*at) {
    case '"':
      return skip_string(at, end);
    case 't':
      return skip_word(at, end, "true");
    case 'f':
      return skip_word(at, end, "false");
    case 'n':
      return skip_word(at, end, "null");
    default:
      return skip_number(at, end);
  }
}

// The containers around the current place, as one bit each: is it an object?
class nesting {
 public:
  [[nodiscard]] unsigned depth() const { return depth_; }
  [[nodiscard]] bool in_object() const { return objects_[depth_ - 1]; }
  [[nodiscard]] char closer() const { return in_object() ? '}' : ']'; }
  void enter(bool object) { objects_[depth_++] = object; }
  void leave() { --depth_; }

 private:
  std::bitset<json_depth_max> objects_;
  unsigned depth_ = 0;
};

}  // namespace

const char* skip_string(const char* at, const char* end) {
  ++at;
  while (at != nullptr) {
    at = skip_plain(at, end);
    if (at == end) return nullptr;
    const auto byte = static_cast<unsigned char>(*at);
    if (byte == '"') return at + 1;
    if (byte < 0x20) return nullptr;
    at = byte == '\\' ? skip_escape(at, end) : skip_utf8(at, end);
  }
  return nullptr;
}

const char* skip_key(const char* at, const char* end, json_member& member) {
  if (at == end || *at != '"') return nullptr;
  const char* const first = at + 1;
  const char* const stop = skip_plain(first, end);
  member.plain_key = stop != end && *stop == '"';
  at = member.plain_key ? stop + 1 : skip_string(at, end);
  if (at == nullptr) return nullptr;
  member.key = {first, static_cast<std::size_t>(at - first) - 1};
  at = skip_space(at, end);
  return at != end && *at == ':' ? skip_space(at + 1, end) : nullptr;
}

const char* skip_value(const char* at, const char* end, unsigned depth_max) {
  if (at == end) return nullptr;
  if (*at != '{' && *at != '[') return skip_scalar(at, end);
  if (end - at >= 2 && at[1] == *at + 2 && depth_max != 0) return at + 2;  // [] or {}
  nesting open;
  json_member member;
  for (;;) {
    // A value begins here.
    if (at == nullptr || at == end) return nullptr;
    if (*at == '{' || *at == '[') {
      if (open.depth() == depth_max) return nullptr;
      open.enter(*at == '{');
      at = skip_space(at + 1, end);
      if (at == end) return nullptr;
      if (*at != open.closer()) {
        if (open.in_object()) at = skip_key(at, end, member);
        continue;
      }
    } else {
      at = skip_scalar(at, end);
      if (at == nullptr || open.depth() == 0) return at;
      at = skip_space(at, end);
    }
    // A value ended, or the container that `at` closes is empty.
    while (at != end && *at == open.closer()) {
      open.leave();
      ++at;
      if (open.depth() == 0) return at;
      at = skip_space(at, end);
    }
    if (at == end || *at != ',') return nullptr;
    at = skip_space(at + 1, end);
    if (open.in_object()) at = skip_key(at, end, member);
  }
}

}  // namespace understudy::wire::scan
