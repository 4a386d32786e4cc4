// A stream cut into reads in any way gives the frames that it gives whole, within the limits.
// Input: two bytes that say how to cut, then the stream.
#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "fuzz_check.hpp"
#include "wire/frame.hpp"

namespace {

using namespace understudy::wire;

constexpr frame_limits limits{.message_bytes_max = 600, .file_bytes_max = 900, .files_max = 5};

struct content {
  std::vector<std::pair<frame_type, std::string>> frames;
  std::string refusal;
  std::size_t rest = 0;
};

// Reads of `piece` bytes; where that is 0, of pseudo-random sizes.
content read(std::string_view stream, std::size_t piece, std::uint32_t seed) {
  content found;
  frame_reader reader(limits);
  while (!stream.empty()) {
    seed = seed * 1664525 + 1013904223;
    const std::size_t wanted = piece != 0 ? piece : 1 + (seed >> 16) % 300;
    const std::size_t size = std::min(wanted, stream.size());
    const auto room = reader.prepare(size);
    FUZZ_CHECK(room.size() >= size);
    std::copy_n(stream.begin(), size, room.begin());
    reader.commit(size);
    stream.remove_prefix(size);
    for (;;) {
      const frame_result result = reader.next();
      if (const auto* error = std::get_if<frame_error>(&result)) {
        found.refusal = error->message;
        return found;
      }
      if (std::holds_alternative<need_more>(result)) break;
      const auto& [type, body] = std::get<frame>(result);
      found.frames.emplace_back(type, body);
    }
  }
  found.rest = reader.buffered();
  return found;
}

void check_limits(const content& found) {
  std::size_t files = 0;
  std::size_t file_bytes = 0;
  for (const auto& [type, body] : found.frames) {
    if (type == frame_type::message) {
      FUZZ_CHECK(body.size() <= limits.message_bytes_max);
      files = file_bytes = 0;
    } else {
      FUZZ_CHECK(type == frame_type::file);
      FUZZ_CHECK(++files <= limits.files_max);
      FUZZ_CHECK((file_bytes += body.size()) <= limits.file_bytes_max);
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const std::string_view stream(reinterpret_cast<const char*>(data) + 2, size - 2);
  const content whole = read(stream, stream.size(), 0);
  const content pieces = read(stream, data[0], data[1]);
  FUZZ_CHECK(pieces.frames == whole.frames);
  FUZZ_CHECK(pieces.refusal == whole.refusal);
  FUZZ_CHECK(pieces.rest == whole.rest);
  check_limits(whole);

  std::string written;
  for (const auto& [type, body] : whole.frames) append_frame(written, type, body);
  FUZZ_CHECK(stream.starts_with(written));
  if (whole.refusal.empty()) FUZZ_CHECK(written.size() + whole.rest == stream.size());
  return 0;
}
