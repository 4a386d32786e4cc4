// Words that every decision shares.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace understudy::core {

/// Decisions never read a clock: `now` is handed in. Monotonic.
using time_point = std::chrono::steady_clock::time_point;
using duration = std::chrono::steady_clock::duration;

/// One server of one pool. Never reused within a process.
enum class server_id : std::uint32_t {};

/// How an attempt ended: what it says of the call, and of the server.
enum class outcome : std::uint8_t {
  answered,     ///< a result, or an error of the service itself
  faulted,      ///< an answer that speaks against the server (-32603, -32000, -32003, fault_codes)
  pushed_back,  ///< an answer: the server has too much to do, and did nothing with the call
  refused,      ///< not_sent: no connection could be made
  unreached,    ///< not_sent: no connection came about in time; one lost packet is enough for that
  stale,        ///< not_sent: the connection was closed before the first byte left
  lost,         ///< unknown: the connection ended after the first byte had left
  unreadable,   ///< unknown: what came back is no answer
  timed_out,    ///< unknown: no answer before the deadline
  abandoned,    ///< unknown: we gave up (the caller is gone, shutdown); says nothing of the server
};

[[nodiscard]] std::string_view to_string(outcome how);
/// Whether a byte of the request may have left, and the server may have done something with it.
[[nodiscard]] constexpr bool was_sent(outcome how) {
  return how != outcome::pushed_back && how != outcome::refused && how != outcome::unreached &&
         how != outcome::stale;
}

/// One observation behind a record: a name and a printable value, e.g. {"connect_errors", "2"}.
using evidence = std::vector<std::pair<std::string, std::string>>;

/// What was decided, why, and with what effect: every ejection, return and refusal makes one.
struct record {
  std::string kind;     ///< e.g. "server_down", "server_up", "pool_empty", "call_refused"
  std::string subject;  ///< e.g. "pool orders, server 127.0.0.1:9501"
  core::evidence evidence;
  std::string rule;    ///< the rule that fired, in words
  std::string effect;  ///< what changed for callers
  std::optional<std::uint32_t> epoch{};  ///< of the database that it concerns
};

}  // namespace understudy::core
