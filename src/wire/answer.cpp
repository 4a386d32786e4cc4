#include "wire/answer.hpp"

#include <understudy/error.hpp>

#include "wire/frame.hpp"
#include "wire/json_scan.hpp"
#include "wire/json_text.hpp"

namespace understudy::wire {
namespace {

// Fills in code, message and data from the raw error object; false where it is none.
bool read_error(std::string_view error, answer& into) {
  if (kind_of(error) != json_kind::object) return false;
  std::string_view code;
  std::string_view message;
  for_each_member(error, [&](const json_member& member) {
    if (key_is(member, "code")) code = member.value;
    if (key_is(member, "message")) message = member.value;
    if (key_is(member, "data")) into.data = member.value;
    return true;
  });
  into.error = error;
  into.message = R"("")";
  if (!code.empty() && code != "null") {
    const auto number = decode_int(code);
    if (!number) return false;
    into.code = *number;
  }
  if (!message.empty() && message != "null") {
    if (kind_of(message) != json_kind::string) return false;
    into.message = message;
  }
  return true;
}

// The result of an answer as the real server writes it, to the byte around the result; empty for
// any other text, valid or not. What it takes, the general way takes alike.
std::string_view usual_result(std::string_view body) {
  const char* at = body.data();
  const char* const end = at + body.size();
  if (!scan::skip_text(at, end, R"({"jsonrpc":"2.0","id":"","result":)")) return {};
  const char* const stop = scan::skip_value(at, end, json_depth_max - 1);
  if (stop == nullptr || end - stop != 1 || *stop != '}') return {};
  return {at, static_cast<std::size_t>(stop - at)};
}

void append_head(std::string& out, std::string_view id) {
  out += R"({"jsonrpc":"2.0","id":)";
  out += id;
}

}  // namespace

std::optional<answer> parse_answer(std::string_view body) {
  answer found;
  found.result = usual_result(body);
  if (!found.result.empty()) return found;
  std::string_view error;
  member_reader members(body);
  for (json_member member; members.next(member);) {
    if (key_is(member, "result")) found.result = member.value;
    if (key_is(member, "error")) error = member.value;
  }
  if (!members.valid()) return std::nullopt;
  if (found.result.empty() && !read_error(error, found)) return std::nullopt;
  return found;
}

void append_result(std::string& out, std::string_view result, std::string_view id) {
  append_head(out, id);
  out += R"(,"result":)";
  out += result;
  out += '}';
}

void append_error(std::string& out, std::int64_t code, std::string_view message,
                  std::string_view data, std::string_view id) {
  append_head(out, id);
  out += R"(,"error":{"code":)";
  out += std::to_string(code);
  out += R"(,"message":)";
  append_string(out, message);
  out += R"(,"data":)";
  out += data;
  out += "}}";
}

void append_error_frame(std::string& out, std::int64_t code, std::string_view message,
                        std::string_view data) {
  const std::size_t header = begin_frame(out);
  append_error(out, code, message, data);
  end_frame(out, header, frame_type::message);
}

answer_place place_in(std::string_view body, const answer& of) {
  const auto payload = of.is_error() ? of.error : of.result;
  return {static_cast<std::size_t>(payload.data() - body.data()), payload.size()};
}

void append_with_id(std::string& out, const answer& from, std::string_view id) {
  append_with_id(out, from.is_error() ? from.error : from.result, from.is_error(), id);
}

void append_with_id(std::string& out, std::string_view payload, bool is_error,
                    std::string_view id) {
  constexpr std::size_t around = 40;
  out.reserve(out.size() + payload.size() + id.size() + around);
  append_head(out, id);
  out += is_error ? R"(,"error":)" : R"(,"result":)";
  out += payload;
  out += '}';
}

int http_status(std::int64_t code) {
  switch (code) {
    case code::accepted:
      return 202;
    case code::parse_error:
    case code::invalid_request:
      return 400;
    case code::not_allowed:
      return 403;
    case code::key_conflict:
      return 422;
    case code::in_progress:
      return 409;
    case code::call_ended:
      return 410;
    case code::too_large:
      return 413;
    case code::outcome_unknown:
      return 502;
    case code::no_server:
    case code::overloaded:
      return 503;
    case code::deadline_passed:
      return 504;
    default:
      return 200;
  }
}

}  // namespace understudy::wire
