// Who is primary, and whose word counts: what the supervisors of a cluster agree on.
#pragma once

#include <bitset>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/cluster/gtid.hpp"

namespace understudy::core {

/// Grows by one with each write of the topology: whoever writes it knows that it was the only one.
/// All that a node is told carries it; nodes keep the highest and refuse lower ones.
enum class generation : std::uint64_t {};
[[nodiscard]] constexpr std::uint64_t number_of(generation g) {
  return static_cast<std::uint64_t>(g);
}
[[nodiscard]] constexpr generation after(generation g) {
  return generation{number_of(g) + 1};
}

/// A gateway that supervises a cluster. Unique, and new with each start of a process.
enum class supervisor_id : std::uint64_t {};

/// A set of nodes of one cluster.
class node_set {
 public:
  void insert(node_id node) { bits_.set(number_of(node)); }
  void erase(node_id node) { bits_.reset(number_of(node)); }
  [[nodiscard]] bool contains(node_id node) const { return bits_.test(number_of(node)); }
  [[nodiscard]] bool empty() const { return bits_.none(); }
  [[nodiscard]] std::size_t size() const { return bits_.count(); }
  friend bool operator==(const node_set&, const node_set&) = default;

 private:
  std::bitset<node_number_max + 1> bits_;
};

/// - stable: the primary serves; a commit is acknowledged when a member of `sync` has it.
/// - solo: the primary serves, or may; what it acknowledges is on its disk alone.
/// - takeover: the primary is given up. `sync` is being revoked; who has the most is next.
/// - switchover: the primary is to hand over to `next`, which is to have everything first.
/// - resuming: the primary is being started as what it was; nobody may take over.
/// - promoting: there is a new primary, which may lack followers yet. With `sync` it is opened as
///   soon as one of these follows, and may have acknowledged what one of them has; without, it is
///   not opened, and has acknowledged nothing.
enum class phase : std::uint8_t { stable, solo, takeover, switchover, resuming, promoting };

[[nodiscard]] std::string_view to_string(phase p);
[[nodiscard]] std::optional<phase> phase_named(std::string_view name);

/// May be promoted before others, as any, or never; one that may never is never a member either.
enum class promotion : std::uint8_t { prefer, neutral, never };

/// What stays of a node: its name, where it is, and what it may become.
struct node_entry {
  node_id id{};
  std::string address;  ///< HOST:PORT of its MariaDB
  std::string agent;    ///< HOST:PORT of its agent; empty: there is none
  promotion rule = promotion::neutral;
  /// The server's start (sight::start) in which it became primary or a member of `sync`. After
  /// another start a primary has to be opened again; and what a member has acknowledged may be in
  /// files alone, which the next START SLAVE would delete.
  std::uint64_t since = 0;
  /// Of its host's start then (sight::boot). After another one even the files may lack what it has
  /// acknowledged, for it does so before they are synced.
  std::uint64_t boot = 0;
  friend bool operator==(const node_entry&, const node_entry&) = default;
};

/// Invariants: a node that can acknowledge to an open primary is in `sync`; with `sync` empty
/// nobody is promoted but out of `promoting`; nobody is promoted before all of `sync` is revoked.
struct topology {
  core::epoch epoch{};
  generation gen{};
  supervisor_id by{};  ///< who wrote it, and alone may act on it
  core::phase phase = core::phase::solo;
  node_id primary{};
  node_set sync;  ///< members: those whose acknowledgement counts
  std::vector<node_entry> nodes;
  node_id next{};            ///< switchover: who is to be primary; 0: nobody
  gtid promoted_with;        ///< promoting: what the primary held; who replaces it must have it
  bool maintenance = false;  ///< no takeover and no solo but by an operator's word

  [[nodiscard]] const node_entry* find(node_id node) const;
  [[nodiscard]] node_entry* find(node_id node);
  friend bool operator==(const topology&, const topology&) = default;
};

/// What is wrong with it, as a sentence; empty if nothing is.
[[nodiscard]] std::string fault_of(const topology& t);

}  // namespace understudy::core
