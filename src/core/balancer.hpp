// Which of several equally trusted servers takes the next attempt.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "core/dice.hpp"
#include "core/member_slot.hpp"
#include "core/types.hpp"

namespace understudy::core {

struct candidate {
  std::size_t index = 0;   ///< the caller's own
  double weight = 1.0;     ///< > 0
  unsigned in_flight = 0;  ///< attempts out, those still connecting included
};

/// Least request: the fewest attempts in flight for its weight. Ties, the rule at low load, are
/// drawn by weight: so an idle pool shares by weight too, and no server is first by its place in
/// a list. Returns the chosen candidate's `index`; `candidates` is not empty.
[[nodiscard]] std::size_t choose(std::span<const candidate> candidates, dice& random);

enum class balance_policy : std::uint8_t {
  peak_ewma,        ///< the cheaper of two random members by latency, failures and load
  round_robin,      ///< every member in turn, as often as its weight
  least_request,    ///< of two random members the one with fewer attempts in flight
  consistent_hash,  ///< calls with the same key go to the same member, within its share of the load
};

[[nodiscard]] std::string_view to_string(balance_policy policy);

struct balance_options {
  balance_policy policy = balance_policy::peak_ewma;
  /// peak_ewma: how fast the past is forgotten. 10 s as in Finagle: a server that was 20 times
  /// slower is tried again after half a minute if nothing else is known of it.
  duration decay = std::chrono::seconds{10};
  /// peak_ewma: what a failed attempt costs, as if it had taken that long. 5 s: what think-swoole's
  /// client waits.
  duration failure_cost = std::chrono::seconds{5};
  /// consistent_hash: nobody gets more than (1 + this) times the mean load.
  double hash_slack = 0.25;
  std::string zone{};  ///< our own; empty: all zones are the same to us
  /// Calls stay in our zone while at least this share of its weight is eligible. Below it they
  /// leave in proportion: no member at home gets more than 1 / this times its normal share.
  double zone_enough = 0.7;
};

struct balance_traits {
  std::string_view name{};  ///< what consistent_hash knows it by: the same at every gateway
  double weight = 1.0;      ///< kept in steps of 1/1024, from 1/1024 to 1024
  std::string_view zone{};
};

/// Which of the members of one priority takes the next attempt. Decides only: who is eligible is
/// for health to say, and at what time it is asked. All of it costs the same for 2 and for 10,000
/// members, but for remembering more of them. One owner, one thread.
///
/// Of peak_ewma: weights divide the cost, so shares follow them once attempts overlap; of two idle
/// members the heavier is preferred. round_robin and least_request keep the shares at any load.
class balancer {
 public:
  explicit balancer(const balance_options& options);
  ~balancer();
  balancer(const balancer&) = delete;
  balancer& operator=(const balancer&) = delete;

  /// Not eligible until told so. Returns its slot, the same until it is forgotten: by that an
  /// attempt begins and ends without a look-up.
  member_slot add(server_id id, const balance_traits& traits);
  /// Weight and zone; the name stays as it was.
  void update(server_id id, const balance_traits& traits);
  /// Not picked any more. Its attempts may still end; it is forgotten with the last one.
  void remove(server_id id);
  /// One that becomes eligible starts like a new one, as fast as the others are on the whole: why
  /// it had been avoided is health's business, which trusts it again.
  void set_eligible(server_id id, bool eligible);

  /// Every attempt: begin before connecting or sending, end exactly once. `begun` is exactly the
  /// `now` of its began(), later by what paused() took since: how old the oldest is depends on it.
  void began(time_point now, member_slot slot);
  void began(time_point now, server_id id);
  void ended(time_point now, member_slot slot, time_point begun, outcome how);
  void ended(time_point now, server_id id, time_point begun, outcome how);

  /// This process did not run for so long: nobody was slow.
  void paused(duration lost);

  /// An eligible member that is not in `tried`; nothing where there is none. `key` is for
  /// consistent_hash (balance_key() in balance_ring.hpp makes one; without one a random key).
  [[nodiscard]] std::optional<server_id> pick(time_point now, std::optional<std::uint64_t> key,
                                              std::span<const server_id> tried, dice& random);
  /// The same by its slot; no_slot where there is none.
  [[nodiscard]] member_slot pick_slot(time_point now, std::optional<std::uint64_t> key,
                                      std::span<const server_id> tried, dice& random);

  [[nodiscard]] std::size_t eligible() const;
  [[nodiscard]] unsigned in_flight(server_id id) const;
  /// What an attempt is expected to take there now: latency or the age of its oldest attempt,
  /// and the failures to be expected.
  [[nodiscard]] duration expected(time_point now, server_id id) const;
  /// Members and table entries looked at so far: what deciding has cost.
  [[nodiscard]] std::uint64_t steps() const;

 private:
  struct state;
  std::unique_ptr<state> state_;
};

}  // namespace understudy::core
