// A response means one thing only, however it is cut: whole or in pieces.
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "fuzz_check.hpp"
#include "net/http_response_reader.hpp"

namespace {

using namespace understudy::net;
using state = http_response_reader::state;

constexpr std::size_t head_bytes_max = 1024;
constexpr std::size_t body_bytes_max = 2048;

struct outcome {
  state ended = state::more;
  int status = 0;
  std::string body;
  bool reusable = false;
  bool operator==(const outcome&) const = default;
};

outcome read(std::string_view bytes, std::size_t cut) {
  http_response_reader reader(head_bytes_max, body_bytes_max);
  reader.begin();
  outcome out;
  while (out.ended == state::more && !bytes.empty()) {
    const auto room = reader.prepare();
    FUZZ_CHECK(!room.empty());
    const auto part = bytes.substr(0, std::min(cut, room.size()));
    std::memcpy(room.data(), part.data(), part.size());
    bytes.remove_prefix(part.size());
    out.ended = reader.commit(part.size());
  }
  if (out.ended == state::more) out.ended = reader.end();
  FUZZ_CHECK(out.ended != state::more);
  if (out.ended != state::done) {
    FUZZ_CHECK(!reader.reusable());
    return out;
  }
  out.status = reader.head().status;
  out.body = reader.body();
  FUZZ_CHECK(out.status >= 200 && out.status < 1000 && out.body.size() <= body_bytes_max);
  const auto& head = reader.head();
  FUZZ_CHECK(!head.chunked || !head.content_length);
  // What stands behind it is known only if it came at once: `reusable` depends on that.
  out.reusable = reader.reusable() && bytes.empty();
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const outcome whole = read(text, text.size());
  for (const std::size_t cut : {1U, 2U, 7U}) FUZZ_CHECK(read(text, cut) == whole);
  return 0;
}
