// Error codes, what is known of a failed call, and the exception that carries both.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <utility>

namespace understudy {

/// JSON-RPC error codes. The first five are the standard's; the rest are Understudy's own and
/// never come from a service. A service's exceptions carry codes of their own (0 by default).
namespace code {
inline constexpr std::int64_t parse_error = -32700;      ///< the body is not JSON
inline constexpr std::int64_t invalid_request = -32600;  ///< not a frame or request we can read
inline constexpr std::int64_t method_not_found = -32601;
inline constexpr std::int64_t invalid_params = -32602;
inline constexpr std::int64_t internal_error = -32603;
inline constexpr std::int64_t no_server = -32000;        ///< no usable server; nothing was sent
inline constexpr std::int64_t outcome_unknown = -32001;  ///< it may have run; not repeated
inline constexpr std::int64_t deadline_passed = -32002;
inline constexpr std::int64_t overloaded = -32003;   ///< refused early; retry later
inline constexpr std::int64_t not_allowed = -32004;  ///< also: no call store configured
inline constexpr std::int64_t too_large = -32005;
inline constexpr std::int64_t accepted = -32011;      ///< stored; error.data.ticket names the call
inline constexpr std::int64_t key_conflict = -32012;  ///< same key, other parameters
inline constexpr std::int64_t call_ended = -32013;    ///< dead, cancelled or expired
inline constexpr std::int64_t in_progress = -32014;   ///< being worked on elsewhere
}  // namespace code

/// What is known of a call that failed. Only `not_sent` may be repeated blindly.
enum class delivery : std::uint8_t {
  not_sent,  ///< no byte of the request left: it has not run
  unknown,   ///< it left, at least in part: it may have run
  answered,  ///< a server answered: the error is the answer
};

/// A call that failed, as a client sees it and as a handler may throw it.
/// Thrown in a handler it becomes the answer's error member: code, message, data.
class rpc_error : public std::runtime_error {
 public:
  /// `data` is JSON text for error.data.
  rpc_error(std::int64_t error_code, const std::string& message, std::string data = "null",
            delivery sent = delivery::answered)
      : std::runtime_error(message), code_(error_code), data_(std::move(data)), sent_(sent) {}

  [[nodiscard]] std::int64_t code() const noexcept { return code_; }
  [[nodiscard]] const std::string& data() const noexcept { return data_; }
  [[nodiscard]] delivery sent() const noexcept { return sent_; }

 private:
  std::int64_t code_;
  std::string data_;
  delivery sent_;
};

}  // namespace understudy
