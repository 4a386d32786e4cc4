// What a drill's callers saw, and which promises that breaks: a pure function over records.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "app/bench/load.hpp"

namespace understudy::app {

/// One call of the load. A write is `OrderInterface@place` with a ref of its own, told apart by
/// the call's number; everything else is declared idempotent.
struct drill_call {
  load_call call;
  bool write = false;
};

/// What the database has of one writing call.
struct drill_row {
  unsigned executions = 0;
  bool on_primary = false;  ///< the primary ran it (too)
  friend bool operator==(const drill_row&, const drill_row&) = default;
};

inline constexpr std::chrono::milliseconds hurt_after{500};
/// A write begun this long after a crash is no longer excused by it.
inline constexpr std::chrono::milliseconds crash_excuses{100};

/// What a scenario promises its callers, beside: nothing acknowledged is lost (P1), nothing runs
/// twice (P3), no call fails but what is excused (P5). A bound that is not set is not judged.
struct drill_bounds {
  /// No idempotent call takes longer.
  std::optional<std::chrono::milliseconds> idempotent_max;
  /// A call that takes longer is slow; slow, failed and unknown calls are those that the fault
  /// touched.
  std::chrono::milliseconds slow_after = hurt_after;
  std::optional<std::uint64_t> slow_max;  ///< so many calls may be slow
  /// No call that is sent later than this after the fault is touched by it.
  std::optional<std::chrono::milliseconds> left_within;
  std::optional<std::uint64_t> met_max;  ///< so many calls may meet the trouble at its server
  std::optional<double> stayed_min;      ///< this share of writes goes on at the primary
  /// A write sent up to this long after a fault may have an unknown outcome..
  std::chrono::milliseconds excused = crash_excuses;
  /// So many more may, whenever: for a reason that the scenario knows.
  std::uint64_t unknown_max = 0;
  /// ..or be answered with this code, if the service gives it: it is the answer.
  std::optional<std::int64_t> own_code;
  bool own_code_for_all = false;  ///< idempotent calls get it, too: it is no server's fault
  /// All servers die at once: a call that was on two of them has cost two connections, is taken
  /// for one that kills servers, and not tried again.
  bool all_die = false;
  bool refusals = false;  ///< calls may be refused, as long as the goodput holds
  std::optional<std::chrono::milliseconds> silence_max;  ///< no time without a success is longer
  std::optional<std::chrono::milliseconds> recover_max;
};

/// Good answers per second, none of them slower than hurt_after: over the time in which the servers
/// were just kept busy, and over the time in which they were asked for much more.
struct drill_goodput {
  load_clock::time_point peak_begin, peak_end;
  load_clock::time_point overload_begin, overload_end;
};
inline constexpr double goodput_min = 0.8;  ///< of the peak

/// A call that kills each worker it meets.
struct drill_killer {
  unsigned workers = 0;   ///< that it killed
  bool answered = false;  ///< its caller got an error, and did not wait in vain
};
inline constexpr unsigned killer_workers_max = 2;

/// What a gateway did while the disk of its store was full.
struct drill_full_disk {
  std::uint64_t refused = 0;           ///< calls that were told to come again later
  std::uint64_t hintless = 0;          ///< those that were not told when
  std::uint64_t ended_when_low = 0;    ///< accepted calls that became done while it refused others
  std::uint64_t refused_when_low = 0;  ///< others, meanwhile
  bool gateway_lives = false;          ///< with no byte free
};

struct broken_promise {
  std::string id;  ///< "P1", "P2", "P3", "P4", "P5", "P6"
  std::string why;
};

struct drill_facts {
  std::string scenario;
  std::string skipped;  ///< why it could not be played here; all else means nothing then
  drill_bounds bounds;
  load_clock::time_point begin;  ///< of the load
  load_clock::time_point end;
  std::vector<drill_call> calls;
  std::unordered_map<std::uint64_t, drill_row> rows;   ///< by the number of the writing call
  std::vector<load_clock::time_point> faults;          ///< when something was broken, in order
  std::optional<load_clock::time_point> recover_from;  ///< when recovery was possible
  std::optional<std::chrono::milliseconds> detect;
  /// Where the scenario measured it itself; otherwise it is judged from `recover_from`.
  std::optional<std::chrono::milliseconds> recover;
  std::optional<std::uint64_t> met;  ///< calls that met the trouble at its server
  std::optional<drill_goodput> goodput;
  std::optional<drill_killer> killer;
  std::optional<drill_full_disk> full_disk;
  std::vector<std::pair<std::string, double>> figures;  ///< measured, not judged
  std::optional<bool> primary_serves;                   ///< at the end, where it must
  std::vector<std::string> store_problems;  ///< what does not agree in the call store, at the end
  std::uint64_t contradictions = 0;         ///< calls of which callers heard different ends
  std::vector<broken_promise> broken;       ///< what the scenario itself saw
};

struct drill_counts {
  std::uint64_t calls = 0;         ///< acknowledged + failed + unknown
  std::uint64_t acknowledged = 0;  ///< answered with a result
  std::uint64_t failed = 0;
  std::uint64_t unknown = 0;     ///< writes answered with -32001, or not at all: may have run
  std::uint64_t lost = 0;        ///< acknowledged writes that the database does not have
  std::uint64_t duplicated = 0;  ///< writes that ran more than once
  std::uint64_t hurt = 0;        ///< failed, or slower than `hurt_after`; unknown ones apart
  double slowest_ms = 0;
};

/// The counts are those of all calls.
struct drill_result : drill_counts {
  std::string scenario;
  std::string skipped;
  drill_counts idempotent;  ///< of the calls that may be repeated
  drill_counts writes;      ///< of those that must not
  double silence_ms = 0;    ///< longest time without a success
  std::optional<std::int64_t> detect_ms;
  /// From the moment recovery was possible to the end of the last call that failed, is unknown or
  /// was hurt; 0: no such call.
  std::optional<std::int64_t> recover_ms;
  /// From the first fault to the sending of the last call that it touched; 0: none sent after it.
  std::optional<std::int64_t> left_ms;
  std::optional<std::uint64_t> met;
  std::optional<double> stayed;         ///< share of the writes sent after the fault
  std::optional<double> goodput_share;  ///< of the peak
  std::optional<unsigned> killed;       ///< workers that one call killed
  std::vector<std::pair<std::string, double>> figures;
  std::vector<broken_promise> broken;
};

[[nodiscard]] drill_result judge(const drill_facts& facts);

}  // namespace understudy::app
