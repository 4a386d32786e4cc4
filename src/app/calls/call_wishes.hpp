// What a caller asks of the gateway itself, beside the call: context.understudy, or HTTP headers.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "core/stored_call.hpp"
#include "net/http.hpp"

namespace understudy::app {

/// As far as the caller said.
struct call_wishes {
  std::optional<core::call_mode> mode;
  std::optional<std::string> key;
  std::optional<std::string> order;
  std::optional<std::chrono::milliseconds> wait;
  std::optional<std::chrono::milliseconds> delay;
  std::optional<std::chrono::milliseconds> deadline;
  std::optional<unsigned> priority;  ///< 0 to 9; 5 is usual

  friend bool operator==(const call_wishes&, const call_wishes&) = default;

  /// Whether it is to be stored: a key without a mode means so, too.
  [[nodiscard]] bool stored() const;
  /// Where it is not stored, it promises less than was asked for.
  [[nodiscard]] bool needs_store() const { return stored() || delay || order; }
  /// What `outside` says counts where this one says nothing.
  void complete(const call_wishes& outside);
};

/// The answer to give instead of the call.
struct wish_refused {
  std::int64_t code = 0;
  std::string message;
};

using wishes = std::variant<call_wishes, wish_refused>;

/// Members of context.understudy: mode, key, wait_ms, delay_ms, deadline_ms, priority, order_by,
/// token; `[]` is PHP's empty map. Of a repeated member the last counts, as in PHP.
/// -32602 for any other member, a wrong type, a value out of range.
[[nodiscard]] wishes read_wishes(std::string_view context);
/// The members of an object that holds nothing else; `where` is what messages call it.
[[nodiscard]] wishes read_wish_members(std::string_view object, std::string_view where);

/// The same by header: Understudy-Mode, Idempotency-Key, Understudy-Wait, -Delay, -Deadline
/// (milliseconds), -Priority, -Order-By. An empty one counts as left out.
[[nodiscard]] wishes read_wishes(const net::http_request& request);

/// -32004 where the wishes need a store and there is none: a promise is refused, never silently
/// dropped. wait_ms promises nothing to a direct call; a key with mode direct is the service's own.
[[nodiscard]] std::optional<wish_refused> without_store(const call_wishes& asked);

}  // namespace understudy::app
