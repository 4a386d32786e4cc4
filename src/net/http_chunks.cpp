#include "net/http_chunks.hpp"

#include <algorithm>
#include <charconv>

#include "net/http_head.hpp"

namespace understudy::net {
namespace {

constexpr std::size_t line_bytes_max = 4096;
constexpr std::size_t trailer_bytes_max = 16384;
constexpr std::size_t size_digits_max = 15;  // any so many fit into 64 bits

bool is_printable(std::string_view text) {
  return std::ranges::none_of(text, [](char c) {
    return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f;
  });
}

}  // namespace

// True once `line_` is complete, or too long to become so.
bool http_chunk_reader::take_line(std::string_view& bytes) {
  const auto end = bytes.find('\n');
  const auto taken = end == std::string_view::npos ? bytes.size() : end + 1;
  line_.append(bytes.substr(0, taken));
  bytes.remove_prefix(taken);
  return end != std::string_view::npos || line_.size() > line_bytes_max;
}

http_chunk_reader::state http_chunk_reader::read(std::string_view& bytes, std::string& body) {
  while (!bytes.empty()) {
    if (step_ == step::data) {
      const auto part = bytes.substr(0, std::min<std::uint64_t>(left_, bytes.size()));
      body.append(part);
      bytes.remove_prefix(part.size());
      left_ -= part.size();
      if (left_ == 0) step_ = step::data_end;
      continue;
    }
    const bool whole = take_line(bytes);
    // A peer that sends more than it said may wait for the answer before it sends a line end.
    if (step_ == step::data_end && !std::string_view("\r\n").starts_with(line_)) return state::bad;
    if (!whole) return state::more;
    const auto result = line_read(body.size());
    if (result != state::more) return result;
    line_.clear();
  }
  return state::more;
}

http_chunk_reader::state http_chunk_reader::line_read(std::size_t body_bytes) {
  if (line_.size() > line_bytes_max || !line_.ends_with("\r\n")) return state::bad;
  line_.resize(line_.size() - 2);
  if (!is_printable(line_)) return state::bad;
  if (step_ == step::size) return read_size(body_bytes);
  if (step_ == step::data_end) {
    step_ = step::size;
    return state::more;
  }
  if (line_.empty()) return state::done;
  trailer_bytes_ += line_.size();
  if (trailer_bytes_ > trailer_bytes_max || !http_field_valid(line_)) return state::bad;
  return state::more;
}

http_chunk_reader::state http_chunk_reader::read_size(std::size_t body_bytes) {
  const auto digits = std::string_view(line_).substr(0, line_.find(';'));
  if (digits.empty() || digits.size() > size_digits_max) return state::bad;
  const auto [stop, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), left_, 16);
  if (error != std::errc() || stop != digits.data() + digits.size()) return state::bad;
  if (left_ > body_bytes_max_ || body_bytes > body_bytes_max_ - left_) return state::too_large;
  step_ = left_ == 0 ? step::trailer : step::data;
  return state::more;
}

}  // namespace understudy::net
