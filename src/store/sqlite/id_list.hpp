// Many ids in one column of one row.
#pragma once

#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <vector>

namespace understudy::store::sqlite {

/// As they are bound and read: 8 bytes each, of this machine's order (a file is not moved to
/// another architecture).
[[nodiscard]] inline std::span<const std::uint8_t> bytes_of(std::span<const std::int64_t> ids) {
  return {reinterpret_cast<const std::uint8_t*>(ids.data()), ids.size_bytes()};
}

[[nodiscard]] inline std::vector<std::int64_t> ids_of(std::string_view bytes) {
  std::vector<std::int64_t> out(bytes.size() / sizeof(std::int64_t));
  if (!out.empty()) std::memcpy(out.data(), bytes.data(), out.size() * sizeof(std::int64_t));
  return out;
}

}  // namespace understudy::store::sqlite
