#include "wire/utf8.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "wire/json_text.hpp"

namespace understudy::wire {

void append_utf8(std::string& out, char32_t code_point) {
  const auto put = [&out](char32_t byte) { out.push_back(static_cast<char>(byte)); };
  if (code_point < 0x80) {
    put(code_point);
  } else if (code_point < 0x800) {
    put(0xC0 | (code_point >> 6));
    put(0x80 | (code_point & 0x3F));
  } else if (code_point >= 0xD800 && code_point < 0xE000) {
    out += utf8_replacement;
  } else if (code_point < 0x10000) {
    put(0xE0 | (code_point >> 12));
    put(0x80 | ((code_point >> 6) & 0x3F));
    put(0x80 | (code_point & 0x3F));
  } else {
    put(0xF0 | (code_point >> 18));
    put(0x80 | ((code_point >> 12) & 0x3F));
    put(0x80 | ((code_point >> 6) & 0x3F));
    put(0x80 | (code_point & 0x3F));
  }
}

bool utf8_valid(std::string_view text) {
  constexpr std::uint64_t highs = 0x8080808080808080;
  const char* at = text.data();
  const char* const end = at + text.size();
  while (at != end) {
    if (end - at >= 8) {  // most text is ASCII: eight bytes at a time
      std::uint64_t word = 0;
      std::memcpy(&word, at, sizeof word);
      if ((word & highs) == 0) {
        at += 8;
        continue;
      }
    }
    const std::size_t length = utf8_sequence(at, end);
    if (length == 0) return false;
    at += length;
  }
  return true;
}

std::string utf8_excerpt(std::string_view text, std::size_t bytes_max) {
  if (text.size() <= bytes_max && utf8_valid(text)) return std::string(text);
  std::string out;
  const char* at = text.data();
  const char* const end = at + text.size();
  const char* const cut = at + std::min(text.size(), bytes_max);
  while (at != cut) {
    const std::size_t length = utf8_sequence(at, end);
    if (length == 0) {
      out += utf8_replacement;
      ++at;
      continue;
    }
    if (length > static_cast<std::size_t>(cut - at)) break;
    out.append(at, length);
    at += length;
  }
  if (at != end) out += "...";
  return out;
}

}  // namespace understudy::wire
