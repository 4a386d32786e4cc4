#include "core/cluster/supervisor.hpp"

#include <algorithm>

namespace understudy::core {

using namespace std::chrono_literals;

namespace {

constexpr duration look_in_peace = 50ms;
constexpr duration look_in_need = 5ms;
constexpr time_point never = time_point::min();

}  // namespace

supervisor::supervisor(supervisor_options options)
    : options_(options), suspected_at_(never), decided_at_(never) {}

// What happened.

void supervisor::topology_read(time_point now, const topology& what) {
  missing_ = false;
  stale_ = false;
  writing_ = false;
  if (topology_ && what.gen <= topology_->gen) return;
  const bool was_mine = mine();
  if (!topology_ || topology_->epoch != what.epoch || topology_->primary != what.primary) {
    primary_at_ = now;
    suspected_at_ = never;
  }
  if (!topology_ || topology_->phase != what.phase || topology_->epoch != what.epoch) {
    inherited_ = false;
    phase_at_ = now;
    acked_at_.clear();
    cut_at_.clear();
    waits_at_.reset();
  }
  topology_ = what;
  changed_at_ = now;
  if (mine() && !was_mine) {
    reign_ = what.gen;
    acked_at_.clear();
    reign_at_ = now;
    inherited_ = true;
  }
  for (const node_entry& each : what.nodes) views_.try_emplace(each.id);
}

void supervisor::topology_missing(time_point /*now*/) {
  if (topology_) return;
  missing_ = true;
  stale_ = false;
  writing_ = false;
}

void supervisor::topology_written(time_point now) {
  if (!asked_) return;
  const topology next = *std::exchange(asked_, std::nullopt);
  topology_read(now, next);
}

void supervisor::topology_unwritten(time_point /*now*/) {
  asked_.reset();
  writing_ = false;
  stale_ = true;
}

void supervisor::saw(time_point now, node_id node, const sight& what) {
  view(node).saw(now, what);
}

void supervisor::missed(time_point now, node_id node, absence how) {
  view(node).missed(now, how);
}

void supervisor::heard(time_point now, node_id node, process by_agent) {
  view(node).heard(now, by_agent);
}

void supervisor::ended(time_point now, node_id node, step_end how) {
  view(node).ended(now, how);
}

// Authority.

void supervisor::write(topology next) {
  next.gen = topology_ ? after(topology_->gen) : generation{1};
  next.by = options_.me;
  asked_ = next;
  writing_ = true;
  out_.emplace_back(write_topology{std::move(next), !topology_});
}

void supervisor::claim() {
  write(*topology_);
}

// Another supervisor wrote the topology last: it acts, unless it does not.
void supervisor::take_or_leave(time_point now) {
  const duration still = now - changed_at_;
  const bool unfinished = topology_->phase != phase::stable && topology_->phase != phase::solo;
  if (unfinished) {
    if (still >= (leading_ ? options_.rival_after : options_.stalled_after)) claim();
    return;
  }
  if (topology_->phase == phase::stable && primary_now(now) == primary_state::gone) {
    if (suspected_at_ == never) suspected_at_ = now;
    if (leading_ || now - suspected_at_ >= options_.rival_after) primary_is_gone(now, false);
    return;
  }
  suspected_at_ = never;
  // Whoever has an order, or takes itself for the leader as well, has time to do something.
  if (order_ || (leading_ && still >= options_.stalled_after)) claim();
}

// Telling nodes.

const node_view& supervisor::view(node_id node) const {
  static const node_view unknown;
  const auto found = views_.find(node);
  return found == views_.end() ? unknown : found->second;
}

void supervisor::say(time_point now, node_id node, step what) {
  view(node).told(now, what);
  out_.emplace_back(tell{node, topology_->gen, std::move(what)});
}

bool supervisor::hand(time_point now, node_id node) {
  node_view& of = view(node);
  if (!of.present() || !of.ready(now)) return false;
  if (of.fenced(reign_)) return true;
  say(now, node, hold{});
  return false;
}

void supervisor::note(std::string kind, std::string subject, evidence seen, std::string rule,
                      std::string effect) {
  // An alarm stands until something else is said.
  const std::string said = kind + subject + rule;
  if (said == said_) return;
  said_ = said;
  out_.emplace_back(record{std::move(kind), std::move(subject), std::move(seen), std::move(rule),
                           std::move(effect)});
}

std::string supervisor::name(node_id node) const {
  return "node " + std::to_string(number_of(node));
}

// Decisions.

std::vector<action> supervisor::decide(time_point now) {
  if (decided_at_ != never && now - decided_at_ > look_in_peace + options_.late_after) {
    for (auto& each : views_) each.second.slept(now);
    acked_at_.clear();
    suspected_at_ = never;
  }
  decided_at_ = now;
  out_.clear();
  if (writing_ || stale_) return std::exchange(out_, {});
  if (!topology_) {
    if (missing_ && order_) bootstrap(now);
    if (order_) give_up_order(now, options_.upkeep_within);
    return std::exchange(out_, {});
  }
  if (order_) {
    give_up_order(now, is_upkeep() ? options_.upkeep_within : options_.switchover_within);
  }
  if (!mine()) {
    take_or_leave(now);
    return std::exchange(out_, {});
  }
  const bool closes = topology_->phase == phase::switchover;
  if (closes != gates_closed_) out_.emplace_back(move_gates{closes});
  switch (topology_->phase) {
    case phase::stable:
      stable(now);
      break;
    case phase::solo:
      solo(now);
      break;
    case phase::takeover:
      takeover(now);
      break;
    case phase::switchover:
      switchover(now);
      break;
    case phase::resuming:
      resuming(now);
      break;
    case phase::promoting:
      promoting(now);
      break;
  }
  return std::exchange(out_, {});
}

void supervisor::give_up_order(time_point now, duration patience) {
  if (now - order_at_ < patience) return;
  order_.reset();
  note("order_refused", topology_ ? name(topology_->primary) : "cluster", {},
       "it could not be carried out in time",
       "it is given up: look at what is in its way, and ask again");
}

duration supervisor::look_every() const {
  if (!topology_) return look_in_peace;
  // Who is gone is seen by one look; that its replicas hear nothing by the next.
  if (topology_->phase == phase::stable && !view(topology_->primary).present()) return look_in_need;
  if (!mine()) return look_in_peace;
  const bool settled = topology_->phase == phase::stable || topology_->phase == phase::solo;
  return settled && !order_ ? look_in_peace : look_in_need;
}

std::string supervisor::ask(time_point now, const order& what) {
  const bool founds = std::holds_alternative<bootstrap_order>(what);
  if (founds && topology_) return "The cluster exists already.";
  if (!founds && !topology_) return "There is no cluster yet: bootstrap it first.";
  if (order_) return "Another order is being carried out.";
  if (topology_) {
    if (std::string why = refusal_of(what); !why.empty()) return why;
  }
  order_ = what;
  order_at_ = now;
  return {};
}

}  // namespace understudy::core
