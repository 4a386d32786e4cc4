// Two servers, their callers and one fault, in simulated time, for any contender: what calls come
// when, how long each takes where, and what breaks is the same for all of them.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <queue>
#include <string>
#include <vector>

#include "core/types.hpp"

namespace understudy::core::peers {

enum class condition : std::uint8_t {
  healthy,
  crashed,  ///< running work is lost, connects are refused
  frozen,   ///< accepts, never answers; what it got runs when it thaws
  slow,     ///< takes slow_factor times as long, behind a green probe
  sick,     ///< answers with a fault (-32603, HTTP 500), behind a green probe
  rude,     ///< answers with errors of the service (code 0, HTTP 200), behind a green probe
  grey,     ///< one attempt in a hundred never ends, behind a green probe
};

inline constexpr std::size_t primary = 0;
inline constexpr std::size_t backup = 1;

struct change {
  duration at{};
  std::size_t server = primary;
  condition to = condition::healthy;
};

struct scenario {
  std::string name;
  double rate = 50;  ///< calls a second, of two methods by turns, half of them idempotent
  duration fault_at{};
  duration fault_ends{};
  duration calls_for{};
  std::optional<unsigned> method{};  ///< slow, sick, rude: in this one only
  int slow_factor = 400;
  std::vector<change> changes{};  ///< by time
  std::uint64_t seed = 1;
};

inline constexpr duration caller_timeout = std::chrono::seconds{5};

struct call_seen {
  time_point begun{};
  time_point ended{};
  bool idempotent = false;
  unsigned method = 0;
  bool over = false;
  bool good = false;
  bool repeated_blindly = false;  ///< not idempotent, and sent again after it had been sent
  std::vector<std::size_t> attempts{};
  unsigned open = 0;  ///< of them
};

struct attempt_seen {
  std::size_t call = 0;
  std::size_t server = 0;
  duration takes{};  ///< at work
  bool sent = false;
  bool open = true;
};

enum class probe_kind : std::uint8_t {
  connect,  ///< a frozen server passes
  request,
};

/// What a contender set a clock for.
struct token {
  std::uint8_t kind = 0;
  std::size_t subject = 0;
  std::uint64_t ticket = 0;
};

/// A proxy: decides where calls go.
class contender {
 public:
  virtual ~contender() = default;
  virtual void begin(std::size_t call) = 0;
  /// `rude`: answered, but with an error of the service.
  virtual void attempt_ended(std::size_t attempt, outcome how, bool rude) = 0;
  /// Its time is over: the caller has gone, if it had not been answered. Attempts that are open go
  /// on until they are stopped.
  virtual void caller_gone(std::size_t call) = 0;
  virtual void probe_ended(std::size_t server, outcome how, duration took) = 0;
  /// The server closed the connections that were idle: it crashed.
  virtual void idle_connection_lost(std::size_t server) = 0;
  virtual void woken(const token& what) = 0;
  /// How often a server (or a method on one) was left.
  [[nodiscard]] virtual unsigned ejections() const = 0;
};

class world;
using make_contender = std::function<std::unique_ptr<contender>(world&, std::uint64_t seed)>;

class world {
 public:
  world(scenario what, const make_contender& make);
  ~world();
  void run();

  // For the contender.
  [[nodiscard]] time_point now() const { return now_; }
  [[nodiscard]] const call_seen& call(std::size_t index) const { return calls_[index]; }
  [[nodiscard]] const attempt_seen& attempt(std::size_t number) const { return attempts_[number]; }
  /// One more attempt of the call; timed_out after `patience`, if any.
  std::size_t start(std::size_t call, std::size_t server, std::optional<duration> patience);
  void stop(std::size_t attempt);
  /// What the caller gets; only the first counts.
  void answer(std::size_t call, bool good);
  void probe(std::size_t server, probe_kind how, duration timeout);
  void wake(time_point at, const token& what);

  // For the judge.
  [[nodiscard]] const std::vector<call_seen>& calls() const { return calls_; }
  [[nodiscard]] unsigned ejections() const { return contender_->ejections(); }
  [[nodiscard]] std::size_t server_of_first_attempt(const call_seen& c) const {
    return attempts_[c.attempts.front()].server;
  }

 private:
  enum class kind : std::uint8_t { end, timeout, probe, wake, change };
  struct event {
    time_point at{};
    std::uint64_t order = 0;
    kind what{};
    std::size_t subject = 0;
    token ticket{};
    bool operator>(const event& e) const { return at != e.at ? at > e.at : order > e.order; }
  };
  struct server {
    condition now = condition::healthy;
    std::vector<std::size_t> work{};  ///< attempts that reached it and have not ended
    bool probed = false;
    std::uint64_t probe_ticket = 0;
    probe_kind probe{};
    time_point probe_begun{};
    duration probe_timeout{};
  };

  void plan_calls();
  void push(time_point at, kind what, std::size_t subject, const token& ticket = {});
  void handle(const event& e);
  void deadline_passed(std::size_t index);
  [[nodiscard]] time_point next_event() const;
  [[nodiscard]] time_point next_arrival() const;
  [[nodiscard]] time_point next_deadline();
  [[nodiscard]] bool hits(const attempt_seen& a) const;
  void finish(std::size_t attempt);
  void end(std::size_t attempt, outcome how, bool rude = false);
  void change_to(server& s, condition to);
  void look_at_probe(std::size_t where);
  void end_probe(std::size_t where, outcome how);

  scenario what_;
  time_point now_{};
  std::priority_queue<event, std::vector<event>, std::greater<>> queue_;
  std::uint64_t order_ = 0;
  std::size_t running_ = 0;
  std::size_t arrived_ = 0;  ///< so many calls have come
  std::size_t timed_ = 0;    ///< the time of so many is over, or they were answered
  server servers_[2];
  std::vector<call_seen> calls_;
  std::vector<attempt_seen> attempts_;
  std::unique_ptr<contender> contender_;
};

}  // namespace understudy::core::peers
