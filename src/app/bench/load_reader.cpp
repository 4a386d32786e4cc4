#include "app/bench/load_reader.hpp"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <optional>

#include "net/http_head.hpp"

namespace understudy::app {

namespace {

constexpr std::size_t read_bytes = 16384;
constexpr std::size_t head_bytes_max = 65536;
constexpr std::size_t body_bytes_max = std::size_t{64} << 20;

/// `head`: from the status line to the end of the last header, its line end included. Nothing:
/// where the body ends is not said, or not in a way that is known here.
std::optional<std::size_t> body_bytes_of(std::string_view head) {
  constexpr std::string_view line_end = "\r\n";
  if (!head.starts_with("HTTP/1.1 ")) return std::nullopt;
  std::optional<std::size_t> found;
  if (head.starts_with("HTTP/1.1 204")) found = 0;
  head.remove_prefix(head.find(line_end) + line_end.size());
  while (!head.empty()) {
    const std::string_view line = head.substr(0, head.find(line_end));
    head.remove_prefix(line.size() + line_end.size());
    const std::size_t colon = line.find(':');
    if (colon == line.npos || !net::http_same_name(line.substr(0, colon), "Content-Length")) {
      continue;
    }
    const std::size_t digits = line.find_first_not_of(" \t", colon + 1);
    if (found || digits == line.npos) return std::nullopt;
    const char* const end = line.data() + line.size();
    found = 0;
    const auto [rest, error] = std::from_chars(line.data() + digits, end, *found);
    if (error != std::errc{} || rest != end || *found > body_bytes_max) return std::nullopt;
  }
  return found;
}

}  // namespace

std::span<char> load_http_reader::prepare() {
  if (begin_ == end_) {
    begin_ = end_ = 0;
  } else if (begin_ > 0) {
    std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  if (buffer_.size() - end_ < read_bytes) buffer_.resize(std::max(2 * end_, end_ + read_bytes));
  return std::span(buffer_).subspan(end_);
}

load_answer load_http_reader::next() {
  const std::string_view bytes(buffer_.data() + begin_, end_ - begin_);
  const std::size_t last_line = bytes.find("\r\n\r\n");
  if (last_line == bytes.npos) {
    if (bytes.size() > head_bytes_max) return load_nonsense{};
    return {};
  }
  const auto body_bytes = body_bytes_of(bytes.substr(0, last_line + 2));
  if (!body_bytes) return load_nonsense{};
  const std::size_t body_at = last_line + 4;
  if (bytes.size() - body_at < *body_bytes) return {};
  begin_ += body_at + *body_bytes;
  return load_body{bytes.substr(body_at, *body_bytes)};
}

load_reader::load_reader(load_protocol protocol) {
  if (protocol == load_protocol::http) reader_.emplace<load_http_reader>();
}

std::span<char> load_reader::prepare() {
  return std::visit([](auto& reader) { return reader.prepare(); }, reader_);
}

void load_reader::commit(std::size_t bytes) {
  std::visit([&](auto& reader) { reader.commit(bytes); }, reader_);
}

load_answer load_reader::next() {
  if (auto* const http = std::get_if<load_http_reader>(&reader_)) return http->next();
  auto& frames = std::get<wire::frame_reader>(reader_);
  while (true) {
    const auto result = frames.next();
    if (std::holds_alternative<wire::need_more>(result)) return {};
    const auto* const frame = std::get_if<wire::frame>(&result);
    if (frame == nullptr) return load_nonsense{};
    if (frame->type == wire::frame_type::message) return load_body{frame->body};
  }
}

}  // namespace understudy::app
