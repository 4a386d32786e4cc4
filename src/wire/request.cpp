#include "wire/request.hpp"

#include <understudy/error.hpp>

#include "wire/frame.hpp"
#include "wire/json_scan.hpp"
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

// As scan::skip_value, but remembers the elements of an array.
const char* skip_params(const char* at, const char* end, request& into) {
  if (at == end || *at != '[') return scan::skip_value(at, end, json_depth_max - 1);
  at = scan::skip_space(at + 1, end);
  if (at != end && *at == ']') return at + 1;
  for (std::size_t index = 0;; ++index) {
    const char* const first = at;
    at = scan::skip_value(at, end, json_depth_max - 2);
    if (at == nullptr) return nullptr;
    if (index < into.elements.size())
      into.elements[index] = {first, static_cast<std::size_t>(at - first)};
    at = scan::skip_space(at, end);
    if (at == end || (*at != ',' && *at != ']')) return nullptr;
    if (*at == ']') {
      into.element_count = index < into.elements.size() ? index + 1 : 0;
      return at + 1;
    }
    at = scan::skip_space(at + 1, end);
  }
}

// Takes a request apart that has the real client's members, order and spelling around the values:
// in half the time, since no key is looked for. False for any other text, valid or not; what it
// takes, the general way takes apart alike.
bool read_usual(std::string_view body, parts& found, request& into) {
  const char* at = body.data();
  const char* const end = at + body.size();
  const auto taken = [&at](const char* stop, std::string_view& value) {
    if (stop == nullptr) return false;
    value = {at, static_cast<std::size_t>(stop - at)};
    at = stop;
    return true;
  };
  const auto take = [&](std::string_view& value) {
    return taken(scan::skip_value(at, end, json_depth_max - 1), value);
  };
  using scan::skip_text;
  const bool usual = skip_text(at, end, R"({"jsonrpc":"2.0","method":)") && take(found.method) &&
                     skip_text(at, end, R"(,"params":)") &&
                     taken(skip_params(at, end, into), found.params) &&
                     skip_text(at, end, R"(,"context":)") && take(found.context) &&
                     skip_text(at, end, R"(,"id":""})") && at == end;
  if (usual) found.id = {end - 3, 2};
  return usual;
}

// PHP's `??` takes null for absent.
bool left_out(std::string_view value) {
  return value.empty() || value == "null";
}

bool is_container(std::string_view value) {
  return value.starts_with('[') || value.starts_with('{');
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

// The text of a `method` that explode() would take; in `memory` where it has to be made.
std::string_view method_text(std::string_view raw, std::string& memory) {
  if (kind_of(raw) != json_kind::string) return raw == "true" ? "1" : raw;
  if (raw.find('\\') == std::string_view::npos) return raw.substr(1, raw.size() - 2);
  return memory = decode_string(raw);
}

// Is it the method that `of` holds, in plain letters? Callers repeat themselves.
bool is_same_method(std::string_view raw, const request& of) {
  return !of.method.empty() && raw.size() == of.method.size() + 2 && raw.front() == '"' &&
         raw.substr(1, of.method.size()) == of.method && raw.find('\\') == std::string_view::npos;
}

// Fills in the method, or says what is wrong with it, in the real server's words.
std::string read_method(std::string_view raw, std::string_view body, request& into) {
  if (is_container(raw) && !is_empty(raw)) return "Method must be a string!";
  std::string memory;
  std::string_view text = method_text(raw, memory);
  const bool none = kind_of(raw) == json_kind::string ? is_empty_text(text) : is_empty(raw);
  if (none) return "Method(" + echo(body) + ") cant not be empty!";

  const std::size_t at = text.find('@');
  if (at == std::string::npos) return "Method(" + echo(text) + ") is bad format!";
  const std::string_view service = text.substr(0, at);
  const std::size_t second = text.find('@', at + 1);
  const std::string_view name = text.substr(at + 1, second - at - 1);
  if (is_empty_text(service) || is_empty_text(name)) {
    return "Interface(" + echo(service) + ") or Method(" + echo(text) + ") can not be empty!";
  }
  into.method = text.substr(0, second);
  into.at = at;
  return {};
}

}  // namespace

std::optional<request_error> parse_request(std::string_view body, request& into) {
  into.action_interface = body == action_interface_body;
  if (into.action_interface) return std::nullopt;
  if (is_poison(body)) {
    return request_error{code::invalid_request, "the message is empty", {}};
  }

  parts found;
  into.element_count = 0;
  if (!read_usual(body, found, into)) {
    found = {};
    into.element_count = 0;
    member_reader members(body);
    for (json_member member; members.next(member);) found.take(member);
    if (!members.valid() && !json_valid(body)) {
      return request_error{code::parse_error, "Data(" + echo(body) + ") is not json format!", {}};
    }
  }

  std::string wrong;
  if (!is_same_method(found.method, into)) wrong = read_method(found.method, body, into);
  if (wrong.empty() && !left_out(found.params) && !is_container(found.params)) {
    wrong = "params must be an array or an object";
  }
  if (wrong.empty() && !left_out(found.context) && !is_container(found.context)) {
    wrong = "context must be an array or an object";
  }
  if (!wrong.empty()) return request_error{code::invalid_params, std::move(wrong), found.id};

  into.params = left_out(found.params) ? "[]" : found.params;
  into.context = left_out(found.context) ? "[]" : found.context;
  into.id = found.id;
  return std::nullopt;
}

std::variant<request, request_error> parse_request(std::string_view body) {
  request result;
  if (auto error = parse_request(body, result)) return std::move(*error);
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
