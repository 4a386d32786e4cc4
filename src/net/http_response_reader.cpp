#include "net/http_response_reader.hpp"

#include <algorithm>

namespace understudy::net {
namespace {

constexpr std::size_t read_bytes = 16384;
constexpr std::size_t read_bytes_bulk = 262144;
constexpr std::size_t kept_bytes = 65536;  // a larger buffer goes with the response it was for
constexpr unsigned interim_max = 8;

bool begins_as_response(std::string_view text) {
  constexpr std::string_view version = "HTTP/1.";
  return version.starts_with(text.substr(0, version.size()));
}

}  // namespace

http_response_reader::http_response_reader(std::size_t head_bytes_max, std::size_t body_bytes_max)
    : head_bytes_max_(head_bytes_max), body_bytes_max_(body_bytes_max) {}

void http_response_reader::begin(bool bodyless) {
  if (framing_ == framing::done && !chunks_) buffer_.consume(static_cast<std::size_t>(length_));
  if (buffer_.capacity() > kept_bytes) buffer_.release();
  framing_ = framing::head;
  bodyless_ = bodyless;
  interim_ = 0;
  searched_ = 0;
  length_ = 0;
  chunks_.reset();
  std::string().swap(decoded_);  // to assign would keep the memory
}

std::span<char> http_response_reader::prepare() {
  return buffer_.prepare(buffer_.size() > read_bytes ? read_bytes_bulk : read_bytes);
}

http_response_reader::state http_response_reader::commit(std::size_t bytes) {
  buffer_.commit(bytes);
  return framing_ == framing::head ? read_head() : read_body();
}

http_response_reader::state http_response_reader::read_head() {
  for (;;) {
    const auto end = http_head_end(buffer_.data(), searched_);
    if (end && *end <= head_bytes_max_) {
      const auto result = head_read(*end);
      if (framing_ != framing::head || result != state::more) return result;
      continue;  // an interim response: the next one may be there
    }
    if (end || buffer_.size() >= head_bytes_max_) return state::bad;
    // A peer that speaks something else may never send a line end.
    if (!begins_as_response(buffer_.data())) return state::bad;
    if (http_bare_line_feed(buffer_.data(), searched_)) return state::bad;
    searched_ = buffer_.size();
    return state::more;
  }
}

http_response_reader::state http_response_reader::head_read(std::size_t head_bytes) {
  head_text_.assign(buffer_.data().substr(0, head_bytes));
  if (read_http_head(head_text_, head_)) return state::bad;
  buffer_.consume(head_bytes);
  searched_ = 0;
  if (head_.status < 200) {
    // 101: nobody asked to go on in another protocol.
    const bool wrong = head_.status == 101 || head_.chunked || head_.content_length;
    return wrong || ++interim_ > interim_max ? state::bad : state::more;
  }
  if (bodyless_ || head_.status == 204 || head_.status == 304) {
    framing_ = framing::length;
  } else if (head_.chunked) {
    framing_ = framing::chunked;
    chunks_.emplace(body_bytes_max_);
  } else if (head_.content_length) {
    framing_ = framing::length;
    length_ = *head_.content_length;
    if (length_ > body_bytes_max_) return state::too_large;
  } else {
    framing_ = framing::until_end;
  }
  return read_body();
}

http_response_reader::state http_response_reader::read_body() {
  switch (framing_) {
    case framing::length:
      if (buffer_.size() < length_) return state::more;
      break;
    case framing::until_end:
      return buffer_.size() > body_bytes_max_ ? state::too_large : state::more;
    case framing::chunked: {
      auto bytes = buffer_.data();
      const auto before = bytes.size();
      const auto result = chunks_->read(bytes, decoded_);
      buffer_.consume(before - bytes.size());
      if (result == http_chunk_reader::state::more) return state::more;
      if (result == http_chunk_reader::state::bad) return state::bad;
      if (result == http_chunk_reader::state::too_large) return state::too_large;
      break;
    }
    default:
      return state::bad;  // nobody waits for a response
  }
  framing_ = framing::done;
  return state::done;
}

http_response_reader::state http_response_reader::end() {
  if (framing_ != framing::until_end) return state::bad;
  length_ = buffer_.size();
  head_.keep_alive = false;
  framing_ = framing::done;
  return state::done;
}

std::string_view http_response_reader::body() const {
  return chunks_ ? std::string_view(decoded_)
                 : buffer_.data().substr(0, static_cast<std::size_t>(length_));
}

bool http_response_reader::reusable() const {
  return framing_ == framing::done && head_.keep_alive &&
         buffer_.size() == (chunks_ ? 0 : static_cast<std::size_t>(length_));
}

}  // namespace understudy::net
