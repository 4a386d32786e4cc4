// What a server does when it is told: the statements of each step, by their effects.
#include <algorithm>

#include "core/cluster/server.hpp"

namespace understudy::sim::cluster {

using core::receiver;
using core::start_role;
using core::step_end;

server::reply server::carry_out(const session& by, generation gen, const core::step& what) {
  if (gen < told_) return {step_end::refused, up_ ? std::optional(look(by)) : std::nullopt};
  if (core::by_agent(what)) {
    told_ = gen;
    const bool done = do_step(what);
    return {done ? step_end::done : step_end::failed, up_ ? std::optional(look(by)) : std::nullopt};
  }
  if (std::holds_alternative<core::hold>(what)) {
    told_ = gen;
    holder_ = by;
    return {step_end::done, look(by)};
  }
  if (holder_ != by) return {step_end::refused, look(by)};
  told_ = gen;
  const bool done = do_step(what);
  return {done ? step_end::done : step_end::failed, look(by)};
}

bool server::do_step(const core::step& what) {
  if (std::holds_alternative<core::revoke>(what)) {
    if (receiving_ != receiver::stopped && !applying_ && replica_) applying_ = true;
    stop_receiver();
    apply_later();
    return true;
  }
  if (const auto* p = std::get_if<core::promote>(&what)) return do_promote(*p);
  if (const auto* o = std::get_if<core::open>(&what)) {
    if (replica_ || server_id_ != core::server_id_of(o->epoch, id_)) return false;
    if (o->solo) semi_sync_ = false;
    if (!o->solo && !semi_sync_) return false;
    read_only_ = false;
    if (o->solo) release(written().seq);
    return true;
  }
  if (std::holds_alternative<core::close>(what)) {
    if (committed_ < log_.size()) return false;
    read_only_ = true;
    return true;
  }
  if (const auto* f = std::get_if<core::follow>(&what)) return do_follow(*f);
  if (const auto* w = std::get_if<core::wait_for_acks>(&what)) {
    semi_sync_ = w->on;
    if (!w->on) release(written().seq);
    return true;
  }
  if (const auto* c = std::get_if<core::cut>(&what)) {
    if (!c->off) {
      cut_.erase(c->node);
      return true;
    }
    cut_.insert(c->node);
    const auto found = dumps_.find(c->node);
    if (found == dumps_.end()) return true;
    server& other = world_.at(c->node);
    world_.send(id_, c->node,
                [&other, number = found->second.number] { other.lost_connection(number, 0); });
    dumps_.erase(found);
    return true;
  }
  if (std::holds_alternative<core::kill_server>(what)) {
    if (up_) crash();
    return true;
  }
  if (const auto* s = std::get_if<core::start_server>(&what)) {
    if (up_) return false;
    // Statements that can not be cut off may lie behind unacknowledged ones.
    if (s->role == start_role::replica && flushed_ + 1 < log_.size() && time_.chance(0.1)) {
      stuck_ = true;
      return false;
    }
    begin(s->role);
    return true;
  }
  if (std::holds_alternative<core::salvage>(what)) {
    if (!up_ || receiving_ != receiver::stopped) return false;
    while (!relay_.empty()) {
      log_.push_back(relay_.front());
      relay_.pop_front();
    }
    committed_ = flushed_ = log_.size();
    salvaged_ = true;
    return true;
  }
  if (const auto* c = std::get_if<core::clone>(&what)) return do_clone(*c);
  if (const auto* r = std::get_if<core::repair>(&what)) return do_repair(*r);
  return false;
}

bool server::do_promote(const core::promote& what) {
  if (knows_received_ && !relay_.empty()) return false;
  relay_.clear();
  stop_receiver();
  applying_ = false;
  replica_ = false;
  follows_ = node_id{};
  acks_ = false;
  server_id_ = core::server_id_of(what.epoch, id_);
  semi_sync_ = true;
  cut_ = {};
  for (std::uint16_t n = 1; n < 10; ++n) {
    if (node_id{n} != id_ && !what.allowed.contains(node_id{n})) cut_.insert(node_id{n});
  }
  // One that was connected already would go on.
  std::erase_if(dumps_, [&](const auto& each) { return cut_.contains(each.first); });
  return true;
}

bool server::do_follow(const core::follow& what) {
  if (follows_ == what.primary && replica_ && applying_) {
    stop_receiver();
  } else {
    // Both threads are stopped: what was received and not applied is deleted.
    stop_receiver();
    applying_ = false;
    relay_.clear();
    semi_sync_ = false;
    release(written().seq);
    drop_dumps();
    read_only_ = true;
    follows_ = what.primary;
    replica_ = true;
  }
  acks_ = what.acks;
  start_slave();
  return true;
}

void server::start_slave() {
  applying_ = true;
  knows_received_ = true;
  receive_error_ = 0;
  receiving_ = receiver::connecting;
  connect();
}

bool server::do_clone(const core::clone& what) {
  server& donor = world_.at(what.donor);
  if (!donor.up_ || donor.frozen_) return false;
  if (up_) crash();
  log_.assign(donor.log_.begin(),
              donor.log_.begin() + static_cast<std::ptrdiff_t>(donor.committed_));
  committed_ = flushed_ = log_.size();
  relay_.clear();
  follows_ = node_id{};
  cut_ = {};
  begin(start_role::replica);
  return true;
}

bool server::do_repair(const core::repair& what) {
  server& primary = world_.at(what.primary);
  if (!up_ || !primary.up_ || primary.frozen_ || time_.chance(0.5)) return false;
  stop_receiver();
  applying_ = false;
  while (!log_.empty() && !primary.state().holds(log_.back().id)) log_.pop_back();
  committed_ = flushed_ = log_.size();
  relay_.clear();
  return true;
}

}  // namespace understudy::sim::cluster
