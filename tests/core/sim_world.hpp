// A small discrete-event simulator: real pool and real calls; simulated servers, network, callers
// and clock. The same plan makes the same run, event by event.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <queue>
#include <string>
#include <vector>

#include "core/call.hpp"
#include "core/dice.hpp"
#include "core/pool.hpp"

namespace understudy::sim {

using core::duration;
using core::server_id;
using core::time_point;

enum class condition : std::uint8_t {
  healthy,
  crashed,  ///< running work is lost, connects are refused
  frozen,   ///< accepts, never answers; what it got runs when it thaws
  cut_off,  ///< connects run into connect_timeout; running work goes on, its answers are lost
  mad,      ///< does the work, answers with a fault (probes too)
  sick,     ///< the same, behind a green probe
  slow,     ///< takes slow_factor times as long, behind a green probe
  rude,     ///< answers with errors of the service, behind a green probe
};

struct server_plan {
  unsigned priority = 0;
  double weight = 1.0;
  duration latency_min = std::chrono::milliseconds{1};
  duration latency_max = std::chrono::milliseconds{10};
};

enum class step_kind : std::uint8_t { change, drain, resume };
struct step_plan {
  duration at{};
  std::size_t server = 0;
  step_kind kind = step_kind::change;
  condition to = condition::healthy;
  std::optional<unsigned> method{};  ///< sick, slow, rude: in this one only
};

struct plan {
  std::uint64_t seed = 1;
  core::pool_options pool;
  std::vector<server_plan> servers;
  std::vector<step_plan> steps;  ///< by time
  double calls_per_second = 50;
  duration calls_for = std::chrono::seconds{10};
  duration deadline = std::chrono::seconds{5};
  double idempotent_share = 1.0;
  unsigned methods = 1;  ///< calls are of one of them, by turns
  double slow_factor = 400;
  double stale_share = 0.0;  ///< attempts that meet a pooled connection which just ended
  duration run_for{};        ///< at least; it goes on until every call has ended
};

/// How one call went.
struct sim_call {
  time_point begun{};
  time_point ended{};
  bool idempotent = false;
  bool answered = false;  ///< a good answer
  bool fault_delivered = false;
  std::int64_t code = 0;  ///< of the give_up
  delivery sent = delivery::answered;
  unsigned executions = 0;  ///< effects on any server, also after the call has ended
  unsigned attempts = 0;
  unsigned method = 0;
  bool rude = false;                   ///< answered with an error of the service
  std::vector<std::size_t> numbers{};  ///< of its attempts, canaries too
  unsigned canaries = 0;
  unsigned hedges = 0;
  std::vector<std::size_t> servers{};  ///< of its attempts, in order; not sent ones too
};

struct told {
  time_point at{};
  core::record what;
};

class world {
 public:
  explicit world(plan p);
  ~world();
  /// Runs to the end. Throws std::logic_error with a sentence where the cores break a rule that
  /// holds in every world (two probes at once, a server that is down was picked, a spin).
  void run();

  [[nodiscard]] const std::vector<sim_call>& calls() const { return calls_; }
  [[nodiscard]] const std::vector<told>& records() const { return records_; }
  [[nodiscard]] core::pool& pool() { return pool_; }
  [[nodiscard]] time_point now() const { return now_; }
  [[nodiscard]] std::uint64_t hash() const { return hash_; }
  [[nodiscard]] std::uint64_t events() const { return handled_; }

 private:
  enum class kind : std::uint8_t {
    arrival,
    effect,
    attempt_end,
    attempt_timeout,
    probe_end,
    timer,
    parked_look,
    look,
    script
  };
  struct event {
    time_point at{};
    std::uint64_t order = 0;
    kind what{};
    std::size_t subject = 0;   ///< call, attempt, server or step
    std::uint64_t ticket = 0;  ///< of the probe, park or timer it belongs to
    core::outcome how{};
    bool operator>(const event& e) const { return at != e.at ? at > e.at : order > e.order; }
  };
  struct server {
    server_plan plan;
    server_id id{};
    condition now = condition::healthy;
    std::optional<unsigned> method{};
    std::uint64_t probe = 0;  ///< ticket of the one under way; 0 = none
    time_point probe_begun{};
    std::vector<std::size_t> work{};  ///< attempts that reached it and have not ended
  };
  struct attempt {
    std::size_t call = 0;
    std::size_t server = 0;
    time_point begun{};
    duration effect_after{};  ///< of its running time
    bool ended = false;       ///< for the caller
    bool effected = false;
    bool gone = false;                        ///< the server died before its effect
    std::optional<core::attempt_id> apart{};  ///< a canary, or its call has been answered
  };

  void push(duration in, kind what, std::size_t subject, std::uint64_t ticket = 0,
            core::outcome how = core::outcome::answered);
  void handle(const event& e);
  void arrive();
  void carry_out(std::size_t call, core::call_step step);
  void start_attempt(std::size_t call, server_id id, std::optional<core::attempt_id> canary);
  void watch_attempt(std::size_t call);
  [[nodiscard]] bool hits(const server& s, std::size_t call) const;
  void end_attempt(std::size_t index, core::outcome how);
  void effect(std::size_t index);
  void start_probe(server_id id);
  void end_probe(std::size_t server, core::outcome how);
  void wake_all();
  void take_turn(core::pending_id turn);
  void change(std::size_t server, condition to, std::optional<unsigned> method);
  void settle();
  void finish(std::size_t call);
  void check_pick(std::size_t call, std::size_t server);
  [[nodiscard]] duration between(duration least, duration most);
  void mix(std::uint64_t value);

  plan plan_;
  core::dice random_;
  core::pool pool_;
  time_point now_{};
  std::priority_queue<event, std::vector<event>, std::greater<>> queue_;
  std::vector<server> servers_;
  std::map<server_id, std::size_t> index_;
  std::vector<attempt> attempts_;
  std::vector<sim_call> calls_;
  std::vector<std::unique_ptr<core::call>> lives_;
  std::map<std::size_t, std::uint64_t> parked_;  ///< call -> ticket of its next look
  std::map<core::pending_id, std::size_t> turns_;  // of those that wait for a place
  std::vector<told> records_;
  time_point timer_at_{};
  std::uint64_t timer_ticket_ = 0;
  std::uint64_t order_ = 0;
  std::uint64_t handled_ = 0;
  std::uint64_t hash_ = 14695981039346656037U;
  std::size_t running_ = 0;
};

}  // namespace understudy::sim
