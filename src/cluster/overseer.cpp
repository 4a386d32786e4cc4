#include "cluster/overseer.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

#include "db/node_link.hpp"

namespace understudy::cluster {

namespace asio = boost::asio;
using core::node_id;
using core::time_point;

namespace {

time_point now() {
  return std::chrono::steady_clock::now();
}

}  // namespace

// Kept alive by what is under way; once `ended` nothing is done any more.
struct overseer::work : std::enable_shared_from_this<work> {
  struct node {
    std::unique_ptr<db::node_link> link;
    std::shared_ptr<agent> by;
    bool busy = false;        // with a look, or a step over SQL
    bool agent_busy = false;  // with a step
    bool agent_looks = false;
    std::optional<core::tell> waiting;         // until the look under way is over
    std::function<void(std::string)> renewal;  // the same
    time_point looked_at{};
    std::optional<core::sight> seen;
  };

  work(const asio::any_io_executor& on, overseer_options with,
       std::unique_ptr<coord::coordinator> by, listener& whom)
      : executor(on),
        options(std::move(with)),
        coordinator(std::move(by)),
        told(whom),
        decisions(options.supervisor),
        timer(on) {}

  void start();
  void tick();
  void tick_after(core::duration rest);
  void decide();
  void act(const core::action& what);
  void hear(const coord::read_result& what);
  void moved();
  void look(node_id id, node& at);
  void look_around();  ///< at all who are not being asked already
  void tell(const core::tell& what);
  void over_sql(const core::tell& what, node& at);
  void by_agent(const core::tell& what, node& at);
  void renew(node_id id, node& at);
  void reported(node_id id, const db::node_report& what, bool is_step);
  void ask_agent(node_id id, node& at);
  void gates(bool closed);
  asio::awaitable<void> read();
  asio::awaitable<void> write(core::topology what);
  template <class Do>
  auto here(Do does) {
    return [self = shared_from_this(), does = std::move(does)](auto... what) {
      asio::post(self->executor, [self, does, what...]() mutable {
        if (!self->ended) does(what...);
      });
    };
  }

  /// The same for what may be called at any time, by whoever does not keep it alive.
  template <class Do>
  auto later(Do does) {
    return [on = executor, weak = weak_from_this(), does = std::move(does)](auto... what) {
      asio::post(on, [weak, does, what...]() mutable {
        const auto self = weak.lock();
        if (self && !self->ended) does(what...);
      });
    };
  }

