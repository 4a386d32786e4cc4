// A body is a request that can be written and read again, or gets an error fit to be sent.
#include <cstdint>
#include <string>
#include <string_view>
#include <understudy/error.hpp>

#include "fuzz_check.hpp"
#include "wire/frame.hpp"
#include "wire/json_text.hpp"
#include "wire/request.hpp"

namespace {

using namespace understudy;
using namespace understudy::wire;

void check_error(std::string_view body, const request_error& error) {
  FUZZ_CHECK(!error.message.empty() && error.message.size() < 2000);
  FUZZ_CHECK(utf8_valid(error.message));
  FUZZ_CHECK(error.id.empty() || json_valid(error.id));
  const std::int64_t expected = is_poison(body)     ? code::invalid_request
                                : !json_valid(body) ? code::parse_error
                                                    : code::invalid_params;
  FUZZ_CHECK(error.code == expected);
}

bool is_container(std::string_view value) {
  return json_valid(value) && (value.front() == '[' || value.front() == '{');
}

void check_request(std::string_view body, const request& read) {
  if (read.action_interface) {
    FUZZ_CHECK(body == action_interface_body);
    return;
  }
  FUZZ_CHECK(json_valid(body));
  FUZZ_CHECK(!read.service().empty() && !read.name().empty());
  FUZZ_CHECK(read.method == std::string(read.service()) + "@" + std::string(read.name()));
  FUZZ_CHECK(read.name().find('@') == std::string_view::npos);
  FUZZ_CHECK(utf8_valid(read.method));
  FUZZ_CHECK(is_container(read.params) && is_container(read.context));
  FUZZ_CHECK(read.id.empty() || json_valid(read.id));

  std::string written;
  append_request(written, read.method, read.params, read.context);
  const auto again = parse_request(written);
  const auto* const same = std::get_if<request>(&again);
  FUZZ_CHECK(same != nullptr && same->method == read.method && same->at == read.at);
  FUZZ_CHECK(same->params == read.params && same->context == read.context);
}

// White space before a body keeps the short way, for what the real client writes, from reading it.
void check_short_way(std::string_view body, const std::variant<request, request_error>& result) {
  if (body == action_interface_body || is_poison(body)) return;
  const std::string spaced = " " + std::string(body);
  const auto general = parse_request(spaced);
  FUZZ_CHECK(result.index() == general.index());
  if (const auto* error = std::get_if<request_error>(&result)) {
    FUZZ_CHECK(error->code == std::get<request_error>(general).code);
    return;
  }
  const auto& a = std::get<request>(result);
  const auto& b = std::get<request>(general);
  FUZZ_CHECK(a.method == b.method && a.at == b.at && a.id == b.id);
  FUZZ_CHECK(a.params == b.params && a.context == b.context);
  if (a.element_count == 0) return;
  std::size_t index = 0;
  for_each_member(a.params, [&](const json_member& member) {
    FUZZ_CHECK(index < a.element_count && a.elements[index++] == member.value);
    return true;
  });
  FUZZ_CHECK(index == a.element_count);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  const auto result = parse_request(body);
  check_short_way(body, result);
  if (const auto* error = std::get_if<request_error>(&result)) {
    check_error(body, *error);
  } else {
    check_request(body, std::get<request>(result));
  }
  return 0;
}
