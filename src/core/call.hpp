// The life of one direct call: which attempt is next, when to wait, when to give up (P3).
#pragma once

#include <boost/container/small_vector.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/pool.hpp"
#include "core/types.hpp"
#include "understudy/error.hpp"

namespace understudy::core {

struct call_options {
  std::string method;         ///< for records and messages
  bool idempotent = false;    ///< may be repeated when its outcome is unknown
  time_point deadline{};      ///< over all attempts; never renewed
  bool hurried = false;       ///< its caller set the deadline: to miss it speaks against no server
  bool parks = true;          ///< it may wait for a server while none is usable
  std::uint8_t priority = 5;  ///< 0 to 9, among calls that wait for a place
  std::uint64_t caller = 0;   ///< calls of one caller share one turn there
  std::optional<std::uint64_t> key{};  ///< for consistent_hash
  /// Servers at which it failed before, in another life: the others come first, backups too. Only
  /// where none of these takes it now does it go where all calls go.
  std::vector<server_id> failed_at{};
};

/// Start it; where there is a canary, send a copy of the call to that server, too: nobody waits
/// for it, and its end is told to the pool alone.
struct attempt {
  server_id server{};
  std::optional<server_id> canary{};
};
/// Nothing to start: an attempt is out, wait for its end or for look_at().
struct wait {};
/// Nothing to try now: wait at most until `until`, then woken(). Earlier where the pool names
/// `turn` among its `turns`; without one where it says wake_parked.
struct park {
  time_point until{};
  std::optional<pending_id> turn{};
};
/// The last faulted answer is the answer: it came, and is not to be had better elsewhere.
struct deliver {};
/// The answer to the caller.
struct give_up {
  std::int64_t code = 0;
  std::string message;
  delivery sent = delivery::not_sent;
  duration retry_after{0};  ///< 0 = no hint
  std::string server{};     ///< that may have run it; empty: none
};
using call_step = std::variant<attempt, wait, park, deliver, give_up>;

/// How a call goes on after an attempt that
/// - was not sent (refused, unreached, stale): another server at once, each once per round, free of
/// the
///   retry budget. When all were tried, it parks until one is usable, then may try all again.
/// - has an unknown outcome (lost, unreadable, timed_out): a server not tried yet, if the call is
///   idempotent, has attempts left, has cost fewer than lost_max connections, and the budget has
///   a token. Where none is usable but one may come back, it parks first, and then may also meet
///   a server it has tried. Otherwise -32001 with a sentence that says why.
/// - pushed_back: as not sent, but for a token of the budget; and where no other server is free the
///   answer is the answer, unless another attempt may have run.
/// - faulted: an answer came. Repeated under the same conditions (but it never waits), otherwise
///   `deliver`. The shell keeps the last faulted answer: any later step may still be `deliver`.
/// Where every server has as many attempts as it can take, the call waits for a place, in its turn
/// (pending.hpp), if it can be served in time; otherwise -32003 at once, with a time to come again.
/// An idempotent call may have two attempts out (a hedge: Dean and Barroso, "The Tail at Scale",
/// 2013), where another server is there and the budget is at least half full: so it ends when
/// errors or overload empty it. The first good answer counts.
/// Deadline: nothing sent -> -32002, or -32000 if it was waiting for a server. Sent, not
/// idempotent -> -32001: the caller must learn that it may have run. Sent, idempotent -> -32002
/// with delivery::unknown: to ask again harms nothing, so the plain reason is the useful one.
///
/// One owner, one thread; the pool outlives it. It calls the pool's begin() for an attempt it
/// returns; the shell reports how the attempt ended through failed() or finish() (which call the
/// pool's end()), and calls the pool's take_actions() after each function here.
class call {
 public:
  call(pool& servers, call_options options);
  /// Leaves the parking place if it is parked; an attempt still out ends as abandoned.
  ~call();
  call(const call&) = delete;
  call& operator=(const call&) = delete;

