// A conversation that is cut into reads in any way ends in the same state as one that is not, with
// the same bytes forwarded; and what cannot be read never counts as resting.
// Input: two bytes that say how to cut, then pieces: who speaks (lowest bit) and how much, the
// bytes.
#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "fuzz_check.hpp"
#include "net/sql_conversation.hpp"

namespace {

using namespace understudy::net;

struct part {
  bool client;
  std::string_view bytes;
};

std::vector<part> parts_of(std::string_view input) {
  std::vector<part> out;
  while (!input.empty()) {
    const auto head = static_cast<std::uint8_t>(input[0]);
    const std::size_t size = std::min<std::size_t>(head >> 1, input.size() - 1);
    out.push_back({(head & 1) != 0, input.substr(1, size)});
    input.remove_prefix(1 + size);
  }
  return out;
}

struct found {
  std::string forwarded;
  std::string left;
  bool over = false;
  bool ahead = false;  ///< the server spoke while something of the client's was held back
  bool rests = false;
  bool in_transaction = false;
  bool readable = false;
  bool operator==(const found&) const = default;
};

/// Takes the client's bytes as a session does: until it is to wait, or to end.
void take(sql_conversation& talk, found& now) {
  while (!now.over) {
    const sql_step step = talk.from_client(now.left, false, true);
    if (step.what == sql_step::kind::forward) {
      FUZZ_CHECK(step.bytes > 0 && step.bytes <= now.left.size());
      now.forwarded += now.left.substr(0, step.bytes);
    } else if (step.what == sql_step::kind::refuse) {
      FUZZ_CHECK(step.bytes >= sql_header_bytes && step.bytes <= now.left.size());
      FUZZ_CHECK(talk.resting());
    } else {
      now.over = step.what == sql_step::kind::end;
      return;
    }
    now.left.erase(0, step.bytes);
  }
}

found follow(const std::vector<part>& parts, std::size_t piece, std::uint32_t seed) {
  sql_conversation talk({});
  found now;
  for (part each : parts) {
    now.ahead = now.ahead || (!each.client && !now.left.empty());
    while (!each.bytes.empty() && !now.over) {
      seed = seed * 1664525 + 1013904223;
      const std::size_t wanted = piece != 0 ? piece : 1 + (seed >> 16) % 20;
      const std::string_view bytes = each.bytes.substr(0, wanted);
      each.bytes.remove_prefix(bytes.size());
      if (each.client) {
        now.left += bytes;
      } else {
        talk.from_server(bytes);
      }
      take(talk, now);
    }
  }
  now.rests = talk.resting();
  now.in_transaction = talk.in_transaction();
  now.readable = talk.readable();
  FUZZ_CHECK(now.readable || (!now.rests && now.in_transaction));
  return now;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const auto parts = parts_of({reinterpret_cast<const char*>(data) + 2, size - 2});
  const found whole = follow(parts, 256, 0);
  const found pieces = follow(parts, data[0] % 16, data[1]);
  // What was held back may go before or after an answer, and then mean another thing.
  if (!whole.ahead && !pieces.ahead) FUZZ_CHECK(pieces == whole);
  return 0;
}
