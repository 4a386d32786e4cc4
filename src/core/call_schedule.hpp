// What becomes of a stored call after an attempt: done, tried again and when, or dead.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <vector>

#include "core/dice.hpp"
#include "core/stored_call.hpp"

namespace understudy::core {

/// What a rule of the configuration says of retries. It holds when an attempt ends, so that a
/// changed rule holds for calls that wait already.
struct retry_rule {
  std::chrono::milliseconds backoff_min{500};
  std::chrono::milliseconds backoff_max{60000};
  std::vector<std::int64_t> retry_codes;  ///< answers that are failed attempts, whatever the mode
  std::vector<std::int64_t> final_codes;  ///< answers that end the call, whatever the mode
};

/// How an attempt ended.
enum class attempt_fate : std::uint8_t {
  result,     ///< answered, with a result
  error,      ///< answered, with an error of the service
  fault,      ///< answered, with an error that speaks against the server: it failed there
  unknown,    ///< lost, late or unreadable: it may have run
  not_sent,   ///< no server took it: it has not run
  elsewhere,  ///< another attempt of the call is at work (-32014)
};

struct attempt_end {
  attempt_fate fate = attempt_fate::result;
  std::int64_t code = 0;                     ///< of an error or a fault
  std::chrono::milliseconds retry_after{0};  ///< asked for by the server, or by the pool; 0: none
};

/// How the call goes on. `counted`: the attempt was or may have been handed to a server.
struct call_next {
  call_state state = call_state::done;  ///< waiting: due again at `due`
  wall_time due{};
  dead_reason reason = dead_reason::none;
  bool counted = true;
};

/// `attempts` were counted before this one. `may_have_run`: one of them ended unknown.
///
/// - A result is the answer: done. So is an error in the mode durable; in the mode queued it is a
///   failed attempt. -32700 and -32600 to -32602 end both (queued: dead). The rule's codes win.
/// - A failed attempt is followed by another, after a backoff with full jitter (Brooker,
///   "Exponential Backoff And Jitter", AWS 2015), until attempts_max is reached: then it is dead.
///   The first retry is due at once: another server may do it.
/// - An unknown outcome is a failed attempt where the terms say retry, otherwise the end.
/// - What was not sent, or is at work elsewhere, is put off and counts for nothing.
/// - Where the next attempt would come after the deadline there is none: expired, if no attempt
///   may have run; otherwise dead.
[[nodiscard]] call_next after_attempt(const stored_terms& terms, const retry_rule& rule,
                                      unsigned attempts, bool may_have_run, const attempt_end& end,
                                      wall_time now, dice& jitter);

/// How long a claim holds that nobody renews. An attempt ends by `attempt_max`: who says nothing
/// for twice as long has lost it.
[[nodiscard]] constexpr std::chrono::milliseconds claim_lease(
    std::chrono::milliseconds attempt_max) {
  return 2 * attempt_max;
}

/// Whether an attempt may begin so long after its claim was made. A third of the lease must be
/// left: an owner that was frozen does not send what others may have by now.
[[nodiscard]] constexpr bool may_begin(std::chrono::milliseconds lease,
                                       std::chrono::milliseconds since) {
  return since <= lease * 2 / 3;
}

/// A call whose time is over, or that is cancelled, while it waits: `ended` (expired or
/// cancelled), unless one of its attempts may have run: then it is dead.
[[nodiscard]] call_next end_waiting(call_state ended, bool may_have_run);

/// The owner of the claim died: nobody knows how the attempt ended. The next one is due at once.
[[nodiscard]] call_next after_lost_claim(const stored_terms& terms, unsigned attempts,
                                         wall_time now);

}  // namespace understudy::core
