// Where calls wait for a place when every server of a pool has as many attempts as it can take.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include "core/types.hpp"

namespace understudy::core {

struct pending_options {
  std::size_t calls_max = 1000;
  /// How long a newcomer may be made to wait, as a share of the time it has left: short while a
  /// queue stands, for then it only has to bridge the gap until the next place is free; longer
  /// while it does not yet: a burst is worth waiting out.
  double standing_share = 0.2;
  double burst_share = 0.5;
  duration standing_wait_max = std::chrono::milliseconds{250};
  duration burst_wait_max = std::chrono::milliseconds{400};
  duration burst = std::chrono::seconds{1};  ///< a queue older than this stands
};

struct pending_call {
  time_point deadline{};
  duration needs{0};          ///< what it takes once it has a place: later than that is too late
  std::uint8_t priority = 5;  ///< 0 to 9; more goes first
  std::uint64_t caller = 0;   ///< calls of one caller share one turn
};

/// A call that waits. Never reused.
enum class pending_id : std::uint64_t {};

/// The call is not taken: -32003.
struct turned_away {
  duration retry_after{};
};

/// Order: priorities share the places by weight, half as much again for each step (5 gets 5 times
/// what 1 gets, 9 gets 38 times what 0 gets) and for each caller who waits in them: more goes
/// first, none starves, and who adds a priority takes little from others. Within a priority
/// callers take turns (fair queueing after Nagle 1985), one call each; within a caller first come,
/// first served. A caller that waits with one call is served within one turn of the others,
/// however many they sent.
///
/// Refused at once is
/// - what could not be served before its deadline: by the calls that go before it and the rate at
///   which calls left lately;
/// - what would have to wait longer than `burst_wait_max`, or, once the queue has stood for
///   `burst`, than `standing_wait_max`: a queue that stands adds latency and no throughput (CoDel:
///   Nichols, Jacobson 2012). The next in turn is never refused for that, it keeps places busy;
///   and a caller with nothing waiting is granted the longer wait, it did not make the queue stand;
/// - a caller's call when it has more than twice as many waiting as are free (dynamic thresholds:
///   Choudhury, Hahne 1998): there is always room for another caller.
///
/// Those turned away are told to come again one after the other, as the places come free, within
/// 0.1 and 10 s: the more were turned away lately, the later.
///
/// Each operation costs O(log n) in the calls that wait, plus the ten priorities. Memory: only
/// calls that wait, and their callers, at most `calls_max` of each.
/// One owner, one thread; no clock.
class pending {
 public:
  explicit pending(pending_options options = {}) : options_(options) {}

  [[nodiscard]] std::variant<pending_id, turned_away> enter(time_point now,
                                                            const pending_call& call);
  /// A place is free: the call to take it, which leaves the queue; nothing if none waits that can
  /// still be served in time.
  [[nodiscard]] std::optional<pending_id> next(time_point now);
  [[nodiscard]] bool waits(pending_id id) const { return calls_.contains(id); }
  /// Its caller is gone. False if it had left already.
  bool cancel(pending_id id);

  /// When the first call becomes hopeless: its deadline less what it needs. In the past if expire()
  /// has something to tell.
  [[nodiscard]] std::optional<time_point> next_deadline() const;
  /// The calls that became hopeless and left; they have not been sent. Each is told of once.
  [[nodiscard]] std::vector<pending_id> expire(time_point now);

  [[nodiscard]] std::size_t size() const { return calls_.size(); }
  /// Calls that leave for a place, per second, while some wait; 0 while that is not known.
  [[nodiscard]] double drain_rate(time_point now) const;

 private:
  static constexpr std::size_t priorities = 10;
  struct entry {
    std::uint64_t caller = 0;
    time_point hopeless{};
    std::uint8_t priority = 0;
    pending_id earlier{}, later{};  ///< of the same caller
  };
  /// The calls of one caller in one priority, and its place in the ring of those that take turns.
  struct flow {
    pending_id first{}, last{};
    std::size_t calls = 0;
    std::uint64_t before = 0, after = 0;
  };
  struct level {
    std::unordered_map<std::uint64_t, flow> flows;  ///< by caller; those that have calls
    std::uint64_t turn = 0;                         ///< whose turn it is, while there are any
    std::size_t calls = 0;
    double served = 0;  ///< places taken, by weight
  };

  [[nodiscard]] double ahead(const pending_call& call) const;
  [[nodiscard]] bool too_late(time_point now, const pending_call& call) const;
  [[nodiscard]] std::size_t waiting_of(std::uint64_t caller) const;
  [[nodiscard]] bool full_for(const pending_call& call) const;
  [[nodiscard]] turned_away turn_away(time_point now);
  [[nodiscard]] level* next_level();
  void sweep(time_point now);
  void append(pending_id id, entry& e);
  void join_ring(level& l, std::uint64_t caller, flow& f);
  void remove(pending_id id);
  void note_departure(time_point now);

  pending_options options_;
  std::array<level, priorities> levels_;
  std::unordered_map<pending_id, entry> calls_;
  std::set<std::pair<time_point, pending_id>> by_hope_;
  std::vector<pending_id> expired_;  ///< left, and not told yet
  std::uint64_t last_id_ = 0;
  double served_ = 0;  ///< of the priority served last: where one that was empty starts
  time_point stands_since_{};
  time_point departed_{};    ///< the last call to leave for a place; or the first to wait since
  double departures_ = 0;    ///< that fade
  double busy_seconds_ = 0;  ///< in which they happened
  double owed_ = 0;          ///< calls turned away that are still to come again, as far as we told
  time_point owed_at_{};
};

}  // namespace understudy::core
