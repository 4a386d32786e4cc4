// A head and a target are refused with a sentence, or mean one thing only.
#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

#include "fuzz_check.hpp"
#include "net/http_head.hpp"

namespace {

using namespace understudy::net;

constexpr std::size_t target_bytes_max = 1024;

bool names_field(std::string_view line, std::string_view name) {
  return http_same_name(line.substr(0, line.find(':')), name);
}

// What an accepted head may not leave open: where the request ends, and whom it is for.
void check_accepted(std::string_view head) {
  unsigned hosts = 0;
  unsigned framings = 0;
  const auto end = head.find("\r\n\r\n");
  FUZZ_CHECK(end != std::string_view::npos);
  const auto text = head.substr(0, end + 2);
  for (std::size_t at = text.find('\n') + 1; at < text.size();) {
    const auto line = text.substr(at, text.find("\r\n", at) - at);
    FUZZ_CHECK(line.find_first_of("\r\n") == std::string_view::npos);
    FUZZ_CHECK(!line.starts_with(' ') && !line.starts_with('\t'));
    hosts += names_field(line, "host") ? 1 : 0;
    framings += names_field(line, "content-length") || names_field(line, "transfer-encoding");
    at += line.size() + 2;
  }
  FUZZ_CHECK(framings <= 1 && hosts <= 1);
  FUZZ_CHECK(hosts == 1 || text.substr(0, text.find('\r')).ends_with(" HTTP/1.0"));
}

void check_target(std::string_view text) {
  const auto read = parse_http_target(text);
  if (!read) return;
  FUZZ_CHECK(!read->path.empty() && read->path.find('\0') == std::string::npos);
  const bool star = read->path == "*";
  FUZZ_CHECK(star || read->path.starts_with('/') || text.front() != '/');
  const std::string written = format_http_target(*read);
  FUZZ_CHECK(std::ranges::all_of(written, [](char c) { return c > 0x20 && c < 0x7f; }));
  const auto again = parse_http_target(written);
  FUZZ_CHECK(again && again->path == read->path && again->query == read->query);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  http_request_head head;
  if (const auto refusal = read_http_head(text, target_bytes_max, head)) {
    FUZZ_CHECK(refusal->status >= 400 && refusal->status < 600);
    FUZZ_CHECK(refusal->sentence.ends_with('.'));
  } else {
    check_accepted(text);
  }
  const auto first = text.find(' ');
  check_target(text.substr(0, text.find('\r')));
  if (first != std::string_view::npos) {
    check_target(text.substr(first + 1, text.find(' ', first + 1) - first - 1));
  }
  return 0;
}
