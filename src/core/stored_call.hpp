// What a stored call is: the words that the schedule, the stores and the gateway share.
#pragma once

#include <chrono>
#include <compare>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace understudy::core {

/// Stored calls outlive processes, so their times are of the wall clock, in Unix milliseconds.
using wall_time = std::chrono::sys_time<std::chrono::milliseconds>;

/// Unique within a store; later calls have larger ones.
enum class call_id : std::uint64_t {};

/// Which attempt may write the end of a call. `term` grows with each start of a store's owner,
/// `number` with each claim in it: a stale worker's word is refused.
struct attempt_token {
  std::uint64_t term = 0;
  std::uint64_t number = 0;
  friend auto operator<=>(const attempt_token&, const attempt_token&) = default;
};

enum class call_mode : std::uint8_t { direct, durable, queued };

/// done, cancelled and expired are final. dead rests until an operator retries, cancels or purges
/// it. cancelled and expired are reached only where no attempt is open or of unknown outcome.
enum class call_state : std::uint8_t { waiting, running, done, dead, cancelled, expired };

enum class dead_reason : std::uint8_t {
  none,
  attempts_spent,   ///< the last of attempts_max failed
  outcome_unknown,  ///< an attempt may have run, and none is to follow
  final_error,      ///< an answer that no other attempt would change
  too_old,          ///< older than the servers remember calls: it might run twice
};

/// What is done with a call of which an attempt may have run.
enum class on_unknown : std::uint8_t { retry, dead };

/// Which of several calls with the same order goes on after one is dead.
enum class on_dead : std::uint8_t { skip, block };

/// What was settled for one call when it was accepted, and is kept with it.
struct stored_terms {
  call_mode mode = call_mode::durable;
  std::uint8_t priority = 5;  ///< 0 to 9; more goes first
  on_unknown unknown = on_unknown::retry;
  on_dead dead = on_dead::skip;
  std::uint16_t attempts_max = 20;  ///< attempts that were or may have been handed to a server
  wall_time deadline{};             ///< not tried after it
};

[[nodiscard]] std::string_view to_string(call_mode mode);
[[nodiscard]] std::string_view to_string(call_state state);
[[nodiscard]] std::string_view to_string(dead_reason reason);
[[nodiscard]] std::optional<call_state> call_state_named(std::string_view name);

}  // namespace understudy::core
