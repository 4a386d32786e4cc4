// UTF-8, one sequence at a time.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace understudy::wire {

inline constexpr std::string_view utf8_replacement = "\xEF\xBF\xBD";  ///< U+FFFD

/// The length of the well-formed sequence at `at` (Unicode 15, table 3-7); 0 if there is none.
/// `at` must not be `end`.
[[nodiscard]] inline std::size_t utf8_sequence(const char* at, const char* end) {
  const auto byte = [at](std::size_t i) { return static_cast<unsigned char>(at[i]); };
  const auto left = static_cast<std::size_t>(end - at);
  const auto continues = [&](std::size_t i) { return (byte(i) & 0xC0U) == 0x80; };
  const unsigned lead = byte(0);
  if (lead < 0x80) return 1;
  if (lead < 0xC2) return 0;  // a continuation, or an overlong form of ASCII
  if (lead < 0xE0) return left >= 2 && continues(1) ? 2 : 0;
  if (lead < 0xF0) {
    if (left < 3 || !continues(1) || !continues(2)) return 0;
    if (lead == 0xE0 && byte(1) < 0xA0) return 0;   // overlong
    if (lead == 0xED && byte(1) >= 0xA0) return 0;  // surrogate halves
    return 3;
  }
  if (lead > 0xF4 || left < 4 || !continues(1) || !continues(2) || !continues(3)) return 0;
  if (lead == 0xF0 && byte(1) < 0x90) return 0;   // overlong
  if (lead == 0xF4 && byte(1) >= 0x90) return 0;  // above U+10FFFF
  return 4;
}

/// Appends `code_point`; a surrogate half becomes U+FFFD.
void append_utf8(std::string& out, char32_t code_point);

/// The start of `text` for people to read: at most `bytes_max` bytes of it, cut between
/// characters and marked with "..." where it was cut. Bytes that are not UTF-8 become U+FFFD.
[[nodiscard]] std::string utf8_excerpt(std::string_view text, std::size_t bytes_max);

}  // namespace understudy::wire
