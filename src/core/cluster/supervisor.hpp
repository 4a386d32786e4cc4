// Who is to be primary, and what has to be done for it: the decisions of a supervisor.
#pragma once

#include <map>
#include <string>
#include <variant>
#include <vector>

#include "core/cluster/node_view.hpp"

namespace understudy::core {

struct supervisor_options {
  supervisor_id me{};
  /// After so long without a look a node counts as silent; a primary is given up if its members
  /// hear nothing of it either.
  duration silent_after = std::chrono::milliseconds(1000);
  /// What was seen so soon after the topology changed may be from before.
  duration look_within = std::chrono::milliseconds(500);
  /// So long has nothing come from a primary that is given up: three heartbeats.
  duration quiet_after = std::chrono::milliseconds(750);
  /// A decision that comes so much later than it was due was made by who slept.
  duration late_after = std::chrono::milliseconds(250);
  /// Whoever does not lead lets the leader act first.
  duration rival_after = std::chrono::milliseconds(300);
  /// So long members are being revoked, at most, before the topology says so.
  duration at_once_within = std::chrono::milliseconds(100);
  /// Another's work that stands still for so long is taken over.
  duration stalled_after = std::chrono::milliseconds(1000);
  /// A member that can not acknowledge for so long is removed.
  duration member_lost_after = std::chrono::milliseconds(1000);
  /// A node is made a member when it has followed for so long.
  duration member_after = std::chrono::milliseconds(500);
  /// A new primary waits so long for somebody who acknowledges, before it serves alone.
  duration followers_within = std::chrono::milliseconds(2000);
  /// No second takeover so soon after one, unless all nodes are members again.
  duration hold_down = std::chrono::seconds(60);
  /// A switchover is given up when the successor has not everything by then.
  duration switchover_within = std::chrono::seconds(5);
  /// An order about a node that is not the primary, when it can not be carried out by then.
  duration upkeep_within = std::chrono::seconds(60);
  /// And when a gateway has not confirmed that its gate is closed.
  duration gates_within = std::chrono::milliseconds(200);
  /// Whether a primary may serve alone, with nobody to acknowledge.
  bool solo = true;
  /// Transactions behind, at most, of one who is made a member.
  std::uint64_t lag_max = 1000;
};

/// What an operator asks for.
struct bootstrap_order {
  std::vector<node_entry> nodes;
  node_id primary{};
  bool adopt = false;  ///< the primary has data already; else all have to be empty
};
struct switchover_order {
  node_id to{};  ///< 0: whoever fits best
};
struct takeover_order {};  ///< give the primary up now
struct maintenance_order {
  bool on = false;
};
/// Make a node part of the cluster. It follows, and is a member when its rule says so.
struct add_node_order {
  node_entry node;
};
/// Let a node go, that is not the primary. When it is done it can acknowledge nothing.
struct remove_node_order {
  node_id node{};
};
/// Make a node a copy of another, though its own data may be well. It is no member meanwhile.
struct clone_order {
  node_id node{};
  node_id donor{};  ///< 0: a member, or else the primary
};
/// Try at once what failed for a node that is no member, and would be tried again later.
struct rejoin_order {
  node_id node{};
};
using order = std::variant<bootstrap_order, switchover_order, takeover_order, maintenance_order,
                           add_node_order, remove_node_order, clone_order, rejoin_order>;

/// What is to be done next.
struct tell {
  node_id node{};
  generation gen{};
  core::step step;
};
/// Write the topology if nobody has since it was read; then topology_written() or
/// topology_unwritten() must follow.
struct write_topology {
  topology what;
  bool create = false;  ///< if there is none
};
struct move_gates {
  bool closed = false;
};
using action = std::variant<tell, write_topology, move_gates, record>;

/// Observations in, actions out. What is to be done follows from the topology and from what is
/// seen, so that any supervisor can go on where another has stopped, at any step:
///
/// - All authority comes from the topology, which is written by compare-and-swap, with a higher
///   generation each time. Only who wrote it last acts on nodes, and fences each before (`hold`):
///   nodes refuse the words of earlier generations.
/// - A takeover revokes all members first (none of them acknowledges any more), takes the one that
///   has the most, lets it apply that, and makes it primary in the topology, together with those
///   who may acknowledge to it. It is opened as soon as one of them follows; who takes its place
///   comes from them, and has what it was made primary with. With nobody to follow, it is opened
///   only when the topology says who acknowledges: until then it has acknowledged nothing, and
///   whoever has what it had may take its place.
/// - Members are added to the topology before they may acknowledge, and removed after they can not
///   and another has all that they may have acknowledged.
///
/// Sources: the order of revocation and promotion follows what is known of consensus as "revoke,
/// discover, re-propose" (Sougoumarane, "Consensus algorithms at scale"); the sync set and its
/// orders are those of Patroni's synchronous mode; the fencing token is Kleppmann's (2016).
///
/// Not thread-safe; no clock: time is handed in, and decide() is to be called after events, and
/// every look_every() at least.
class supervisor {
 public:
  explicit supervisor(supervisor_options options);

  // What happened.
  void topology_read(time_point now, const topology& what);  ///< the newest known
  void topology_missing(time_point now);                     ///< there is none yet
  void topology_written(time_point now);                     ///< what was asked last is durable
  void topology_unwritten(time_point now);  ///< it is not, or may be not: read before the next
  void leads(bool leading) { leading_ = leading; }
  void saw(time_point now, node_id node, const sight& what);
  void missed(time_point now, node_id node, absence how);
  void heard(time_point now, node_id node, process by_agent);
  /// A step's end; the sight after it, if there is one, has been handed in before.
  void ended(time_point now, node_id node, step_end how);
  void gates_moved(bool closed) { gates_closed_ = closed; }

