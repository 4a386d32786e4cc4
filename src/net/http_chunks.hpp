// Takes the chunked coding off a body (RFC 9112 section 7.1), strictly and without I/O.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace understudy::net {

/// For one body. Takes no shape that another implementation could read differently: sizes are
/// hexadecimal digits alone, lines end with CR LF, chunks are as long as they say. Extensions and
/// trailers are dropped; both are bounded. Not thread-safe.
class http_chunk_reader {
 public:
  enum class state : std::uint8_t { more, done, bad, too_large };

  explicit http_chunk_reader(std::size_t body_bytes_max) : body_bytes_max_(body_bytes_max) {}

  /// Takes bytes off the front of `bytes`, all that it can use, and appends data to `body`. What
  /// is left once it is done belongs to the next message. All but `more` is final.
  [[nodiscard]] state read(std::string_view& bytes, std::string& body);

 private:
  enum class step : std::uint8_t { size, data, data_end, trailer };

  [[nodiscard]] bool take_line(std::string_view& bytes);
  [[nodiscard]] state line_read(std::size_t body_bytes);
  [[nodiscard]] state read_size(std::size_t body_bytes);

  std::size_t body_bytes_max_;
  step step_ = step::size;
  std::uint64_t left_ = 0;         ///< of the chunk's data
  std::size_t trailer_bytes_ = 0;  ///< of all trailer lines
  std::string line_;               ///< as far as it has come, line end included
};

}  // namespace understudy::net
