// The servers of some services: which one takes the next attempt, which are believed alive.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/balancer.hpp"
#include "core/limiter.hpp"
#include "core/pending.hpp"
#include "core/refusals.hpp"
#include "core/types.hpp"

namespace understudy::core {

struct server_options {
  std::string address{};  ///< host:port, for records
  unsigned priority = 0;  ///< 0 = primary, 1.. = backups
  double weight = 1.0;    ///< share within its priority
  std::string zone{};     ///< where it is; empty: everywhere
};

struct server;
struct tier;

/// A method of one pool; given by the pool, in order.
enum class method_id : std::uint32_t {};
/// An attempt that has begun and not ended.
enum class attempt_id : std::uint32_t {};

enum class failback_policy : std::uint8_t {
  automatic,  ///< a returned primary takes calls again after hold_down, then a ramp
  manual,     ///< only when an operator resumes it
  gradual,    ///< like automatic, but the ramp takes `gradual`
};

/// Defaults aim at: two servers, 1 to 50 calls/s, a crash noticed within milliseconds.
struct pool_options {
  std::string name{};
  duration probe_interval = std::chrono::seconds{1};  ///< up servers, idle backups too
  duration probe_timeout = std::chrono::seconds{1};   ///< a probe slower than this has failed
  duration down_probe_interval = std::chrono::milliseconds{250};
  unsigned probes_down = 2;  ///< failed probes in a row until a server is down
  unsigned probes_up = 2;    ///< good ones in a row until it may return (1, if no other is up)
  duration hold_down = std::chrono::seconds{5};  ///< a better priority rests this long, healthy
  duration ramp = std::chrono::seconds{5};       ///< then its share grows from 0 to 1
  duration gradual = std::chrono::minutes{1};    ///< the same, at a gradual failback
  failback_policy failback = failback_policy::automatic;
  unsigned attempts_max = 3;      ///< per direct call, counting those that may have run
  unsigned lost_max = 2;          ///< connections one call may cost (a killer call stops here)
  std::size_t parked_max = 1000;  ///< calls that may wait while all servers are down
  double retry_ratio = 0.2;       ///< budget: tokens a call earns for repeats and hedges
  double retry_tokens_max = 500;  ///< budget: the most that is saved up (it starts full)
  /// A second attempt of an idempotent call, on another server, once the first takes longer than
  /// 19 of 20 calls of its method do, but not before this. 0: never.
  duration hedge_after = std::chrono::milliseconds{10};
  balance_options balance{};            ///< among the servers of one priority
  limiter_options limits{.start = 32};  ///< how many attempts a server is given at a time
  pending_options pending{};            ///< calls that wait while all have as many as they can take
};

enum class server_state : std::uint8_t {
  up,
  suspect,  ///< a connection was lost, or the like: probed at once, used only if nothing better is
  down,     ///< refuses connections or fails probes: not used
  returning,  ///< probes are good again: held down, then ramped
  drained,    ///< an operator took it out: running calls end, no new ones
};

[[nodiscard]] std::string_view to_string(server_state state);

struct server_status {
  server_id id{};
  server_options options;
  server_state state = server_state::up;
  unsigned in_flight = 0;
  std::uint64_t attempts = 0;
  std::uint64_t failures = 0;
  time_point since{};                       ///< when it entered this state
  double share = 1.0;                       ///< of its calls: below 1 while it returns
  std::vector<std::string> methods_away{};  ///< that it is not trusted with
  unsigned limit = 0;                       ///< attempts it is given at a time
};

/// A server that was left, or a method on it: for other observers of the same server.
struct verdict {
  server_id server{};
  std::string method{};  ///< empty: all of the server
};

struct pool_actions {
  std::vector<server_id> probe;   ///< start one probe to each now (its timeout: probe_timeout)
  std::vector<record> records;    ///< write these to the event log
  bool wake_parked = false;       ///< a server may be usable again: wake the parked calls
  std::vector<pending_id> turns;  ///< wake these of the parked calls
  std::vector<verdict> verdicts;  ///< tell other observers: heard()
};

/// Decides; does no I/O, reads no clock. One owner, one thread. Two seams inside: the detector
/// (what evidence means for one server) and the balancer (which of the usable ones is next).
/// roster.hpp says how servers leave and come back.
class pool {
 public:
  pool(pool_options options, std::uint64_t seed);
  ~pool();
  pool(const pool&) = delete;
  pool& operator=(const pool&) = delete;

