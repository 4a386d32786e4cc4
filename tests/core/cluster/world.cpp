#include "core/cluster/world.hpp"

#include <algorithm>

namespace understudy::sim::cluster {

using namespace std::chrono_literals;
using core::phase;

namespace {

constexpr std::uint64_t first_host = 100;

}  // namespace

world::world(const plan& what) : plan_(what), time_(what.seed) {
  for (std::uint16_t n = 1; n <= plan_.nodes; ++n) {
    servers_.push_back(std::make_unique<server>(node_id{n}, time_, *this));
    servers_.back()->has_agent = plan_.agents;
    node_entry entry;
    entry.id = node_id{n};
    if (plan_.agents) entry.agent = "there";
    entries_.push_back(entry);
  }
  supervisors_.resize(2);
}

// What goes from place to place takes its time; where they are parted it waits, as TCP would have
// it, or is lost.
void world::across(place from, place to, std::function<void()> what) {
  const std::pair<place, place> way = std::minmax(from, to);
  if (parted_.contains(way)) {
    if (time_.chance(0.5)) stopped_.emplace_back(std::pair(from, to), std::move(what));
    return;
  }
  const duration takes = time_.chance(0.01) ? time_.between(5ms, 60ms) : time_.between(50us, 700us);
  // In order.
  time_point& last = arrived_[{from, to}];
  last = std::max(last + 1ns, time_.now() + takes);
  time_.after(last - time_.now(), std::move(what));
}

void world::send(node_id from, node_id to, std::function<void()> what) {
  across(number_of(from), number_of(to),
         [this, to, does = std::move(what)]() mutable { at(to).when_awake(std::move(does)); });
}

void world::carry(std::uint64_t host, node_id to, bool back, std::function<void()> what) {
  const place node = number_of(to);
  across(back ? node : host, back ? host : node, std::move(what));
}

bool world::agent_of(node_id id) {
  return plan_.agents && number_of(id) != 0;
}

void world::wrote(const core::topology& what) {
  const auto gen = number_of(what.gen);
  time_.mix(gen);
  time_.mix(number_of(what.epoch) * 100 + static_cast<std::uint64_t>(what.phase));
  if (const std::string fault = fault_of(what); !fault.empty()) complain("topology: " + fault);
  const auto by = static_cast<std::uint64_t>(what.by);
  if (writers_.contains(gen)) complain("C6: two wrote generation " + std::to_string(gen));
  writers_[gen] = by;
  if (number_of(what.epoch) > epoch_before_) {
    if (phase_before_ == phase::switchover) ++switchovers_;
    if (phase_before_ == phase::takeover || phase_before_ == phase::stable) ++takeovers_;
  }
  if (number_of(what.epoch) < epoch_before_) complain("C5: an epoch shrank");
  epoch_before_ = number_of(what.epoch);
  phase_before_ = what.phase;
  if (story != nullptr) {
    std::string sync;
    for (const auto& each : what.nodes) {
      if (what.sync.contains(each.id)) sync += std::to_string(number_of(each.id));
    }
    tell("gen " + std::to_string(gen) + " by " + std::to_string(by) + ": epoch " +
         std::to_string(number_of(what.epoch)) + " " + std::string(to_string(what.phase)) +
         " primary " + std::to_string(number_of(what.primary)) + " sync {" + sync + "}");
  }
  if (what.phase == phase::promoting && !healed_) trouble_promotion(what);
  for (driver* each : supervisors_) {
    if (time_.chance(0.8)) time_.after(time_.between(200us, 3ms), [each] { each->hint(); });
  }
}

void world::carried_out(std::uint64_t host, generation gen, node_id node, const core::step& what) {
  time_.mix(host * 100 + number_of(node) * 10 + what.index());
  const auto writer = writers_.find(number_of(gen));
  const std::uint64_t by = supervisors_.at(host - first_host)->id();
  if (writer != writers_.end() && writer->second != by && story != nullptr) {
    tell("an earlier supervisor's step");
  }
  if (story != nullptr) {
    tell("host " + std::to_string(host) + " gen " + std::to_string(number_of(gen)) + " node " +
         std::to_string(number_of(node)) + ": " + std::string(name_of(what)));
  }
}

// What must hold.

void world::complain(std::string what) {
  tell("WRONG: " + what);
  if (wrong_.size() < 20) wrong_.push_back(std::move(what));
}

void world::tell(std::string what) {
  if (story == nullptr) return;
  story->push_back(std::to_string(time_.now().time_since_epoch() / 1us) + " " + std::move(what));
}

void world::check_log(node_id by) {
  const server& primary = at(by);
  for (const transaction& each : acknowledged_) {
    if (!primary.holds(each)) {
      return complain("C1: node " + std::to_string(number_of(by)) +
                      " acknowledges, and lacks the acknowledged " + to_string(each.id) + " (" +
                      std::to_string(each.content) + ")");
    }
  }
}

void world::acknowledged(node_id by, const transaction& what) {
  const std::uint32_t of_epoch = what.id.server / 1000;
  // The word of a member may be on its way while the member is revoked. What it is about is part of
  // the next epoch then, and a deposed primary that hears it late tells nothing wrong.
  if (of_epoch < last_epoch_ && !at(primaries_.at(last_epoch_)).holds(what)) {
    complain("C5: node " + std::to_string(number_of(by)) + " acknowledges in epoch " +
             std::to_string(of_epoch) + " after epoch " + std::to_string(last_epoch_));
  }
  const auto [found, is_new] = primaries_.try_emplace(of_epoch, by);
  if (!is_new && found->second != by) complain("C4: two acknowledge in one epoch");
  acknowledged_.push_back(what);
  tell("acknowledged by " + std::to_string(number_of(by)) + ": " + to_string(what.id) + " (" +
       std::to_string(what.content) + ")");
  if (of_epoch > last_epoch_ || (of_epoch == last_epoch_ && ++since_check_ > 50)) {
    since_check_ = 0;
    check_log(by);
  }
  last_epoch_ = std::max(last_epoch_, of_epoch);
  time_.mix(what.content);
}

// Callers ask whom they take for the primary, and sometimes anybody.
void world::call() {
  node_id whom = some_node();
  if (keeper_.value && time_.chance(0.8)) whom = keeper_.value->primary;
  server& to = at(whom);
  to.when_awake([&to, content = ++contents_] { to.commit(content); });
  time_.after(time_.between(5ms, 90ms), [this] { call(); });
}

void world::beat() {
  for (const auto& each : servers_) each->tick();
  time_.after(250ms, [this] { beat(); });
}

// A hint, and no more: sometimes nobody leads, and sometimes both do.
void world::lead() {
  if (!keeper_.value) {
    core::bootstrap_order first;
    first.nodes = entries_;
    first.primary = entries_.front().id;
    static_cast<void>(supervisors_[0]->ask(first));
  }
  const auto which = time_.below(10);
  for (std::size_t i = 0; i < supervisors_.size(); ++i) {
    supervisors_[i]->leads(healed_ ? i == 0
                                   : which == 9 || (which < 4 && i == 0) ||
                                         (which >= 4 && which < 8 && i == 1));
  }
  time_.after(time_.between(1s, 4s), [this] { lead(); });
}

node_id world::some_node() {
  return entries_[time_.below(entries_.size())].id;
}

void world::start_supervisor(std::size_t host) {
  core::supervisor_options options;
  options.solo = plan_.solo;
  options.hold_down = 2s;
  std::vector<node_id> nodes;
  for (const auto& each : entries_) nodes.push_back(each.id);
  drivers_.push_back(
      std::make_unique<driver>(first_host + host, next_supervisor_++, options, nodes, *this));
  supervisors_[host] = drivers_.back().get();
  supervisors_[host]->set_clock(time_.between(0s, 100s), 0.98 + 0.04 * time_.dice.unit());
  supervisors_[host]->begin();
}

bool world::settled() const {
  if (!keeper_.value || keeper_.value->phase != phase::stable) return false;
  const core::topology& now = *keeper_.value;
  if (now.sync.size() + 1 != servers_.size()) return false;
  const server& primary = *servers_.at(number_of(now.primary) - 1);
  if (!primary.takes_writes()) return false;
  return std::all_of(servers_.begin(), servers_.end(), [&](const auto& each) {
    return each->up() && each->log().size() + 20 >= primary.log().size();
  });
}

void world::run() {
  for (const auto& each : servers_) {
    each->carry_out({}, generation{}, core::start_server{});
  }
  start_supervisor(0);
  start_supervisor(1);
  beat();
  lead();
  call();
  trouble();
  const time_point end = time_.now() + plan_.trouble;
  time_.run_until(end);
  heal();
  // What was broken must be whole again, without a hand.
  time_point limit = time_.now() + 120s;
  while (!settled() && time_.now() < limit) {
    take_back();
    time_.run_until(time_.now() + 250ms);
  }
  if (plan_.agents && !settled()) complain("liveness: it is not whole again: " + state());
  if (settled()) {
    const auto before = acknowledged_.size();
    for (int i = 0; i < 20 && acknowledged_.size() == before; ++i) {
      take_back();  // what was asked before all healed may be done only now
      time_.run_until(time_.now() + 1s);
    }
    if (acknowledged_.size() == before) complain("liveness: nothing is acknowledged");
    check_log(keeper_.value->primary);
    const server& primary = at(keeper_.value->primary);
    for (const auto& each : servers_) {
      if (!keeper_.value->sync.contains(each->id())) continue;
      const auto& log = each->log();
      const std::size_t both = std::min(log.size(), primary.log().size());
      const auto [one, other] = std::mismatch(
          log.begin(), log.begin() + static_cast<std::ptrdiff_t>(both), primary.log().begin());
      if (other != primary.log().begin() + static_cast<std::ptrdiff_t>(both)) {
        complain("C7: node " + std::to_string(number_of(each->id())) + " is a member, and holds " +
                 to_string(one->id) + " (" + std::to_string(one->content) +
                 ") where the primary holds " + to_string(other->id) + " (" +
                 std::to_string(other->content) + ")");
      }
    }
  }
  time_.mix(acknowledged_.size());
}

std::string world::state() const {
  if (!keeper_.value) return "no topology";
  const core::topology& now = *keeper_.value;
  std::string text = "epoch " + std::to_string(number_of(now.epoch)) + " " +
                     std::string(to_string(now.phase)) + " primary " +
                     std::to_string(number_of(now.primary));
  for (const auto& each : servers_) {
    const core::sight is = each->look({});
    text += "; node " + std::to_string(number_of(each->id())) + (each->up() ? " up" : " down") +
            (each->frozen() ? " frozen" : "") + (each->stuck() ? " stuck" : "") +
            (now.sync.contains(each->id()) ? " member" : "") + (is.read_only ? "" : " open") +
            " log " + std::to_string(each->log().size()) + " at " + to_string(is.written) +
            " follows " + std::to_string(number_of(is.follows)) + " receiver " +
            std::to_string(static_cast<int>(is.receiving)) + (is.applying ? " applies" : "") +
            (is.acks ? " acks" : "") + (is.semi_sync ? " waits" : "") + " error " +
            std::to_string(is.receive_error) + " ackers " + std::to_string(is.ackers);
  }
  return text;
}

}  // namespace understudy::sim::cluster
