// Many calls at a time on one connection: our extension of the frames (docs/MULTIPLEX.md).
//
// A client asks for it with a call that any other server refuses as unknown, and goes on as before.
// Where it is granted, each message afterwards ends with the number of its call, in both
// directions, and answers come in any order.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "wire/answer.hpp"
#include "wire/frame.hpp"

namespace understudy::wire {

/// Given out by the client, opaque to the server, in use until its answer has come.
enum class call_number : std::uint32_t {};
inline constexpr std::size_t call_number_bytes = 4;
/// No call's. From the server, with no body: it answers what was sent, but will end; no new calls.
inline constexpr call_number farewell{0xFFFFFFFF};

/// What the client takes. A server answers in place of what is larger that it is too large.
struct multiplex_request {
  std::size_t message_bytes_max = 0;
  std::size_t file_bytes_max = 0;
};
/// What the server takes; a client that goes beyond it is cut off.
struct multiplex_grant {
  std::size_t calls_max = 0;          ///< without their answers, at a time
  std::size_t message_bytes_max = 0;  ///< of one call; a call has no files
};

void append_multiplex_request(std::string& out, const multiplex_request& wanted);
/// Nothing where the body is something else, or another version of it.
[[nodiscard]] std::optional<multiplex_request> parse_multiplex_request(std::string_view body);

/// The result member of the answer.
void append_multiplex_grant(std::string& out, const multiplex_grant& granted);
[[nodiscard]] std::optional<multiplex_grant> parse_multiplex_grant(const answer& from);

void append_numbered_frame(std::string& out, std::string_view body, call_number number);
/// Gives the frame that begins at `header_at` and ends with `out` a number.
void number_frame(std::string& out, std::size_t header_at, call_number number);

struct numbered_message {
  std::string_view body;
  call_number number{};
};
/// Nothing where there is no room for a number.
[[nodiscard]] std::optional<numbered_message> split_number(std::string_view message);

}  // namespace understudy::wire
