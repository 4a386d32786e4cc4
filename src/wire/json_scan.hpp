// Steps over JSON text: each function takes a place in the text and returns the place behind
// what it names, or nullptr where the text (up to `end`) is not valid there. Every byte is
// looked at once; nothing is allocated; nothing recurses.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "wire/json_text.hpp"

namespace understudy::wire::scan {

[[nodiscard]] inline const char* skip_space(const char* at, const char* end) {
  while (at != end && (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t')) ++at;
  return at;
}

/// Bytes that stand for themselves inside a string, in JSON and in any writer of it: ASCII, but no
/// control, quote, backslash or byte `besides`.
template <char Besides = '"'>
[[nodiscard]] const char* skip_plain(const char* at, const char* end);

/// `at` is the opening quote.
[[nodiscard]] const char* skip_string(const char* at, const char* end);

/// A member's key, the colon and the white space around it. Fills in all of `member` but the value.
[[nodiscard]] const char* skip_key(const char* at, const char* end, json_member& member);

/// Any value without white space before it; containers nested at most `depth_max`, which is at
/// most json_depth_max.
[[nodiscard]] const char* skip_value(const char* at, const char* end, unsigned depth_max);

/// Steps over `text` if it is what comes next. Its length is known to the compiler, which compares
/// some words instead of calling memcmp.
template <std::size_t Size>
[[nodiscard]] bool skip_text(const char*& at, const char* end, const char (&text)[Size]) {
  constexpr std::size_t bytes = Size - 1;
  if (static_cast<std::size_t>(end - at) < bytes || std::memcmp(at, text, bytes) != 0) return false;
  at += bytes;
  return true;
}

// The first of eight bytes that is not plain; 8 if all are. The bit tricks are those of "Bit
// Twiddling Hacks" (zero in a word, byte less than n). A borrow can only mark bytes behind the
// first marked one, so the first is right.
template <char Besides>
[[nodiscard]] std::size_t find_special(const char* at) {
  static_assert(std::endian::native == std::endian::little, "the first byte is the lowest");
  constexpr std::uint64_t ones = 0x0101010101010101;
  constexpr std::uint64_t highs = ones * 0x80;
  std::uint64_t word = 0;
  std::memcpy(&word, at, sizeof word);
  const auto equals = [word](char c) {
    const std::uint64_t zero = word ^ (ones * static_cast<unsigned char>(c));
    return (zero - ones) & ~zero;
  };
  const std::uint64_t special =
      (((word - ones * 0x20) & ~word) | equals('"') | equals('\\') | equals(Besides) | word) &
      highs;
  return static_cast<std::size_t>(std::countr_zero(special)) / 8;
}

template <char Besides>
const char* skip_plain(const char* at, const char* end) {
  const bool wide = end - at >= 8;
  for (; end - at >= 8; at += 8) {
    const auto plain = find_special<Besides>(at);
    if (plain != 8) return at + plain;
  }
  // The rest with the last eight bytes: those before it are known to be plain.
  if (wide) return end - 8 + find_special<Besides>(end - 8);
  const auto plain = [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte >= 0x20 && byte < 0x80 && c != '"' && c != '\\' && c != Besides;
  };
  while (at != end && plain(*at)) ++at;
  return at;
}

}  // namespace understudy::wire::scan
