#include "db/log_events.hpp"

#include <algorithm>
#include <array>

namespace understudy::db {

namespace {

constexpr std::size_t header_size = 19;
constexpr std::size_t body_size_max = 65'536;

}  // namespace

std::uint64_t log_number(std::string_view from, std::size_t at, std::size_t size) {
  std::uint64_t out = 0;
  for (std::size_t i = 0; i < size && at + i < from.size(); ++i) {
    out |= std::uint64_t{static_cast<unsigned char>(from[at + i])} << (8 * i);
  }
  return out;
}

log_file::log_file(const std::filesystem::path& path) : in_(path, std::ios::binary) {
  in_.seekg(0, std::ios::end);
  size_ = static_cast<std::uint64_t>(std::max<std::streamoff>(in_.tellg(), 0));
  in_.seekg(0);
  std::array<char, 4> magic{};
  good_ = in_.read(magic.data(), magic.size()) &&
          std::string_view(magic.data(), magic.size()) == log_magic;
}

std::optional<log_event> log_file::next() {
  std::array<char, header_size> head{};
  if (at_ + header_size > size_) return std::nullopt;
  in_.seekg(static_cast<std::streamoff>(at_));
  if (!in_.read(head.data(), head.size())) return std::nullopt;
  const std::string_view header(head.data(), head.size());
  log_event out;
  out.at = at_;
  out.length = log_number(header, 9, 4);
  if (out.length < header_size || at_ + out.length > size_) return std::nullopt;
  out.type = static_cast<unsigned>(log_number(header, 4, 1));
  out.server = static_cast<std::uint32_t>(log_number(header, 5, 4));
  out.body.resize(std::min<std::size_t>(out.length - header_size, body_size_max));
  if (!in_.read(out.body.data(), static_cast<std::streamsize>(out.body.size()))) {
    return std::nullopt;
  }
  at_ += out.length;
  return out;
}

bool log_file::copy(const log_event& what, std::ostream& to) {
  std::string piece;
  in_.seekg(static_cast<std::streamoff>(what.at));
  for (std::uint64_t left = what.length; left > 0; left -= piece.size()) {
    constexpr std::uint64_t enough = 1U << 20U;
    piece.resize(std::min(left, enough));
    if (!in_.read(piece.data(), static_cast<std::streamsize>(piece.size()))) return false;
    to.write(piece.data(), static_cast<std::streamsize>(piece.size()));
  }
  return to.good();
}

}  // namespace understudy::db
