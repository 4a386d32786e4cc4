#include "wire/request.hpp"

#include <understudy/error.hpp>

#include "wire/frame.hpp"
#include "wire/json_text.hpp"
#include "wire/utf8.hpp"

namespace understudy::wire {
namespace {

constexpr std::size_t echo_bytes_max = 256;  // of received text in a message

std::string echo(std::string_view received) {
  return utf8_excerpt(received, echo_bytes_max);
}

// The members of a request that count, raw; empty where they were left out.
struct parts {
  std::string_view method;
  std::string_view params;
  std::string_view context;
  std::string_view id;

  void take(const json_member& member) {
    if (key_is(member, "method")) {
      method = member.value;
    } else if (key_is(member, "params")) {
      params = member.value;
    } else if (key_is(member, "context")) {
      context = member.value;
    } else if (key_is(member, "id")) {
      id = member.value;
    }
  }
};

// PHP's `??` takes null for absent.
bool left_out(std::string_view value) {
  return value.empty() || value == "null";
}

bool is_container(std::string_view value) {
  return kind_of(value) == json_kind::array || kind_of(value) == json_kind::object;
}

// What PHP's empty() says of a value that is not a string.
bool is_empty(std::string_view value) {
  switch (kind_of(value)) {
    case json_kind::boolean:
      return value == "false";
    case json_kind::number:
      return value.substr(0, value.find_first_of("eE")).find_first_of("123456789") ==
             std::string_view::npos;
    case json_kind::array:
    case json_kind::object: {
      json_member first;
      return !member_reader(value).next(first);
    }
    default:
      return left_out(value);
  }
}

bool is_empty_text(std::string_view text) {
  return text.empty() || text == "0";
}

// The text of a `method` that explode() would take.
std::string method_text(std::string_view raw) {
  if (kind_of(raw) == json_kind::string) return decode_string(raw);
  return raw == "true" ? "1" : std::string(raw);
}

// Fills in the method, or says what is wrong with it, in the real server's words.
std::string read_method(std::string_view raw, std::string_view body, request& into) {
  if (is_container(raw) && !is_empty(raw)) return "Method must be a string!";
  std::string text = method_text(raw);
  const bool none = kind_of(raw) == json_kind::string ? is_empty_text(text) : is_empty(raw);
  if (none) return "Method(" + echo(body) + ") cant not be empty!";

  const std::size_t at = text.find('@');
  if (at == std::string::npos) return "Method(" + echo(text) + ") is bad format!";
  const std::string_view service = std::string_view(text).substr(0, at);
  const std::size_t second = text.find('@', at + 1);
  const std::string_view name = std::string_view(text).substr(at + 1, second - at - 1);
  if (is_empty_text(service) || is_empty_text(name)) {
    return "Interface(" + echo(service) + ") or Method(" + echo(text) + ") can not be empty!";
  }
  if (second != std::string::npos) text.resize(second);
  into.method = std::move(text);
  into.at = at;
  return {};
}

}  // namespace

std::variant<request, request_error> parse_request(std::string_view body) {
  request result;
  if (body == action_interface_body) {
    result.action_interface = true;
    return result;
  }
  if (is_poison(body)) {
    return request_error{code::invalid_request, "the message is empty", {}};
  }

  parts found;
  member_reader members(body);
  for (json_member member; members.next(member);) found.take(member);
  if (!members.valid() && !json_valid(body)) {
    return request_error{code::parse_error, "Data(" + echo(body) + ") is not json format!", {}};
  }

  std::string wrong = read_method(found.method, body, result);
  if (wrong.empty() && !left_out(found.params) && !is_container(found.params)) {
    wrong = "params must be an array or an object";
  }
  if (wrong.empty() && !left_out(found.context) && !is_container(found.context)) {
    wrong = "context must be an array or an object";
  }
  if (!wrong.empty()) return request_error{code::invalid_params, std::move(wrong), found.id};

  if (!left_out(found.params)) result.params = found.params;
  if (!left_out(found.context)) result.context = found.context;
  result.id = found.id;
  return result;
}

void append_request(std::string& out, std::string_view method, std::string_view params,
                    std::string_view context) {
  out += R"({"jsonrpc":"2.0","method":)";
  append_string(out, method);
  out += R"(,"params":)";
  out += params;
  out += R"(,"context":)";
  out += context;
  out += R"(,"id":""})";
}

}  // namespace understudy::wire
