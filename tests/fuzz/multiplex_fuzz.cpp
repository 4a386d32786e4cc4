// What opens a shared connection, and the numbers of its messages: both sides read what we write.
#include <cstdint>
#include <string>
#include <string_view>

#include "fuzz_check.hpp"
#include "wire/frame.hpp"
#include "wire/json_text.hpp"
#include "wire/multiplex.hpp"

namespace {

using namespace understudy::wire;

void check_request(std::string_view body) {
  const auto read = parse_multiplex_request(body);
  if (!read) return;
  FUZZ_CHECK(json_valid(body));
  FUZZ_CHECK(read->message_bytes_max > 0);
  std::string written;
  append_multiplex_request(written, *read);
  const auto again = parse_multiplex_request(written);
  FUZZ_CHECK(again && again->message_bytes_max == read->message_bytes_max);
  FUZZ_CHECK(again->file_bytes_max == read->file_bytes_max);
}

void check_grant(std::string_view body) {
  const auto read = parse_answer(body);
  const auto granted = read ? parse_multiplex_grant(*read) : std::nullopt;
  if (!granted) return;
  FUZZ_CHECK(granted->calls_max > 0 && granted->message_bytes_max > 0);
  std::string result;
  append_multiplex_grant(result, *granted);
  std::string written;
  append_result(written, result);
  const auto answer = parse_answer(written);
  FUZZ_CHECK(answer.has_value());
  const auto again = parse_multiplex_grant(*answer);
  FUZZ_CHECK(again && again->calls_max == granted->calls_max);
  FUZZ_CHECK(again->message_bytes_max == granted->message_bytes_max);
}

void check_number(std::string_view message) {
  const auto cut = split_number(message);
  FUZZ_CHECK(cut.has_value() == (message.size() >= call_number_bytes));
  if (!cut) return;
  std::string written;
  append_numbered_frame(written, cut->body, cut->number);
  FUZZ_CHECK(std::string_view(written).substr(frame_header_bytes) == message);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  check_request(text);
  check_grant(text);
  check_number(text);
  return 0;
}
