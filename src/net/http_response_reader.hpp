// Cuts a byte stream into HTTP/1.1 responses to POST and GET. No I/O.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "net/http_chunks.hpp"
#include "net/http_head.hpp"
#include "net/receive_buffer.hpp"

namespace understudy::net {

/// One response at a time: begin(), then prepare() and commit() until the state is not `more`, or
/// the peer has ended and end() says what that makes of it. Memory: the head within its limit, the
/// body within its own, and one read. Not thread-safe.
class http_response_reader {
 public:
  enum class state : std::uint8_t {
    more,
    done,
    too_large,  ///< the body is larger than its limit
    bad,        ///< what came is no response, or none that everybody would read alike
  };

  http_response_reader(std::size_t head_bytes_max, std::size_t body_bytes_max);

  /// For the next response. `bodyless`: it answers a HEAD.
  void begin(bool bodyless = false);
  [[nodiscard]] std::span<char> prepare();
  [[nodiscard]] state commit(std::size_t bytes);
  /// The peer has ended the stream: `done` where that is how the body ends, else `bad`.
  [[nodiscard]] state end();

  /// Once done, until begin().
  [[nodiscard]] const http_response_head& head() const { return head_; }
  [[nodiscard]] std::string_view body() const;
  /// Once done: the peer keeps the connection, and no byte stands behind the response.
  [[nodiscard]] bool reusable() const;

 private:
  enum class framing : std::uint8_t { none, head, length, chunked, until_end, done };

  [[nodiscard]] state read_head();
  [[nodiscard]] state head_read(std::size_t head_bytes);
  [[nodiscard]] state read_body();

  const std::size_t head_bytes_max_;
  const std::size_t body_bytes_max_;
  receive_buffer buffer_;
  http_response_head head_;
  std::string head_text_;  ///< what head_ points into
  framing framing_ = framing::none;
  bool bodyless_ = false;
  unsigned interim_ = 0;  ///< responses before the final one
  std::size_t searched_ = 0;
  std::uint64_t length_ = 0;  ///< of the body, as said
  std::optional<http_chunk_reader> chunks_;
  std::string decoded_;  ///< the body that came in chunks
};

}  // namespace understudy::net
