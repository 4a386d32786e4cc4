// A JSON-RPC answer as think-swoole writes and reads it, over the received bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace understudy::wire {

inline constexpr std::string_view empty_id = "\"\"";

/// Views point into the parsed body.
struct answer {
  std::string_view result;   ///< raw JSON; empty if this is an error
  std::string_view error;    ///< raw JSON object; empty if this is a result
  std::int64_t code = 0;     ///< of the error
  std::string_view message;  ///< of the error: raw JSON string (`""` where it was left out)
  std::string_view data;     ///< of the error: raw JSON; empty if there is none

  [[nodiscard]] bool is_error() const { return result.empty(); }
  /// The result is the file that came in the frame before.
  [[nodiscard]] bool is_file() const { return result == "\"@file\""; }
};

/// Where the result, or the error object, stands in an answer: for who keeps it and moves it about.
struct answer_place {
  std::size_t at = 0;
  std::size_t bytes = 0;  ///< 0: not known
};
/// `of` was parsed from `body`.
[[nodiscard]] answer_place place_in(std::string_view body, const answer& of);

/// Nothing where the body is no answer: not JSON, neither result nor error, error not an object,
/// code not an int, message not a string.
/// As in the real client: `result` present, even null, wins over `error`; a code left out (or
/// null) is 0, a message left out is empty.
[[nodiscard]] std::optional<answer> parse_answer(std::string_view body);

/// Each appends one answer. `id`, `result` and `data` are raw JSON; `message` is plain text.
void append_result(std::string& out, std::string_view result, std::string_view id = empty_id);
void append_error(std::string& out, std::int64_t code, std::string_view message,
                  std::string_view data = "null", std::string_view id = empty_id);
/// The same as a frame: `id` is "", as toward every think-swoole caller.
void append_error_frame(std::string& out, std::int64_t code, std::string_view message,
                        std::string_view data = "null");
/// The answer `from` with `id` instead of its own; result and error bytes stay as they are.
void append_with_id(std::string& out, const answer& from, std::string_view id);

/// The same for one that is known: `payload` is its result or error.
void append_with_id(std::string& out, std::string_view payload, bool is_error, std::string_view id);

/// HTTP status for an error code that the gateway itself answered (200 for every service's own).
[[nodiscard]] int http_status(std::int64_t code);

}  // namespace understudy::wire
