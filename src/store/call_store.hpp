// Where stored calls are kept: the seam between the gateway and an engine (SQLite, MariaDB).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/call_schedule.hpp"
#include "core/stored_call.hpp"

namespace understudy::store {

using core::attempt_token;
using core::call_id;
using core::call_state;
using core::wall_time;

/// The first half of a SHA-256: of a key with its scope, or of a method with its parameters.
using print = std::array<std::uint8_t, 16>;

/// Where a call has a webhook, its end is another call to this service, stored in the same commit:
/// {"url": the webhook, "call": the ticket}.
inline constexpr std::string_view webhook_service = "@webhook";

/// A call to keep. Raw JSON is kept as it was received, byte for byte.
struct new_call {
  std::string service;  ///< what is paused and limited
  std::string method;   ///< `Interface@method`
  std::string params;   ///< raw JSON
  std::string context;  ///< raw JSON, without the member that is ours
  core::stored_terms terms;
  wall_time due{};        ///< not tried before
  std::string order;      ///< calls of one service with the same order run one at a time
  std::string key;        ///< as the caller gave it; empty: none
  print key_print{};      ///< where there is a key
  print content_print{};  ///< tells whether a repeated key means the same call
  std::string webhook;    ///< where the end is told; empty: nowhere
  std::string trace;      ///< traceparent; empty: none
  std::string scope;      ///< who may read the ticket; empty: anyone
};

/// How a call ended. `payload` is raw JSON: the result, or the error object.
struct call_ending {
  call_id id{};
  call_state state = call_state::done;
  bool error = false;  ///< of a done one
  core::dead_reason reason = core::dead_reason::none;
  std::string payload;  ///< of a dead one the last error, where there was one; may be empty
  std::string webhook;  ///< where the end is to be told; empty: nowhere
};

/// The answer to accept().
struct acceptance {
  enum class kind : std::uint8_t {
    accepted,      ///< durable now
    repeated,      ///< the same key and content: `id` is the call that was accepted then
    key_conflict,  ///< the same key, but other content; `id` is that call
    refused,       ///< a quota is reached, or the disk is full: `reason`; it may be repeated later
  };
  kind what = kind::accepted;
  call_id id{};
  std::optional<call_ending> ended;  ///< of a repeated one that is done, dead, ...
  std::string reason;
};

/// A call that is to be tried now, under `token`. The claim is durable.
struct claimed_call {
  call_id id{};
  attempt_token token;
  unsigned attempts = 0;  ///< counted before this one
  bool may_have_run = false;
  std::string service;
  std::string method;
  std::string params;
  std::string context;
  std::string key;
  core::stored_terms terms;
  std::string trace;
};

/// A claim whose attempt is still at work.
struct held_claim {
  call_id id{};
  attempt_token token;
};

/// What became of an attempt, as core::after_attempt decided. `payload` is kept where the call
/// ends by it, and is the last error of a call that waits again.
struct attempt_report {
  call_id id{};
  attempt_token token;
  core::call_next next;
  bool error = false;         ///< the payload is an error object
  bool may_have_run = false;  ///< the attempt's outcome is unknown
  std::string payload;
  std::string server;  ///< that had it; may be empty
};

/// A call as people see it (INTERFACES: Call).
struct call_view {
  call_id id{};
  std::string method;
  call_state state = call_state::waiting;
  core::call_mode mode = core::call_mode::durable;
  bool error = false;  ///< of a done one
  unsigned attempts = 0;
  unsigned attempts_max = 0;
  wall_time created{};
  wall_time due{};  ///< of a waiting one
  wall_time deadline{};
  wall_time finished{};  ///< of one that ended
  std::string key;
  std::string order;
  unsigned priority = 5;
  std::string server;  ///< of the running or last attempt
  core::dead_reason reason = core::dead_reason::none;
  std::string payload;  ///< of one that ended; or the last error
  std::string scope;
};

struct call_filter {
  std::string service;              ///< empty: all
  std::optional<call_state> state;  ///< nothing: all
  std::string key;                  ///< as its caller gave it; empty: all. Every call is looked at
  std::optional<print> key_print;   ///< nothing: all. Found at once
  call_id after{};                  ///< only those with larger ids
  std::size_t count_max = 100;
};

/// Counts of one service. Each accepted call is in exactly one of the states below it, or purged.
struct service_counts {
  std::string service;
  bool paused = false;
  std::uint64_t accepted = 0;
  std::uint64_t waiting = 0;
  std::uint64_t running = 0;
  std::uint64_t done = 0;    ///< forgotten ones included, as in cancelled and expired
  std::uint64_t dead = 0;    ///< that rest
  std::uint64_t purged = 0;  ///< dead ones that were forgotten
  std::uint64_t cancelled = 0;
  std::uint64_t expired = 0;
  std::uint64_t attempts = 0;
  std::optional<wall_time> oldest_waiting;  ///< when the oldest one became due
};

struct store_counts {
  std::vector<service_counts> services;
  std::uint64_t commits = 0;  ///< each with one fsync
  std::uint64_t operations = 0;
  std::uint64_t fenced = 0;  ///< words of stale workers that were refused
  std::uint64_t bytes = 0;   ///< of the file
};

/// What a store tells by itself, on its own thread, after it is durable. Be quick: post it.
class call_sink {
 public:
  virtual ~call_sink() = default;
  virtual void claimed(std::vector<claimed_call> calls) = 0;
  /// All calls that ended, however: by an attempt, their deadline, or a person.
  virtual void ended(std::vector<call_ending> calls) = 0;
};

/// Every function may be called from any thread and returns at once. What it asks for happens on
/// the store's own thread, together with what others ask for at the time: one commit, one fsync.
/// Answers are given there, after what they say is durable; they must be quick. A store that can
/// not tell whether a commit is durable ends the process: all that was not answered is unknown.
/// Where calls of a store are answered late, that is bounded by `accepting()`.
class call_store {
 public:
  template <typename T>
  using answer = std::function<void(T)>;
  virtual ~call_store() = default;