  /// What an operator asks for: carried out when decide() finds that it can be. A sentence that
  /// says why not, if it is refused at once.
  [[nodiscard]] std::string ask(time_point now, const order& what);

  [[nodiscard]] std::vector<action> decide(time_point now);
  /// How often nodes are to be looked at: often while somebody waits.
  [[nodiscard]] duration look_every() const;

  [[nodiscard]] const topology* known() const { return topology_ ? &*topology_ : nullptr; }
  [[nodiscard]] bool acts() const { return mine() && !writing_; }

 private:
  using actions = std::vector<action>;
  enum class primary_state : std::uint8_t { well, unsure, gone };

  // Authority.
  [[nodiscard]] bool mine() const { return topology_ && topology_->by == options_.me; }
  void write(topology next);
  void claim();
  void take_or_leave(time_point now);

  // Telling nodes.
  node_view& view(node_id node) { return views_[node]; }
  [[nodiscard]] const node_view& view(node_id node) const;
  /// It can be told something; else what it takes for that is begun.
  bool hand(time_point now, node_id node);
  void say(time_point now, node_id node, step what);
  void note(std::string kind, std::string subject, evidence seen, std::string rule,
            std::string effect);

  // The primary.
  [[nodiscard]] primary_state primary_now(time_point now) const;
  [[nodiscard]] bool members_hear_nothing(time_point now) const;
  [[nodiscard]] bool has_standing(node_id node) const;
  [[nodiscard]] bool restarted(node_id node) const;
  [[nodiscard]] bool can_be_revoked(node_id node) const;
  [[nodiscard]] bool all_can_be_revoked() const;
  [[nodiscard]] bool held_down(time_point now) const;
  void primary_is_gone(time_point now, bool asked);

  // Phases.
  void stable(time_point now);
  void solo(time_point now);
  void takeover(time_point now);
  void promoting(time_point now);
  void switchover(time_point now);
  void resuming(time_point now);

  // Takeover.
  [[nodiscard]] bool revoked(time_point now, node_id node);
  [[nodiscard]] node_id most_advanced() const;
  [[nodiscard]] bool all_revoked(time_point now);
  [[nodiscard]] bool revoked_at_once(time_point now);
  void note_takeover(time_point now);
  [[nodiscard]] node_set first_members(node_id primary) const;
  void make_primary(node_id node, const gtid& with);
  static void settle(node_entry& entry, const node_view& as);
  void replace(time_point now);
  void promote_now(time_point now);
  bool follows(time_point now, node_id node);
  [[nodiscard]] node_set able_to_follow(const sight& primary) const;
  void finish_promotion(time_point now);

  // Members.
  enum class member_state : std::uint8_t { acknowledges, coming, lost };
  [[nodiscard]] member_state member_now(time_point now, node_id node);
  bool open_primary(time_point now, bool alone);
  void keep_members(time_point now);
  bool remove_member(time_point now, node_id node);
  void add_members(time_point now);
  void leave_solo(time_point now);
  [[nodiscard]] bool acknowledges(node_id node) const;
  [[nodiscard]] bool keeps_up(time_point now, node_id node) const;
  [[nodiscard]] bool proven_mute(node_id node) const;

  // Others.
  void tend_others(time_point now);
  void tend(time_point now, node_id node);
  void start_again(time_point now, node_id node);
  void mend(time_point now, node_id node);
  void carry_out_order(time_point now);
  void begin_switchover(time_point now, node_id to);
  void abort_switchover(time_point now, const char* why);
  void bootstrap(time_point now);
  void start_empty(time_point now, node_id node);
  void give_up_order(time_point now, duration patience);

  // Orders about other nodes than the primary.
  [[nodiscard]] std::string refusal_of(const order& what) const;
  [[nodiscard]] bool is_upkeep() const;
  [[nodiscard]] bool leaving(node_id node) const;
  void upkeep(time_point now);
  [[nodiscard]] bool done(time_point now, const add_node_order& wish);
  [[nodiscard]] bool done(time_point now, const remove_node_order& wish);
  [[nodiscard]] bool done(time_point now, const clone_order& wish);
  [[nodiscard]] bool done(time_point now, const rejoin_order& wish);
  [[nodiscard]] node_id donor_for(node_id node) const;

  [[nodiscard]] std::string name(node_id node) const;
  template <class Do>
  void each_other(const Do& does) const {
    for (const node_entry& each : topology_->nodes) {
      if (each.id != topology_->primary) does(each);
    }
  }

  supervisor_options options_;
  std::optional<topology> topology_;
  std::optional<topology> asked_;  // the write under way
  bool writing_ = false;
  bool missing_ = false;  // there is no topology
  bool stale_ = false;    // a write went wrong, and it has not been read since
  bool leading_ = false;
  bool gates_closed_ = false;
  generation reign_{};         // the first of our own generations in a row
  time_point reign_at_{};      // when that was known
  bool inherited_ = false;     // the phase was begun by another supervisor
  time_point changed_at_{};    // the topology, as far as we know
  time_point primary_at_{};    // another primary
  time_point suspected_at_{};  // the primary is gone since then; min(): it is not
  time_point decided_at_{};
  time_point phase_at_{};
  std::map<node_id, node_view> views_;
  std::map<node_id, time_point> acked_at_;  // when a member was last seen to acknowledge
  std::map<node_id, gtid> cut_at_;  // what the primary had written when a member was cut off
  std::optional<gtid> waits_at_;    // and when its commits began to wait for acknowledgements
  std::optional<order> order_;
  time_point order_at_{};
  std::string said_;  // the last alarm, which is not repeated
  actions out_;
};

}  // namespace understudy::core
