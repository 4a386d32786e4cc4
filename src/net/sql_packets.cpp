#include "net/sql_packets.hpp"

#include <algorithm>

namespace understudy::net {
namespace {

constexpr std::size_t eof_bytes = 5;

std::uint8_t byte_at(std::string_view bytes, std::size_t at) {
  return static_cast<std::uint8_t>(bytes[at]);
}

void append_number(std::string& out, std::uint64_t number, std::size_t size) {
  for (std::size_t i = 0; i < size; ++i) out += static_cast<char>(number >> (8 * i));
}

}  // namespace

std::uint64_t sql_number(std::string_view bytes, std::size_t at, std::size_t size) {
  if (at + size > bytes.size()) return 0;
  std::uint64_t out = 0;
  for (std::size_t i = size; i-- > 0;) out = out << 8 | byte_at(bytes, at + i);
  return out;
}

std::uint32_t sql_packet_length(std::string_view header) {
  return static_cast<std::uint32_t>(sql_number(header, 0, 3));
}

std::optional<std::uint64_t> sql_length(std::string_view bytes, std::size_t& at) {
  if (at >= bytes.size()) return std::nullopt;
  const std::uint8_t first = byte_at(bytes, at);
  std::size_t size = 0;
  switch (first) {
    case 0xFB:
    case 0xFF:
      return std::nullopt;
    case 0xFC:
      size = 2;
      break;
    case 0xFD:
      size = 3;
      break;
    case 0xFE:
      size = 8;
      break;
    default:
      ++at;
      return first;
  }
  if (at + 1 + size > bytes.size()) return std::nullopt;
  const std::uint64_t out = sql_number(bytes, at + 1, size);
  at += 1 + size;
  return out;
}

std::optional<std::uint64_t> sql_greeting_can(std::string_view payload) {
  if (payload.empty() || payload[0] != 10) return std::nullopt;
  const auto version_end = payload.find('\0', 1);
  if (version_end == std::string_view::npos) return std::nullopt;
  // The connection's number, 8 bytes of the challenge, and a filler.
  const std::size_t low = version_end + 1 + 4 + 8 + 1;
  if (low + 2 > payload.size()) return std::nullopt;
  std::uint64_t can = sql_number(payload, low, 2);
  // Character set and status come between; behind: the challenge's length, and 6 bytes of nothing.
  const std::size_t high = low + 2 + 1 + 2;
  can |= sql_number(payload, high, 2) << 16;
  if ((can & sql_can::speak_mysql) == 0) can |= sql_number(payload, high + 2 + 1 + 6, 4) << 32;
  return can;
}

std::uint64_t sql_login_can(std::string_view payload) {
  std::uint64_t can = sql_number(payload, 0, 4);
  // Behind the largest packet's size, the character set, and 19 bytes of nothing.
  if ((can & sql_can::speak_mysql) == 0) can |= sql_number(payload, 4 + 4 + 1 + 19, 4) << 32;
  return can;
}

std::optional<std::uint16_t> sql_status_of(std::string_view head, std::uint64_t length) {
  if (head.empty()) return std::nullopt;
  std::size_t at = 1;
  if (byte_at(head, 0) == 0xFE && length == eof_bytes) {
    at += 2;  // the number of warnings
  } else {
    // Affected rows, and the last id given.
    if (!sql_length(head, at) || !sql_length(head, at)) return std::nullopt;
  }
  if (at + 2 > head.size()) return std::nullopt;
  return static_cast<std::uint16_t>(sql_number(head, at, 2));
}

std::string sql_error(std::uint8_t sequence, std::uint16_t code, std::string_view state,
                      std::string_view text) {
  std::string out;
  const std::size_t length = 1 + 2 + (state.empty() ? 0 : 1 + state.size()) + text.size();
  append_number(out, length, 3);
  out += static_cast<char>(sequence);
  out += '\xFF';
  append_number(out, code, 2);
  if (!state.empty()) out.append("#").append(state);
  return out.append(text);
}

sql_cutter::taken sql_cutter::take(std::string_view bytes) {
  std::size_t at = 0;
  while (at < bytes.size()) {
    if (header_taken_ < sql_header_bytes) {
      if (between_) {
        between_ = false;
        kept_ = 0;
        length_ = 0;
      }
      header_[header_taken_++] = bytes[at++];
      if (header_taken_ < sql_header_bytes) continue;
      left_ = sql_packet_length({header_.data(), header_.size()});
      goes_on_ = left_ == sql_packet_bytes_max;
      length_ += left_;
    }
    const std::size_t part = std::min<std::size_t>(left_, bytes.size() - at);
    const std::size_t kept = std::min(part, keep_ - std::min(keep_, kept_));
    std::copy_n(bytes.data() + at, kept, head_.data() + kept_);
    kept_ += kept;
    at += part;
    left_ -= static_cast<std::uint32_t>(part);
    if (left_ > 0) break;
    header_taken_ = 0;
    if (goes_on_) continue;
    between_ = true;
    return {at, true};
  }
  return {at, false};
}

}  // namespace understudy::net