  /// Random, of this store: the middle of its tickets.
  [[nodiscard]] virtual std::string tag() const = 0;

  virtual void accept(new_call call, answer<acceptance> answered) = 0;
  /// Calls that wait to be accepted: refuse more where that grows too large.
  [[nodiscard]] virtual std::size_t accepting() const = 0;

  /// So many more calls may be claimed. Claims come to the sink when there are calls that are due,
  /// in the commit that accepts them at the earliest.
  virtual void grant(std::size_t places) = 0;
  /// The answer: whether the token still held. Otherwise nothing was changed.
  virtual void report(attempt_report attempt, answer<bool> answered) = 0;
  /// Claims hold for a lease (30 s, unless it is configured) and then are lost: each counts as an
  /// attempt that may have run. Their leases begin anew; those that no longer hold are passed over.
  virtual void renew(std::vector<held_claim> claims) = 0;

  /// Calls of a service are not claimed: until resume(), also after a restart, or while held,
  /// which is forgotten at a restart.
  virtual void pause(std::string service, bool paused, answer<bool> answered) = 0;
  virtual void hold(std::string service, bool held) = 0;
  /// At most so many calls of it run at a time; 0: as many as are granted.
  virtual void limit(std::string service, std::size_t running_max) = 0;

  /// The state after it: cancelled, or why not (running: it will not be tried again).
  virtual void cancel(call_id id, answer<std::optional<call_state>> answered) = 0;
  /// A dead call becomes due; false: it is not dead. `as_new`: as another call, whose id is given.
  virtual void retry(call_id id, bool as_new, answer<std::optional<call_id>> answered) = 0;
  /// Forgets a dead call; false: it is not dead.
  virtual void purge(call_id id, answer<bool> answered) = 0;

  virtual void look(call_id id, answer<std::optional<call_view>> answered) = 0;
  virtual void list(call_filter filter, answer<std::vector<call_view>> answered) = 0;
  virtual void counts(answer<store_counts> answered) = 0;
  /// Counts everything. What does not agree, a sentence each.
  virtual void verify(answer<std::vector<std::string>> answered) = 0;
};

/// `c-<tag>-<id>`, a ticket; nothing where a text is none of the store with this tag.
[[nodiscard]] std::string format_ticket(std::string_view tag, call_id id);
[[nodiscard]] std::optional<call_id> parse_ticket(std::string_view tag, std::string_view ticket);

}  // namespace understudy::store
