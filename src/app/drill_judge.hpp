// What a drill's callers saw, and which promises that breaks: a pure function over records.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "app/load.hpp"

namespace understudy::app {

/// One call of the load. A write is `OrderInterface@place` with a ref of its own, told apart by
/// the call's number; everything else is declared idempotent.
struct drill_call {
  load_call call;
  bool write = false;
};

/// What a scenario promises its callers, beside: nothing acknowledged is lost (P1), nothing runs
/// twice (P3).
enum class drill_promise : std::uint8_t {
  unnoticed,  ///< planned work: no call fails, none is slower than `hurt_after` (P5)
  survived,   ///< a server dies: nothing fails but the writes it was working on (P5)
};

struct drill_facts {
  std::string scenario;
  drill_promise promise = drill_promise::survived;
  /// Survived: no idempotent call may take longer.
  std::optional<std::chrono::milliseconds> idempotent_max;
  load_clock::time_point begin;  ///< of the load
  load_clock::time_point end;
  std::vector<drill_call> calls;
  /// Executions by the number of the writing call, as the database has them.
  std::unordered_map<std::uint64_t, unsigned> rows;
  std::optional<load_clock::time_point> broken_at;     ///< when servers were killed
  std::optional<load_clock::time_point> recover_from;  ///< when recovery was possible
  std::optional<std::chrono::milliseconds> detect;
  /// Where the scenario measured it itself; otherwise it is judged from `recover_from`.
  std::optional<std::chrono::milliseconds> recover;
};

struct broken_promise {
  std::string id;  ///< "P1", "P3", "P5"
  std::string why;
};

struct drill_counts {
  std::uint64_t calls = 0;         ///< acknowledged + failed + unknown
  std::uint64_t acknowledged = 0;  ///< answered with a result
  std::uint64_t failed = 0;
  std::uint64_t unknown = 0;     ///< writes answered with -32001: may have run, not repeated
  std::uint64_t lost = 0;        ///< acknowledged writes that the database does not have
  std::uint64_t duplicated = 0;  ///< writes that ran more than once
  std::uint64_t hurt = 0;        ///< failed, or slower than `hurt_after`; unknown ones apart
  double slowest_ms = 0;
};

/// The counts are those of all calls.
struct drill_result : drill_counts {
  std::string scenario;
  drill_counts idempotent;  ///< of the calls that may be repeated
  drill_counts writes;      ///< of those that must not
  double silence_ms = 0;    ///< longest time without a success
  std::optional<std::int64_t> detect_ms;
  /// From the moment recovery was possible to the end of the last call that failed, is unknown or
  /// was hurt; 0: no such call.
  std::optional<std::int64_t> recover_ms;
  std::vector<broken_promise> broken;
};

inline constexpr std::chrono::milliseconds hurt_after{500};
/// A write begun this long after the crash is no longer excused by it.
inline constexpr std::chrono::milliseconds crash_excuses{100};

[[nodiscard]] drill_result judge(const drill_facts& facts);

}  // namespace understudy::app
