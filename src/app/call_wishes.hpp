// What a caller asks of the gateway itself, beside the call: context.understudy, or HTTP headers.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "net/http.hpp"

namespace understudy::app {

/// What can be granted to a direct call.
struct call_wishes {
  std::optional<std::chrono::milliseconds> deadline;  ///< the configured one still bounds it
  std::optional<unsigned> priority;  ///< 0 to 9, where calls wait for a place; 5 is usual
};

/// The answer to give instead of the call.
struct wish_refused {
  std::int64_t code = 0;
  std::string message;
};

using wishes = std::variant<call_wishes, wish_refused>;

/// Members of context.understudy: mode, key, wait_ms, delay_ms, deadline_ms, priority, order_by,
/// token; `[]` is PHP's empty map. Of a repeated member the last counts, as in PHP.
/// -32602 for any other member, a wrong type, a value out of range. -32004 for what only a stored
/// call can have, for calls are not stored yet: mode durable or queued, a key without a mode (it
/// means durable), delay_ms, order_by. A promise is refused, never silently dropped. wait_ms
/// promises nothing to a direct call; a key with mode direct is the service's own matter.
[[nodiscard]] wishes read_wishes(std::string_view context);

/// The same by header: Understudy-Mode, Idempotency-Key, Understudy-Wait, -Delay, -Deadline
/// (milliseconds), -Priority, -Order-By. An empty one counts as left out.
[[nodiscard]] wishes read_wishes(const net::http_request& request);

}  // namespace understudy::app
