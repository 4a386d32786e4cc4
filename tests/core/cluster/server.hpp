// A MariaDB server as far as replication and its failures go: what was seen of the real one
// (semi-sync before the engine commits, relay logs that a start deletes, logs that are cut off).
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/cluster/loop.hpp"
#include "core/cluster/step.hpp"

namespace understudy::sim::cluster {

using core::generation;
using core::gtid;
using core::node_entry;
using core::node_id;
using core::node_set;

/// One transaction. Two with one gtid may differ in `content`: then histories have parted.
struct transaction {
  gtid id;
  std::uint64_t content = 0;
  friend bool operator==(const transaction&, const transaction&) = default;
};

/// A session of a supervisor: which one, in which start of the server.
struct session {
  std::uint64_t supervisor = 0;
  std::uint64_t number = 0;
  friend bool operator==(const session&, const session&) = default;
};

/// A connection from a replica to its primary.
struct dump {
  node_id replica{};
  std::uint64_t number = 0;  ///< of the replica's connections
  bool acks = false;
};

class server;

/// What servers do to each other and to callers: the world carries it.
class wires {
 public:
  virtual ~wires() = default;
  virtual server& at(node_id node) = 0;
  virtual void send(node_id from, node_id to, std::function<void()> what) = 0;
  virtual void acknowledged(node_id by, const transaction& what) = 0;
};

class server {
 public:
  server(node_id id, loop& time, wires& world) : id_(id), time_(time), world_(world) {}

  // What befalls it.
  void crash();
  void freeze() { frozen_ = true; }
  void thaw();
  /// Its machine lost power: what was not synced of the relay log is gone.
  void lose_power();

  // What callers do: appended, and acknowledged as soon as it may be.
  void commit(std::uint64_t content);

  // What supervisors and agents do. The sight is taken after the step.
  struct reply {
    core::step_end end = core::step_end::done;
    std::optional<core::sight> seen;
  };
  [[nodiscard]] core::sight look(const session& by) const;
  reply carry_out(const session& by, generation gen, const core::step& what);

  // Replication, by messages.
  void asked_for_log(const dump& from, const gtid& position);
  void got(std::uint64_t connection, const std::vector<transaction>& what);
  void was_acknowledged(const dump& from, std::uint64_t seq);
  void lost_connection(std::uint64_t connection, unsigned error);
  bool has_agent = true;
  void tick();  ///< receivers connect again, heartbeats come

  [[nodiscard]] bool up() const { return up_; }
  [[nodiscard]] bool frozen() const { return frozen_; }
  [[nodiscard]] bool stuck() const { return stuck_; }
  [[nodiscard]] std::uint64_t start() const { return start_; }
  [[nodiscard]] const std::vector<transaction>& log() const { return log_; }
  [[nodiscard]] bool takes_writes() const { return up_ && !frozen_ && !read_only_; }
  [[nodiscard]] node_id id() const { return id_; }
  [[nodiscard]] bool holds(const transaction& what) const;
  /// Runs it now, or when it is thawed.
  void when_awake(std::function<void()> what);

 private:
  void begin(core::start_role role);
  void append(const transaction& what);
  void release(std::uint64_t seq);
  void serve_dumps();
  void connect();
  void stop_receiver();
  void drop_dumps();
  void apply_later();
  void apply_one();
  [[nodiscard]] gtid written() const { return log_.empty() ? gtid{} : log_.back().id; }
  [[nodiscard]] gtid held() const { return relay_.empty() ? written() : relay_.back().id; }
  [[nodiscard]] core::history state() const;
  bool do_step(const core::step& what);
  bool do_promote(const core::promote& what);
  bool do_follow(const core::follow& what);
  bool do_clone(const core::clone& what);
  bool do_repair(const core::repair& what);
  void start_slave();

  node_id id_;
  loop& time_;
  wires& world_;

  // On its disk.
  std::vector<transaction> log_;
  std::deque<transaction> relay_;  // received, and not applied
  node_id follows_{};
  node_set cut_;
  generation told_{};

  // In its memory.
  bool up_ = false;
  bool frozen_ = false;
  bool stuck_ = false;
  std::uint64_t start_ = 0;
  std::uint64_t boot_ = 1;
  core::start_role role_ = core::start_role::replica;
  std::uint32_t server_id_ = 0;
  bool read_only_ = true;
  bool semi_sync_ = false;
  bool acks_ = false;
  bool salvaged_ = false;
  bool replica_ = false;
  core::receiver receiving_ = core::receiver::stopped;
  bool applying_ = false;
  bool apply_planned_ = false;
  unsigned receive_error_ = 0;
  bool knows_received_ = false;  // its threads ran in this start
  std::uint64_t connection_ = 0;
  std::uint64_t beats_ = 0;
  time_point heard_at_{};
  std::size_t committed_ = 0;  // of log_, by the engine: the rest waits for acknowledgements
  std::size_t flushed_ = 0;    // of these, on the engine's disk
  std::optional<session> holder_;
  std::map<node_id, dump> dumps_;
  std::map<node_id, std::size_t> sent_;  // of log_
  std::vector<std::function<void()>> held_back_;
};

}  // namespace understudy::sim::cluster
