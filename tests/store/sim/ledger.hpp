// What is known outside of the store: what it has promised, what servers did, and whether both
// agree with the rules of stored calls.
#pragma once

#include <array>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "store/call_store.hpp"

namespace understudy::store::sim {

/// Each is judged wherever something could break it. docs/TESTING.md has the list.
enum class rule : std::uint8_t {
  accepted_is_somewhere,    ///< accepted = done + dead + cancelled + expired + live; verify()
  acknowledged_survives,    ///< in exactly one state, and never lost
  ends_once,                ///< one end, which is not changed; its answer is one a server gave
  one_effect_with_once,     ///< at most one; exactly one where it is done with a result
  no_effect_of_the_undone,  ///< cancelled, expired, or dead without an unknown attempt: no effect
  unknown_is_not_repeated,  ///< where the terms say dead, and nobody retried it
  one_valid_claim,          ///< of a call at a time, under a token that was never used
  stale_is_refused,         ///< a report without the valid token; one with it is taken
  one_of_a_line,            ///< the first of its line alone runs, in the order of acceptance
  limit_is_kept,            ///< of a service; and never more claims than places
  pause_is_kept,            ///< paused and held services start nothing
  time_is_kept,             ///< not before it is due, after its deadline, or when it is too old
  attempts_are_bounded,     ///< by attempts_max
  key_is_one_call,          ///< the same id and answer; other parameters are a conflict
  urgent_goes_first,        ///< of one service, among those that are ready
  backoff_is_spread,        ///< within 0 and its cap
  cancel_is_kept,           ///< no attempt begins after a cancel
  webhook_is_told,          ///< each end, and not before it is durable
  none_starves,             ///< without faults all that lives ends
  count
};
[[nodiscard]] std::string_view name_of(rule which);

/// Why a call has an end, or none, as the outside knows it.
struct known_call {
  new_call what;
  call_state state = call_state::waiting;
  core::dead_reason reason = core::dead_reason::none;
  bool error = false;
  std::string payload;
  wall_time created{};
  wall_time due{};
  wall_time deadline{};
  wall_time finished{};
  bool cancel_asked = false;
  std::optional<attempt_token> valid;  ///< of the claim that may report
  wall_time claimed{};
  bool lease_ended = false;   ///< the store may have noticed, even if its clock was set back
  bool received = false;      ///< a server has seen the attempt of the claim
  unsigned receipts = 0;      ///< attempts that a server saw, since the last retry
  bool unknown = false;       ///< one of them ended so
  bool ever_unknown = false;  ///< also before a retry
  unsigned retries = 0;       ///< by an operator
  unsigned effects = 0;
  std::set<std::string> answers;  ///< that servers gave
  unsigned ends_to_tell = 0;
  unsigned told = 0;  ///< notices that its webhook has acknowledged
  bool gone = false;  ///< purged, or forgotten after its time

  [[nodiscard]] bool live() const {
    return state == call_state::waiting || state == call_state::running;
  }
  [[nodiscard]] bool final() const { return !live() && state != call_state::dead; }
};

struct ledger_terms {
  std::chrono::milliseconds lease{};
  std::chrono::milliseconds result_kept{};
  std::chrono::milliseconds age_max{};
  std::set<std::string> once;  ///< services whose servers know what they have done
};

class ledger {
 public:
  explicit ledger(ledger_terms terms) : terms_(std::move(terms)) {}

  // What the store has answered or told, once it is durable: in the order of the transaction, ends
  // before claims. `now` is the clock that the store saw.
  void begin(wall_time now);
  /// The store has seen this time, in a transaction whose fate is not known.
  void saw(wall_time now);
  void accepted(const new_call& call, const acceptance& answer);
  void reported(const attempt_report& report, bool held);
  void cancelled(call_id id, std::optional<call_state> answer);
  void retried(call_id id, std::optional<call_id> as, bool as_new);
  void purged(call_id id, bool done);
  void paused(const std::string& service, bool paused);
  void held(const std::string& service, bool held);
  void limited(const std::string& service, std::size_t most);
  void granted(std::size_t places) { granted_ += places; }
  void ended(const call_ending& ending);
  void claimed(const claimed_call& claim);
  /// After all of them.
  void settle(const std::vector<claimed_call>& claims);

  /// The owner is gone; of `in_doubt` it is not known whether they are durable.
  struct doubt {
    std::vector<new_call> accepted;
    std::set<call_id> touched;  ///< by a command
    std::set<call_id> reported;
    std::set<std::string> paused;
    bool commit = false;  ///< there was one: it may have claimed, too
  };
  void died(doubt in_doubt);
  /// It began anew, and `all` is there.
  void reconcile(const std::vector<call_view>& all, const store_counts& counts,
                 const std::vector<std::string>& verified, wall_time now);

  // What servers do. Not from the store.
  /// `since`: how long ago the claim was made, by a clock that nobody sets.
  void received(const claimed_call& claim, std::chrono::milliseconds since, wall_time now);
  /// Another attempt was at work: this one counts for nothing.
  void put_off(call_id id) { --calls_[id].receipts; }
  void effect(call_id id);
  void answered(call_id id, const std::string& payload) { calls_[id].answers.insert(payload); }
  void notice_arrived(call_id about);
  /// At the end of all: effects that come late are counted.
  void audit();

  void judge(rule which, bool holds, const std::string& otherwise);
  [[nodiscard]] const std::map<call_id, known_call>& calls() const { return calls_; }
  [[nodiscard]] std::optional<call_id> of_key(const std::string& key) const;
  [[nodiscard]] const std::vector<std::string>& wrong() const { return wrong_; }
  using tally = std::array<std::uint64_t, static_cast<std::size_t>(rule::count)>;
  [[nodiscard]] const tally& judged() const { return judged_; }
  [[nodiscard]] bool is_paused(const std::string& service) const {
    return paused_.contains(service);
  }

 private:
  using line = std::pair<std::string, std::string>;
  void join(call_id id);
  void leave(call_id id);
  void close(const call_ending& ending, wall_time when);
  [[nodiscard]] bool forgettable(const known_call& call) const;
  void lose_claim(known_call& call);
  known_call& enter(call_id id, const new_call& what);
  void enter_notice(const claimed_call& claim);
  void judge_claim(const claimed_call& claim, const known_call& call);
  void judge_places(const std::vector<claimed_call>& claims);
  void judge_priorities(const std::vector<claimed_call>& claims);
  void reconcile_one(const call_view& view, known_call& call);
  void audit_one(call_id id, const known_call& call);
  void adopt(const call_view& view);

  ledger_terms terms_;
  wall_time now_{};
  wall_time latest_{};  ///< the clock may have been set back since
  std::map<call_id, known_call> calls_;
  std::map<std::string, call_id> keys_;
  std::map<line, std::vector<call_id>> lines_;
  std::set<std::string> paused_, held_;
  std::set<std::string> paused_before_, held_before_;  ///< when the transaction began
  std::map<std::string, std::size_t> limits_, limits_before_;
  std::set<line> unsure_;  ///< it is in doubt who came first, until it is empty
  std::vector<acceptance> repeats_;
  bool lost_notices_ = false;  ///< one ended that was never claimed: nobody knows whose it was
  std::set<call_id> fresh_;    ///< accepted, or waiting anew, in this transaction
  std::uint64_t granted_ = 0;
  std::uint64_t claims_ = 0;
  attempt_token last_token_;
  doubt doubt_;
  tally judged_{};
  std::vector<std::string> wrong_;
};

}  // namespace understudy::store::sim
