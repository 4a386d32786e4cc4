#include "coord/etcd/base64.hpp"

#include <algorithm>
#include <cstdint>

namespace understudy::coord::etcd {
namespace {

constexpr std::string_view alphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

}  // namespace

std::string to_base64(std::string_view bytes) {
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (; !bytes.empty(); bytes.remove_prefix(std::min<std::size_t>(3, bytes.size()))) {
    const std::size_t here = std::min<std::size_t>(3, bytes.size());
    std::uint32_t three = 0;
    for (std::size_t i = 0; i < 3; ++i) {
      three = three << 8U | (i < here ? static_cast<unsigned char>(bytes[i]) : 0U);
    }
    for (std::size_t i = 0; i < 4; ++i) {
      out += i <= here ? alphabet[three >> (18U - 6U * i) & 63U] : '=';
    }
  }
  return out;
}

std::optional<std::string> from_base64(std::string_view text) {
  std::string out;
  std::string_view digits = text.substr(0, text.find('='));
  std::uint32_t bits = 0;
  unsigned count = 0;
  for (const char c : digits) {
    const auto at = alphabet.find(c);
    if (at == std::string_view::npos) return std::nullopt;
    bits = bits << 6U | static_cast<std::uint32_t>(at);
    count += 6;
    if (count < 8) continue;
    count -= 8;
    out += static_cast<char>(bits >> count & 255U);
  }
  // The one text of these bytes: padding, and bits that stand for nothing, are as they should be.
  if (to_base64(out) != text) return std::nullopt;
  return out;
}

}  // namespace understudy::coord::etcd
