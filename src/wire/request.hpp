// A JSON-RPC request as think-swoole reads it, over the received bytes.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

namespace understudy::wire {

inline constexpr std::string_view action_interface_body = "@action_interface";

/// Views point into the body that was parsed, which must outlive them.
struct request {
  bool action_interface = false;  ///< the bare text `@action_interface`: nothing else is set
  /// Decoded, `Interface@method`. What the real server ignores, from a second "@" on, is gone:
  /// rules must see the method that runs. For a message to people cut it short: a peer can make
  /// it as long as a frame.
  std::string method;
  std::size_t at = 0;               ///< where the "@" of `method` is
  std::string_view params = "[]";   ///< raw JSON: array or object
  std::string_view context = "[]";  ///< raw JSON: object; or a PHP list, `[]` for none
  std::string_view id;              ///< raw JSON; empty where there is none (a notification)

  /// The elements of `params`, raw, where they were found on the way; none where there are none,
  /// too many, or the request is unusual: then `params` must be looked through.
  std::array<std::string_view, 4> elements;
  std::size_t element_count = 0;

  [[nodiscard]] std::string_view service() const { return std::string_view(method).substr(0, at); }
  [[nodiscard]] std::string_view name() const { return std::string_view(method).substr(at + 1); }
};

/// The answer to give instead; the connection stays.
struct request_error {
  std::int64_t code = 0;
  std::string message;  ///< the real server's wording, valid UTF-8, received text shortened
  std::string_view id;  ///< raw, where one could be read
};

/// Reads one request. Members other than method, params, context and id are ignored; of a
/// repeated member the last counts, as in PHP.
/// Errors: -32700 not JSON or not UTF-8, -32600 empty or `0` body, -32602 no method (a scalar or
/// a batch has none), no "@", params or context of the wrong kind. `null` counts as left out.
[[nodiscard]] std::variant<request, request_error> parse_request(std::string_view body);
/// The same into `into`, whose memory is used again: for who reads many. Nothing if it is read;
/// what else `into` holds means nothing where it is the bare text, or an error is returned.
[[nodiscard]] std::optional<request_error> parse_request(std::string_view body, request& into);

/// Appends `{"jsonrpc":"2.0","method":...,"params":...,"context":...,"id":""}` (member order of
/// the real client). `params` and `context` are raw JSON; `method` is plain text.
void append_request(std::string& out, std::string_view method, std::string_view params,
                    std::string_view context = "[]");

}  // namespace understudy::wire
