#include "wire/multiplex.hpp"

#include "wire/json_text.hpp"

namespace understudy::wire {
namespace {

// A real server looks for the interface before it looks at anything else.
constexpr std::string_view request_start =
    R"({"jsonrpc":"2.0","method":"UnderstudyConnection@multiplex","params":[)";
constexpr std::string_view request_end = R"(],"context":[],"id":""})";
constexpr std::string_view version = "version";
constexpr std::int64_t our_version = 1;

void append_member(std::string& out, std::string_view name, std::size_t value) {
  out += out.back() == '{' ? "\"" : ",\"";
  out += name;
  out += "\":";
  out += std::to_string(value);
}

/// Nothing where it is no object of our version.
std::optional<std::string_view> of_our_version(std::string_view object) {
  const auto given = find_member(object, version);
  if (!given || decode_int(*given) != our_version) return std::nullopt;
  return object;
}

/// 0 where there is no such member, or no size in it.
std::size_t size_of(std::string_view object, std::string_view name) {
  const auto given = find_member(object, name);
  const auto number = given ? decode_int(*given) : std::nullopt;
  return number && *number > 0 ? static_cast<std::size_t>(*number) : 0;
}

}  // namespace

void append_multiplex_request(std::string& out, const multiplex_request& wanted) {
  out += request_start;
  out += '{';
  append_member(out, version, our_version);
  append_member(out, "message_bytes_max", wanted.message_bytes_max);
  append_member(out, "file_bytes_max", wanted.file_bytes_max);
  out += '}';
  out += request_end;
}

std::optional<multiplex_request> parse_multiplex_request(std::string_view body) {
  if (!body.starts_with(request_start) || !body.ends_with(request_end)) return std::nullopt;
  if (body.size() < request_start.size() + request_end.size()) return std::nullopt;
  body.remove_prefix(request_start.size());
  body.remove_suffix(request_end.size());
  const auto wanted = json_valid(body) ? of_our_version(body) : std::nullopt;
  if (!wanted) return std::nullopt;
  const multiplex_request found{size_of(*wanted, "message_bytes_max"),
                                size_of(*wanted, "file_bytes_max")};
  if (found.message_bytes_max == 0) return std::nullopt;
  return found;
}

void append_multiplex_grant(std::string& out, const multiplex_grant& granted) {
  out += '{';
  append_member(out, version, our_version);
  append_member(out, "calls_max", granted.calls_max);
  append_member(out, "message_bytes_max", granted.message_bytes_max);
  out += '}';
}

std::optional<multiplex_grant> parse_multiplex_grant(const answer& from) {
  const auto granted = of_our_version(from.result);
  if (!granted) return std::nullopt;
  const multiplex_grant found{size_of(*granted, "calls_max"),
                              size_of(*granted, "message_bytes_max")};
  if (found.calls_max == 0 || found.message_bytes_max == 0) return std::nullopt;
  return found;
}

void append_numbered_frame(std::string& out, std::string_view body, call_number number) {
  const auto header_at = begin_frame(out);
  out += body;
  number_frame(out, header_at, number);
}

void number_frame(std::string& out, std::size_t header_at, call_number number) {
  const auto value = static_cast<std::uint32_t>(number);
  for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(value >> shift & 0xFF);
  end_frame(out, header_at, frame_type::message);
}

std::optional<numbered_message> split_number(std::string_view message) {
  if (message.size() < call_number_bytes) return std::nullopt;
  const auto body_bytes = message.size() - call_number_bytes;
  std::uint32_t value = 0;
  for (const char byte : message.substr(body_bytes))
    value = value << 8 | static_cast<unsigned char>(byte);
  return numbered_message{message.substr(0, body_bytes), call_number{value}};
}

}  // namespace understudy::wire