  server_id add(time_point now, const server_options& options);
  void update(time_point now, server_id id, const server_options& options);
  /// Gone for good; attempts and a probe still running on it may still end.
  void remove(time_point now, server_id id);
  /// No new calls and no probes until resume().
  void drain(time_point now, server_id id);
  /// Ends a drain, or lets a failback happen now (a manual one, or one still held down).
  void resume(time_point now, server_id id);

  /// A method by its name (`Interface@method`), for what follows. Those that were never answered
  /// well are one to the pool: invented names cost nothing.
  [[nodiscard]] method_id method(std::string_view name) const;
  /// It was answered well: it is known by itself from now on.
  method_id know(std::string_view name);
  struct choice {
    std::optional<server_id> server{};
    bool full = false;  ///< there are some, but each has as many attempts as it can take
  };
  /// The best usable server that is not in `tried`. In this order: the best priority that is up
  /// (or ramps, and chance gives the call to it); one that is returning; one that is not trusted
  /// with this method; a suspect one. Never one that is down or drained, nor one that is full; and
  /// no worse priority because a better one is full. `key`: for consistent_hash.
  [[nodiscard]] choice pick(time_point now, std::span<const server_id> tried, method_id m,
                            std::optional<std::uint64_t> key = std::nullopt);
  /// Every attempt: begin before connecting or sending, end exactly once. `answered_badly`: an
  /// error of the service itself, which speaks against a server only where it is unusual.
  [[nodiscard]] attempt_id begin(time_point now, server_id id, method_id m, bool idempotent);
  void end(time_point now, attempt_id which, outcome how, bool answered_badly = false);
  /// A server that is not trusted with the method and may be tried with a copy of a call of it
  /// that goes to another one: begin_canary(), and end() as for every attempt.
  [[nodiscard]] std::optional<server_id> canary_due(time_point now, method_id m) const;
  [[nodiscard]] attempt_id begin_canary(time_point now, server_id id, method_id m);
  [[nodiscard]] duration canary_patience(method_id m) const;
  /// It is up, and trusted with the method without reserve.
  [[nodiscard]] bool trusts(time_point now, server_id id, method_id m) const;
  /// How long an attempt of an idempotent call may take before it is hedged; nothing: never.
  [[nodiscard]] std::optional<duration> hedge_delay(method_id m) const;
  /// This process did not run for so long (its machine was busy): nobody is blamed for that time.
  void paused(duration lost);

  /// Another observer of the same server has left it: it is suspected here and probed at once, and
  /// down if it does not answer. Or has left one of its methods: so does this one, if it can.
  void heard(time_point now, server_id id);
  void heard_away(time_point now, server_id id, std::string_view method);

  /// Evidence from outside calls: a pooled idle connection was closed by the peer (a think-swoole
  /// server does that after 60 s idle, so it makes a server suspect, not down).
  void idle_connection_lost(time_point now, server_id id);
  /// Every probe of pool_actions ends here exactly once, within probe_timeout, also one that
  /// could not be started (abandoned). Its connection is a fresh one. Any answer but a fault is
  /// outcome::answered, a service's error too: the worker answered.
  void probe_ended(time_point now, server_id id, outcome how, duration took);

  /// Call after every event above, and when next_deadline() has come.
  [[nodiscard]] pool_actions take_actions(time_point now);
  [[nodiscard]] std::optional<time_point> next_deadline() const;

  [[nodiscard]] const pool_options& options() const;
  [[nodiscard]] std::vector<server_status> status(time_point now) const;
  [[nodiscard]] std::size_t parked() const;         ///< calls that wait for a server now
  [[nodiscard]] bool waits(pending_id turn) const;  ///< it was not told to come yet
  [[nodiscard]] std::size_t queued() const;         ///< calls that wait for a place at one

 private:
  enum class standing : std::uint8_t;
  [[nodiscard]] standing standing_of(time_point now, const server& s, method_id m);
  [[nodiscard]] choice search(time_point now, const tier& of, unsigned priority,
                              std::span<const server_id> tried, method_id m);
  [[nodiscard]] choice pick_second_best(time_point now, std::span<const server_id> tried,
                                        method_id m);
  [[nodiscard]] std::optional<server_id> chosen(std::span<const candidate> among);
  [[nodiscard]] server* with_place(time_point now);
  void give_places(time_point now, pool_actions& out);
  [[nodiscard]] std::optional<server_id> take_grant(pending_id id);
  void forget_if_done(server_id id);

  friend class call;  // shares the parking place, the retry budget and the refusals
  struct state;
  std::unique_ptr<state> state_;
};

}  // namespace understudy::core