  asio::any_io_executor executor;
  overseer_options options;
  std::unique_ptr<coord::coordinator> coordinator;
  listener& told;
  core::supervisor decisions;
  asio::steady_timer timer;
  std::map<node_id, node> nodes;
  coord::revision at{};
  time_point ticks_at{};
  core::generation shown{};  // of the topology that the listener has been told
  bool reading = false;
  bool writing = false;
  bool ended = false;
};

void overseer::work::start() {
  coordinator->campaign();
  coordinator->watch([self = shared_from_this()](const coord::read_result& what) {
    if (self->ended) return;
    // Its revision may be older than that of a write under way, or just done.
    if (!self->writing && !self->reading) self->hear(what);
  });
  for (auto& [id, each] : nodes) {
    if (!each.by) continue;
    each.by->watch(later([this, id = id](core::process is) {
      decisions.heard(now(), id, is);
      decide();
      look_around();
    }));
  }
  tick();
}

void overseer::work::tick() {
  if (ended) return;
  const time_point time = now();
  decisions.leads(coordinator->leading_until() > time);
  for (auto& [id, each] : nodes) {
    if (!each.busy && time - each.looked_at >= decisions.look_every()) look(id, each);
    if (each.by && !each.agent_looks) ask_agent(id, each);
  }
  ticks_at = time_point::max();
  decide();
}

void overseer::work::tick_after(core::duration rest) {
  ticks_at = now() + rest;
  timer.expires_at(ticks_at);
  timer.async_wait([self = shared_from_this()](const boost::system::error_code& error) {
    if (!error) self->tick();
  });
}

void overseer::work::decide() {
  for (const core::action& each : decisions.decide(now())) act(each);
  // Sooner than was planned, where need is new.
  const core::duration rest = decisions.look_every();
  if (now() + rest < ticks_at) tick_after(rest);
}

void overseer::work::act(const core::action& what) {
  if (const auto* t = std::get_if<core::tell>(&what)) {
    tell(*t);
  } else if (const auto* w = std::get_if<core::write_topology>(&what)) {
    writing = true;
    asio::co_spawn(executor, write(w->what), asio::detached);
  } else if (const auto* g = std::get_if<core::move_gates>(&what)) {
    gates(g->closed);
  } else if (const auto* r = std::get_if<core::record>(&what)) {
    told.wrote(*r);
  }
}

void overseer::work::gates(bool closed) {
  told.move_gates(closed, here([this, closed] {
                    decisions.gates_moved(closed);
                    decide();
                  }));
}

// The coordinator.

void overseer::work::hear(const coord::read_result& what) {
  if (what.end != coord::read_end::answered) {
    if (what.end != coord::read_end::unreachable) {
      told.wrote({"topology_unusable", "coordinator", {}, what.why, "nothing is decided"});
    }
    return;
  }
  // A watch may tell late what was true before the last write.
  const core::topology* const known = decisions.known();
  if (known != nullptr && (!what.value || what.value->gen < known->gen)) return;
  at = what.at;
  if (what.value) {
    decisions.topology_read(now(), *what.value);
  } else {
    decisions.topology_missing(now());
  }
  moved();
  decide();
}

void overseer::work::moved() {
  const core::topology* const known = decisions.known();
  if (known == nullptr || known->gen == shown) return;
  shown = known->gen;
  told.changed(*known);
}

asio::awaitable<void> overseer::work::read() {
  const auto self = shared_from_this();
  if (reading) co_return;
  reading = true;
  asio::steady_timer rest(executor);
  while (!ended) {
    const coord::read_result found = co_await coordinator->read(now() + options.write_within);
    if (ended) co_return;
    if (found.end == coord::read_end::answered) {
      reading = false;
      hear(found);
      co_return;
    }
    hear(found);
    rest.expires_after(std::chrono::milliseconds(100));
    boost::system::error_code ignored;
    co_await rest.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  }
}

asio::awaitable<void> overseer::work::write(core::topology what) {
  const auto self = shared_from_this();
  const coord::write_result end =
      co_await coordinator->write(at, std::move(what), now() + options.write_within);
  writing = false;
  if (ended) co_return;
  if (end.end == coord::write_end::written) {
    at = end.at;
    decisions.topology_written(now());
    moved();
    decide();
    co_return;
  }
  decisions.topology_unwritten(now());
  co_await read();
}

// Nodes.

void overseer::work::look(node_id id, node& to) {
  to.busy = true;
  to.looked_at = now();
  const bool asked = to.link->look(
      options.look_within, here([this, id](const db::node_report& r) { reported(id, r, false); }));
  if (!asked) to.busy = false;
}

// Something has happened to one: it is looked at, and so are all who may know of it.
void overseer::work::look_around() {
  for (auto& [id, each] : nodes) {
    if (!each.busy) look(id, each);
  }
}

void overseer::work::tell(const core::tell& what) {
  const auto found = nodes.find(what.node);
  if (found == nodes.end()) return decisions.ended(now(), what.node, core::step_end::failed);
  if (core::by_agent(what.step)) return by_agent(what, found->second);
  if (found->second.busy) {
    found->second.waiting = what;
  } else {
    over_sql(what, found->second);
  }
}

void overseer::work::over_sql(const core::tell& what, node& to) {
  to.busy = true;
  const auto done =
      here([this, id = what.node](const db::node_report& r) { reported(id, r, true); });
  if (to.link->carry_out(what.step, what.gen, options.step_within, done)) return;
  to.busy = false;
  decisions.ended(now(), what.node, core::step_end::failed);
}

void overseer::work::renew(node_id id, node& to) {
  to.busy = true;
  const auto whom = std::exchange(to.renewal, nullptr);
  const core::topology* const known = decisions.known();
  const auto done = here([this, id, whom](const db::node_report& r) {
    whom(r.end == core::step_end::done ? std::string() : "it was not done: " + r.why);
    reported(id, r, false);
  });
  if (known != nullptr && to.link->renew_receiver(known->gen, options.step_within, done)) return;
  to.busy = false;
  whom("it can not be asked now");
}

void overseer::work::reported(node_id id, const db::node_report& what, bool is_step) {
  node& of = nodes.at(id);
  of.busy = false;
  of.looked_at = now();
  const bool gone = of.seen && !what.seen;
  of.seen = what.seen;
  if (what.seen) {
    coordinator->saw(what.seen->told);
    decisions.saw(now(), id, *what.seen);
  } else {
    decisions.missed(now(), id, what.absence);
  }
  if (is_step) decisions.ended(now(), id, what.end);
  if (is_step && !what.why.empty()) {
    told.wrote({"step_failed",
                "node " + std::to_string(core::number_of(id)),
                {},
                what.why,
                "it is tried again where it is still needed"});
  }
  if (of.waiting) over_sql(*std::exchange(of.waiting, std::nullopt), of);
  if (of.renewal && !of.busy) renew(id, of);
  decide();
  // What was done to one may show on another.
  if (gone || is_step) look_around();
}

void overseer::work::by_agent(const core::tell& what, node& to) {
  if (!to.by || to.agent_busy) {
    return decisions.ended(now(), what.node, core::step_end::failed);
  }
  to.agent_busy = true;
  const bool copies = std::holds_alternative<core::clone>(what.step);
  const time_point deadline = now() + (copies ? options.clone_within : options.agent_within);
  const core::process then = std::holds_alternative<core::kill_server>(what.step)
                                 ? core::process::down
                                 : core::process::running;
  to.by->carry_out(what.step, what.gen, deadline,
                   here([this, id = what.node, then](const agent::word& word) {
                     node& of = nodes.at(id);
                     of.agent_busy = false;
                     if (word.end == core::step_end::done) decisions.heard(now(), id, then);
                     if (!word.why.empty()) {
                       told.wrote({"step_failed",
                                   "agent " + std::to_string(core::number_of(id)),
                                   {},
                                   word.why,
                                   "it is tried again where it is still needed"});
                     }
                     decisions.ended(now(), id, word.end);
                     if (!of.busy) look(id, of);
                     decide();
                   }));
}

void overseer::work::ask_agent(node_id id, node& to) {
  to.agent_looks = true;
  to.by->look(now() + options.look_within, here([this, id](core::process is) {
                nodes.at(id).agent_looks = false;
                if (is != core::process::unknown) decisions.heard(now(), id, is);
              }));
}

// The face.

overseer::overseer(const asio::any_io_executor& executor, overseer_options options,
                   std::unique_ptr<coord::coordinator> coordinator,
                   std::map<node_id, std::shared_ptr<agent>> agents, listener& told)
    : work_(std::make_shared<work>(executor, std::move(options), std::move(coordinator), told)) {
  for (const db::member& each : work_->options.nodes.nodes) {
    work::node& made = work_->nodes[each.node];
    made.link = std::make_unique<db::node_link>(
        work_->options.nodes, each.node, work_->later([on = work_.get()] { on->look_around(); }));
    if (const auto by = agents.find(each.node); by != agents.end()) made.by = by->second;
  }
}

overseer::~overseer() {
  work_->ended = true;
  work_->timer.cancel();
  for (auto& each : work_->nodes) each.second.link->stop();
  // Its destructor ends what it calls back.
  work_->coordinator.reset();
}

void overseer::start() {
  work_->start();
}

std::string overseer::ask(const core::order& what) {
  std::string why = work_->decisions.ask(now(), what);
  work_->decide();
  return why;
}

void overseer::use_passwords(const std::string& supervisor, const std::string& replication) {
  for (auto& each : work_->nodes) each.second.link->use_passwords(supervisor, replication);
}

void overseer::renew_receiver(node_id node, std::function<void(std::string)> done) {
  const auto found = work_->nodes.find(node);
  if (found == work_->nodes.end()) return done("there is no such node");
  found->second.renewal = std::move(done);
  if (!found->second.busy) work_->renew(node, found->second);
}

const core::topology* overseer::known() const {
  return work_->decisions.known();
}

bool overseer::leads() const {
  return work_->decisions.acts();
}

const core::sight* overseer::seen(node_id node) const {
  const auto found = work_->nodes.find(node);
  if (found == work_->nodes.end() || !found->second.seen) return nullptr;
  return &*found->second.seen;
}

}  // namespace understudy::cluster
