// An answer that was accepted can be passed on under another id and reads the same.
#include <cstdint>
#include <string>
#include <string_view>

#include "fuzz_check.hpp"
#include "wire/answer.hpp"
#include "wire/json_text.hpp"

namespace {

using namespace understudy::wire;

void check_answer(std::string_view body, const answer& read) {
  FUZZ_CHECK(json_valid(body));
  FUZZ_CHECK(read.is_error() != read.error.empty());
  FUZZ_CHECK(json_valid(read.is_error() ? read.error : read.result));
  if (read.is_error()) {
    FUZZ_CHECK(json_valid(read.message) && kind_of(read.message) == json_kind::string);
    FUZZ_CHECK(read.data.empty() || json_valid(read.data));
  }

  std::string written;
  append_with_id(written, read, "17");
  FUZZ_CHECK(find_member(written, "id") == "17");
  const auto same = parse_answer(written);
  FUZZ_CHECK(same && same->result == read.result && same->error == read.error);
  FUZZ_CHECK(same->code == read.code && same->message == read.message && same->data == read.data);
  FUZZ_CHECK(same->is_file() == read.is_file());
}

// There is a short way for answers as the real server writes them: one space more, and the general
// way has to read the same.
void check_both_ways(std::string_view body) {
  if (!body.starts_with('{')) return;
  std::string spaced = "{ ";
  spaced += body.substr(1);
  const auto one = parse_answer(body);
  const auto other = parse_answer(spaced);
  FUZZ_CHECK(one.has_value() == other.has_value());
  FUZZ_CHECK(!one || (one->result == other->result && one->error == other->error));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  if (const auto read = parse_answer(body)) check_answer(body, *read);
  check_both_ways(body);

  // The same bytes as the text of an error of our own.
  std::string written;
  append_error(written, -32001, body);
  const auto read = parse_answer(written);
  FUZZ_CHECK(read && read->code == -32001);
  FUZZ_CHECK((decode_string(read->message) == body) == utf8_valid(body));
  return 0;
}
