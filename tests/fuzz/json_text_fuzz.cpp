// Our scanner agrees with Boost.JSON; what is written is read back.
#include <boost/json.hpp>
#include <cstdint>
#include <string>
#include <string_view>

#include "fuzz_check.hpp"
#include "wire/json_text.hpp"

namespace {

using namespace understudy::wire;
namespace json = boost::json;

void check_against_boost(std::string_view text) {
  json::parse_options options;
  options.max_depth = json_depth_max;
  json::error_code error;
  const json::value value = json::parse(text, error, {}, options);
  if (error == json::error::exponent_overflow) return;  // valid JSON that Boost.JSON cannot hold
  FUZZ_CHECK(json_valid(text) == !error);
  if (error) return;

  const std::size_t first = text.find_first_not_of(" \t\r\n");
  const std::size_t last = text.find_last_not_of(" \t\r\n");
  text = text.substr(first, last + 1 - first);
  FUZZ_CHECK(utf8_valid(text));
  if (value.is_string()) FUZZ_CHECK(decode_string(text) == value.as_string());
  if (value.is_int64()) FUZZ_CHECK(decode_int(text) == value.as_int64());
  if (value.is_object()) {
    for (const auto& [key, member] : value.as_object()) {
      const auto found = find_member(text, {key.data(), key.size()});
      FUZZ_CHECK(found && json::parse(json::string_view(found->data(), found->size()), {},
                                      options) == member);
    }
  }
}

void check_members(std::string_view text) {
  member_reader members(text);
  std::size_t count = 0;
  for (json_member member; members.next(member); ++count) {
    FUZZ_CHECK(json_valid(member.value, json_depth_max - 1));
    FUZZ_CHECK(key_is(member, key_text(member)));
  }
  if (members.valid()) FUZZ_CHECK(json_valid(text));
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  if (first != std::string_view::npos && (text[first] == '{' || text[first] == '[')) {
    FUZZ_CHECK(members.valid() == json_valid(text));
  }
}

void check_strings(std::string_view text) {
  std::string written;
  append_string(written, text);
  FUZZ_CHECK(json_valid(written));
  FUZZ_CHECK((decode_string(written) == text) == utf8_valid(text));
  (void)decode_string(text);  // of no valid JSON: whatever, but safely
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  check_against_boost(text);
  check_members(text);
  check_strings(text);
  return 0;
}
