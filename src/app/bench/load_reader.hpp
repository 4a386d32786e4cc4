// Cuts what a load's connection receives into answers, whichever protocol it speaks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <variant>
#include <vector>

#include "wire/frame.hpp"

namespace understudy::app {

enum class load_protocol : std::uint8_t {
  frames,
  http,  ///< POST on connections that stay
};

struct load_body {
  std::string_view text;  ///< valid until the next prepare()
};
/// The stream cannot be read on.
struct load_nonsense {};
/// std::monostate: more bytes are needed.
using load_answer = std::variant<std::monostate, load_body, load_nonsense>;

/// Answers over HTTP, of any status, that say their length; Content-Length only, as chunked ones
/// are nothing a server of small answers sends. Memory: one answer of 64 MiB at most.
class load_http_reader {
 public:
  [[nodiscard]] std::span<char> prepare();
  void commit(std::size_t bytes) { end_ += bytes; }
  [[nodiscard]] load_answer next();

 private:
  std::vector<char> buffer_;
  std::size_t begin_ = 0;  // of what was not returned yet
  std::size_t end_ = 0;    // of what was received
};

class load_reader {
 public:
  explicit load_reader(load_protocol protocol);

  /// Room for the next read, of which `bytes` were filled.
  [[nodiscard]] std::span<char> prepare();
  void commit(std::size_t bytes);
  /// Files in front of an answer are passed over.
  [[nodiscard]] load_answer next();

 private:
  std::variant<wire::frame_reader, load_http_reader> reader_;
};

}  // namespace understudy::app
