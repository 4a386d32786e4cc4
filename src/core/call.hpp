// The life of one direct call: which attempt is next, when to wait, when to give up (P3).
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "core/pool.hpp"
#include "core/types.hpp"
#include "understudy/error.hpp"

namespace understudy::core {

struct call_options {
  std::string method;       ///< for records
  bool idempotent = false;  ///< may be repeated when its outcome is unknown
  time_point deadline{};    ///< over all attempts; never renewed
};

struct attempt {
  server_id server{};
};
/// No server is usable: wait until the pool says wake_parked, at most until `until`.
struct park {
  time_point until{};
};
/// The answer to the caller.
struct give_up {
  std::int64_t code = 0;
  std::string message;
  delivery sent = delivery::not_sent;
  duration retry_after{0};  ///< 0 = no hint
};
using call_step = std::variant<attempt, park, give_up>;

/// Not sent: another server at once. Unknown: another server only if the call is idempotent, the
/// pool's retry budget has a token and attempts are left; else -32001. One owner, one thread;
/// the pool outlives it. It calls the pool's begin() for an attempt it returns; the shell reports
/// how the attempt ended through ended() (which calls the pool's end()).
class call {
 public:
  call(pool& servers, call_options options);
  ~call();  ///< leaves the parking place if it is parked
  call(const call&) = delete;
  call& operator=(const call&) = delete;

  [[nodiscard]] call_step begin(time_point now);
  /// The current attempt failed, or the answer faulted and may be had elsewhere.
  /// For outcome::answered use finish().
  [[nodiscard]] call_step failed(time_point now, outcome how, duration took);
  /// The current attempt brought the answer.
  void finish(time_point now, outcome how, duration took);
  /// It was parked, and was woken or its time is up.
  [[nodiscard]] call_step woken(time_point now);

  [[nodiscard]] unsigned attempts() const;

 private:
  pool& pool_;
  call_options options_;
  std::vector<server_id> tried_;
  server_id current_{};
  unsigned attempts_ = 0;  ///< that were or may have been handed to a server
  unsigned lost_ = 0;
  bool parked_ = false;
};

}  // namespace understudy::core
