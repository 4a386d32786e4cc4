#include "core/cluster/server.hpp"

#include <algorithm>

namespace understudy::sim::cluster {

using namespace std::chrono_literals;
using core::receiver;
using core::start_role;
using core::step_end;

// What befalls it.

void server::crash() {
  if (up_) drop_dumps();  // its kernel ends the connections
  up_ = false;
  frozen_ = false;
  held_back_.clear();
  holder_.reset();
  dumps_.clear();
  sent_.clear();
  receiving_ = receiver::stopped;
  applying_ = false;
  ++connection_;
}

void server::lose_power() {
  dumps_.clear();  // nobody is there to end the connections
  crash();
  ++boot_;
  // It was acknowledged from the page cache (sync_relay_log).
  while (!relay_.empty() && time_.chance(0.5)) relay_.pop_back();
}

void server::thaw() {
  if (!frozen_) return;
  frozen_ = false;
  auto all = std::exchange(held_back_, {});
  for (auto& each : all) when_awake(std::move(each));
}

void server::when_awake(std::function<void()> what) {
  if (frozen_) {
    held_back_.push_back(std::move(what));
  } else {
    what();
  }
}

void server::begin(start_role role) {
  ++start_;
  stuck_ = false;
  if (role == start_role::replica) {
    // What the engine has not is cut off the log's end. What it had as a replica is in its relay
    // log still.
    std::vector<transaction> cut(log_.begin() + static_cast<std::ptrdiff_t>(flushed_), log_.end());
    log_.resize(flushed_);
    if (follows_ != node_id{}) relay_.insert(relay_.begin(), cut.begin(), cut.end());
  }
  committed_ = flushed_ = log_.size();
  up_ = true;
  role_ = role;
  server_id_ = number_of(id_);
  read_only_ = true;
  semi_sync_ = acks_ = salvaged_ = applying_ = knows_received_ = apply_planned_ = false;
  replica_ = follows_ != node_id{};
  receiving_ = receiver::stopped;
  receive_error_ = 0;
}

// Callers.

void server::commit(std::uint64_t content) {
  if (!takes_writes()) return;
  append({{server_id_, written().seq + 1}, content});
}

void server::append(const transaction& what) {
  log_.push_back(what);
  if (!semi_sync_) release(what.id.seq);
  serve_dumps();
}

// The engine commits, and the caller hears of it.
void server::release(std::uint64_t seq) {
  while (committed_ < log_.size() && log_[committed_].id.seq <= seq) {
    flushed_ = committed_;  // its own record is flushed with the next
    const transaction& what = log_[committed_++];
    if (!replica_) world_.acknowledged(id_, what);
  }
}

bool server::holds(const transaction& what) const {
  const auto at = std::lower_bound(
      log_.begin(), log_.end(), what.id.seq,
      [](const transaction& each, std::uint64_t seq) { return each.id.seq < seq; });
  return at != log_.end() && *at == what;
}

// Replication.

void server::connect() {
  ++connection_;
  const dump me{id_, connection_, acks_};
  const gtid position = held();
  const node_id to = follows_;
  world_.send(id_, to, [this, to, me, position] { world_.at(to).asked_for_log(me, position); });
}

void server::asked_for_log(const dump& from, const gtid& position) {
  if (!up_) return;
  server& replica = world_.at(from.replica);
  if (cut_.contains(from.replica)) return;
  if (!state().holds(position)) {
    world_.send(id_, from.replica,
                [&replica, number = from.number] { replica.lost_connection(number, 1236); });
    return;
  }
  dumps_[from.replica] = from;
  const auto at = std::lower_bound(
      log_.begin(), log_.end(), position.seq,
      [](const transaction& each, std::uint64_t seq) { return each.id.seq <= seq; });
  sent_[from.replica] = static_cast<std::size_t>(at - log_.begin());
  world_.send(id_, from.replica, [&replica, number = from.number] { replica.got(number, {}); });
  serve_dumps();
}

void server::serve_dumps() {
  for (const auto& [replica, to] : dumps_) {
    std::size_t& sent = sent_[replica];
    if (sent >= log_.size()) continue;
    std::vector<transaction> part(log_.begin() + static_cast<std::ptrdiff_t>(sent), log_.end());
    sent = log_.size();
    server& other = world_.at(replica);
    world_.send(id_, replica,
                [&other, number = to.number, what = std::move(part)] { other.got(number, what); });
  }
}

void server::got(std::uint64_t connection, const std::vector<transaction>& what) {
  if (!up_ || connection != connection_ || receiving_ == receiver::stopped) return;
  // What was lost on the way before it ended the connection.
  if (!what.empty() && what.front().id.seq > held().seq + 1) return lost_connection(connection, 0);
  receiving_ = receiver::running;
  heard_at_ = time_.now();
  ++beats_;
  for (const transaction& each : what) {
    if (each.id.seq > held().seq) relay_.push_back(each);
  }
  if (acks_ && !what.empty()) {
    const dump me{id_, connection, acks_};
    const node_id to = follows_;
    world_.send(id_, to, [this, to, me, seq = what.back().id.seq] {
      world_.at(to).was_acknowledged(me, seq);
    });
  }
  apply_later();
}

void server::was_acknowledged(const dump& from, std::uint64_t seq) {
  const auto found = dumps_.find(from.replica);
  // One that was cut off is heard no more.
  if (!up_ || found == dumps_.end() || !found->second.acks) return;
  if (semi_sync_) release(seq);
}

void server::lost_connection(std::uint64_t connection, unsigned error) {
  if (!up_ || connection != connection_ || receiving_ == receiver::stopped) return;
  receiving_ = receiver::connecting;
  if (error == 1236) {
    receive_error_ = error;
    receiving_ = receiver::stopped;
  }
}

void server::apply_later() {
  if (apply_planned_ || !applying_ || relay_.empty()) return;
  apply_planned_ = true;
  time_.after(time_.between(200us, 3ms), [this, start = start_] {
    if (start == start_) when_awake([this] { apply_one(); });
  });
}

void server::apply_one() {
  apply_planned_ = false;
  if (!up_ || !applying_ || relay_.empty()) return;
  // In groups, as parallel appliers do.
  for (std::size_t i = 0; i < 8 && !relay_.empty(); ++i) {
    log_.push_back(relay_.front());
    relay_.pop_front();
  }
  committed_ = log_.size();
  flushed_ = log_.size() - 1;
  // Semi-sync on a replica would hang here for ever.
  if (semi_sync_) applying_ = false;
  serve_dumps();
  apply_later();
}

void server::tick() {
  if (!up_ || frozen_) return;
  if (receiving_ == receiver::running && time_.now() - heard_at_ > 4s) {
    receiving_ = receiver::connecting;  // slave_net_timeout
  }
  if (receiving_ == receiver::connecting) return connect();
  for (const auto& [replica, to] : dumps_) {
    server& other = world_.at(replica);
    world_.send(id_, replica, [&other, number = to.number] { other.got(number, {}); });
  }
}

void server::drop_dumps() {
  for (const auto& [replica, to] : std::exchange(dumps_, {})) {
    server& other = world_.at(replica);
    world_.send(id_, replica, [&other, number = to.number] { other.lost_connection(number, 0); });
  }
}

void server::stop_receiver() {
  receiving_ = receiver::stopped;
  ++connection_;
}

core::history server::state() const {
  core::history all;
  std::uint32_t last = 0;
  for (auto at = log_.rbegin(); at != log_.rend(); ++at) {
    if (at->id.server == last) continue;
    last = at->id.server;
    all.add(at->id);
  }
  return all;
}

core::sight server::look(const session& by) const {
  core::sight is;
  is.start = start_ * 1000 + number_of(id_);
  is.boot = has_agent ? boot_ : 0;
  is.role = role_;
  is.told = told_;
  is.mine = holder_ == by;
  is.server_id = server_id_;
  is.read_only = read_only_;
  is.written = written();
  is.state = state();
  is.semi_sync = semi_sync_;
  for (const auto& each : dumps_) is.ackers += each.second.acks ? 1 : 0;
  is.cut = cut_;
  is.replica = replica_;
  is.follows = follows_;
  is.receiving = receiving_;
  is.applying = applying_;
  if (knows_received_) is.received = held();
  is.salvaged = salvaged_;
  is.acks = acks_;
  is.beats = beats_;
  is.receive_error = receive_error_;
  return is;
}

}  // namespace understudy::sim::cluster