  [[nodiscard]] call_step begin(time_point now);
  /// The attempt on this server failed, or its answer faulted and may be had elsewhere.
  /// For outcome::answered use finish().
  [[nodiscard]] call_step failed(time_point now, server_id server, outcome how);
  /// There was no connection to spare for the attempt: nothing was sent, and it says nothing of
  /// the server. Another server, or a place at one, or -32003.
  [[nodiscard]] call_step crowded(time_point now, server_id server);
  /// The attempt brought the answer, or its caller is gone (abandoned). `badly`: an answer that is
  /// an error of the service.
  void finish(time_point now, server_id server, outcome how, bool badly = false);
  /// When to look() at the attempt that is out; nothing: its end is all that matters.
  [[nodiscard]] std::optional<time_point> look_at() const;
  /// A second attempt, or wait.
  [[nodiscard]] call_step look(time_point now);
  /// Another attempt brought the answer. This one goes on without the call; its end is told to the
  /// pool under this id.
  [[nodiscard]] attempt_id orphan(server_id server);
  [[nodiscard]] attempt_id id_of(server_id server) const;
  /// What an end says of a server. What the deadline cut short says something of the call; of the
  /// server, only if it had the time that calls have as a rule.
  [[nodiscard]] static outcome as_evidence(time_point now, outcome how, time_point deadline,
                                           bool hurried);
  /// It was parked, and was woken or its time is up. May return park again: parked calls leave
  /// one by one (parking.hpp), and look again by themselves once a second.
  [[nodiscard]] call_step woken(time_point now);

  /// It was parked, and nobody will carry out another attempt: the shell stops.
  [[nodiscard]] call_step stopped();

  /// For canaries.
  [[nodiscard]] method_id method() const { return method_; }
  /// Attempts that were or may have been handed to a server, those that are out included.
  [[nodiscard]] unsigned attempts() const { return attempts_; }

 private:
  [[nodiscard]] call_step start(time_point now, server_id server);
  [[nodiscard]] std::optional<call_step> go_on(time_point now);
  [[nodiscard]] std::optional<server_id> untried(time_point now);
  [[nodiscard]] call_step wait_for_place(time_point now);
  [[nodiscard]] call_step turn_came(time_point now);
  [[nodiscard]] call_step no_place(time_point now, duration retry_after);
  [[nodiscard]] duration needs() const;
  [[nodiscard]] call_step after_not_sent(time_point now);
  [[nodiscard]] call_step after_sent(time_point now);
  /// "It did nothing" is no answer for a call that may have run elsewhere.
  [[nodiscard]] bool has_answer() const { return faulted_ || (pushed_back_ && unknown_.empty()); }
  [[nodiscard]] std::optional<refusal> limit_reached() const;
  [[nodiscard]] call_step wait_for_server(time_point now);
  [[nodiscard]] park stay(time_point now) const;
  [[nodiscard]] call_step not_repeated(refusal why);
  [[nodiscard]] call_step deadline_passed();
  [[nodiscard]] call_step refuse(refusal why, give_up answer);
  void end_attempt(time_point now, server_id server, outcome how, bool badly = false);
  void leave_parking();
  std::optional<server_id> leave_queue();
  [[nodiscard]] pool::state& shared() const { return *pool_.state_; }

  pool& pool_;
  call_options options_;
  method_id method_;
  boost::container::small_vector<server_id, 8> tried_;  ///< in this round
  struct out {
    server_id server{};
    attempt_id id{};
    time_point started{};
  };
  boost::container::small_vector<out, 2> out_;
  time_point looked_{};
  std::optional<time_point> slot_;  ///< when it may leave the parking place
  std::optional<pending_id> turn_;  ///< it waits for a place
  unsigned attempts_ = 0;
  unsigned lost_ = 0;
  bool parked_ = false;
  bool faulted_ = false;      ///< the shell holds such an answer
  bool pushed_back_ = false;  ///< the same
  std::string unknown_at_;    ///< the server of the last of them
  std::string unknown_;       ///< how an attempt ended that may have run; empty if none did
};

}  // namespace understudy::core
