// The servers of one pool: what evidence changes, when they are probed, how they return.
#pragma once

#include <array>
#include <boost/unordered/unordered_flat_map.hpp>
#include <list>
#include <optional>
#include <queue>
#include <string>
#include <string_view>
#include <vector>

#include "core/dice.hpp"
#include "core/latency.hpp"
#include "core/pool.hpp"
#include "core/server.hpp"
#include "core/tiers.hpp"

namespace understudy::core {

/// The life of a server, evidence by evidence (detector.hpp says what the opinions mean):
///
///   up        --doubt-->   suspect, probed at once; used only if no other is up
///   suspect   --well-->    up (its probe began after the newest doubt)
///   up, suspect, returning --silent--> down; but the last usable one stays suspect
///   any       --gone-->    down, even the last one: calls would only be refused, so they park
///   down      --well-->    up at once if no server is up; else, `probes_up` in a row:
///                          up, if a better priority serves (it is an idle backup);
///                          returning with a ramp, if its own priority serves;
///                          returning, held down, then with a ramp (failback), if a worse one does
///   returning --doubt-->   down: hold-down and ramp start over
///   drained   nothing counts and nothing is probed: it may be stopped. After resume() it is down
///             until its probes are good; hold-down is waived, the operator has decided.
///
/// A new server is up at once while none of the others has proved anything (a first start);
/// later it is down until its probes are good.
///
/// No event costs more for more servers, but those that change what many of them are.
class roster {
 public:
  /// All outlive the roster. It tells the tiers who is eligible.
  roster(const pool_options& options, tiers& by_priority, dice& random)
      : options_(options), tiers_(by_priority), random_(random) {}

  server_id add(time_point now, const server_options& options);
  void update(time_point now, server& s, const server_options& options);
  void remove(time_point now, server& s);
  void drain(time_point now, server& s);
  void resume(time_point now, server& s);

  void attempt_ended(time_point now, server& s, outcome how, duration took);
  void idle_connection_lost(time_point now, server& s);
  /// An attempt begun at `begun` is late. If nothing at all came from the server since, a probe is
  /// sent at once; if that is late, too, the server is silent: frozen, or cut off.
  void overdue(time_point now, server& s, time_point begun);
  /// Another observer has left it: it is looked at now, and is down if it does not answer.
  void heard(time_point now, server& s);
  void methods_fail(time_point now, server& s, unsigned methods, duration rest);
  /// We were not running for so long.
  void paused(duration lost);
  void probe_ended(time_point now, server& s, outcome how, duration took);

  /// What time alone changes; appends the records made so far and the probes that are due.
  void advance(time_point now, pool_actions& out);
  [[nodiscard]] std::optional<time_point> next_deadline() const;

  /// Erases a removed server once its attempts and its probe have ended. Invalidates pointers.
  void forget_if_done(const server& s);
  /// The server, also a removed one that has not ended; nullptr if there is none.
  [[nodiscard]] server* find(server_id id);
  [[nodiscard]] const server* find(server_id id) const;
  [[nodiscard]] const std::list<server>& servers() const { return servers_; }

  /// How many are in that state, the removed ones not counted.
  [[nodiscard]] std::size_t in_state(server_state state) const {
    return states_[static_cast<std::size_t>(state)];
  }
  [[nodiscard]] std::size_t usable() const {
    return in_state(server_state::up) + in_state(server_state::suspect) +
           in_state(server_state::returning);
  }
  /// Not drained.
  [[nodiscard]] std::size_t in_service() const { return usable() + in_state(server_state::down); }

 private:
  void act(time_point now, server& s, pool_actions& out);
  void plan(server& s);
  void count(server_state state, int by);
  void judge(time_point now, server& s, const finding& f);
  void accuse(time_point now, server& s, const finding& f);
  void suspect(time_point now, server& s, const finding& f);
  void tell_suspicion(time_point now, server& s, const finding& f);
  void welcome(time_point now, server& s, const finding& f);
  void come_back(time_point now, server& s, const finding& f);
  void start_ramp(time_point now, server& s, std::string_view kind, evidence seen,
                  std::string_view rule, duration length);
  void put_up(time_point now, server& s, std::string_view rule, evidence seen);
  void enter(time_point now, server& s, server_state state);
  void share_out(const server& s, server_state from);
  [[nodiscard]] duration failback_ramp() const;
  void probe_at(server& s, time_point at);
  void schedule_probe(time_point now, server& s);
  [[nodiscard]] std::optional<time_point> silent_at(const server& s) const;
  [[nodiscard]] duration probe_patience() const;
  void settle(time_point now);
  void watch_for_empty(time_point now);
  void tell(const server& s, std::string_view kind, evidence seen, std::string_view rule,
            std::string_view effect);

  struct look {
    time_point at{};
    server_id server{};
    bool operator>(const look& other) const {
      return at != other.at ? at > other.at : server > other.server;
    }
  };

  const pool_options& options_;
  tiers& tiers_;
  dice& random_;
  std::list<server> servers_;
  boost::unordered_flat_map<std::uint32_t, std::list<server>::iterator> by_id_;
  std::array<std::size_t, 5> states_{};  ///< by server_state
  /// Entries that came to be wrong are asked again when their time comes, or are not planned.
  std::priority_queue<look, std::vector<look>, std::greater<>> looks_;
  std::vector<record> records_;
  std::vector<server_id> left_;
  std::uint32_t last_id_ = 0;
  unsigned probes_out_ = 0;
  bool wake_ = false;
  bool empty_told_ = false;
  time_point empty_since_{};
  latency probe_took_;
};

}  // namespace understudy::core
