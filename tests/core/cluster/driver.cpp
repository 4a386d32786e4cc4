#include "core/cluster/driver.hpp"

#include <utility>

namespace understudy::sim::cluster {

using namespace std::chrono_literals;
using core::absence;
using core::step_end;

namespace {

constexpr duration look_limit = 400ms;
constexpr duration step_limit = 2s;
constexpr duration write_limit = 1s;

}  // namespace

driver::driver(std::uint64_t host, std::uint64_t id, const core::supervisor_options& options,
               const std::vector<node_id>& nodes, surroundings& world)
    : host_(host),
      id_(id),
      world_(world),
      core_([&] {
        core::supervisor_options mine = options;
        mine.me = core::supervisor_id{id};
        return mine;
      }()),
      nodes_(nodes) {}

time_point driver::local() const {
  const auto passed = world_.time().now().time_since_epoch();
  return time_point(std::chrono::duration_cast<duration>(passed * rate_) + offset_);
}

void driver::set_clock(duration offset, double rate) {
  offset_ = offset;
  rate_ = rate;
}

void driver::leads(bool leading) {
  awake([this, leading] { core_.leads(leading); });
}

// What comes while it is stopped is dealt with when it goes on.
void driver::awake(std::function<void()> what) {
  if (ended_) return;
  if (paused_) {
    held_back_.push_back(std::move(what));
  } else {
    what();
  }
}

void driver::resume() {
  paused_ = false;
  auto all = std::exchange(held_back_, {});
  for (auto& each : all) awake(std::move(each));
}

void driver::tick() {
  if (ended_) return;
  for (const node_id node : nodes_) {
    link& to = links_[node];
    if (to.request != 0) continue;
    if (world_.time().now() - to.looked_at >= core_.look_every()) look(node);
  }
  if (ticks_++ % 2 == 0) {
    for (const node_id node : nodes_) ask_agent(node);
  }
  if (!reading_ && world_.time().now() - read_at_ >= 200ms) read();
  decide();
  world_.time().after(core_.look_every(), [this, self = id_] {
    if (self == id_) awake([this] { tick(); });
  });
}

void driver::decide() {
  for (const core::action& each : core_.decide(local())) carry_out(each);
}

void driver::carry_out(const core::action& what) {
  if (const auto* t = std::get_if<core::tell>(&what)) {
    tell(*t);
  } else if (const auto* w = std::get_if<core::write_topology>(&what)) {
    write(*w);
  } else if (const auto* g = std::get_if<core::move_gates>(&what)) {
    closed_gates_ = g->closed;
    world_.time().after(1ms, [this, closed = g->closed] {
      awake([this, closed] {
        core_.gates_moved(closed);
        decide();
      });
    });
  }
}

void driver::hint() {
  awake([this] {
    if (!reading_) read();
  });
}

void driver::read() {
  reading_ = true;
  read_at_ = world_.time().now();
  const auto number = ++reads_;
  world_.carry(host_, node_id{}, false, [this, number] {
    const keeper& from = world_.coordinator();
    if (from.away) return;
    const bool past = from.before && world_.time().chance(0.05);
    world_.carry(host_, node_id{}, true, [this, number, seen = past ? from.before : from.value] {
      awake([this, number, seen] {
        if (!reading_ || number != reads_) return;
        reading_ = false;
        if (seen) {
          core_.topology_read(local(), *seen);
        } else {
          core_.topology_missing(local());
        }
        decide();
      });
    });
  });
  world_.time().after(write_limit, [this, number] {
    awake([this, number] {
      if (number == reads_) reading_ = false;
    });
  });
}

void driver::write(const core::write_topology& what) {
  const auto number = ++writes_;
  world_.carry(host_, node_id{}, false, [this, number, what] {
    keeper& to = world_.coordinator();
    if (to.away) return;
    const bool fits = what.create ? !to.value
                                  : to.value && to.value->gen < what.what.gen &&
                                        core::after(to.value->gen) == what.what.gen;
    if (fits) {
      to.before = to.value;
      to.value = what.what;
      world_.wrote(what.what);
    }
    if (world_.time().chance(0.02)) return;  // the answer is lost
    world_.carry(host_, node_id{}, true, [this, number, fits] {
      awake([this, number, fits] {
        if (number != writes_) return;
        ++writes_;
        if (fits) {
          core_.topology_written(local());
        } else {
          core_.topology_unwritten(local());
          if (!reading_) read();
        }
        decide();
      });
    });
  });
  world_.time().after(write_limit, [this, number] {
    awake([this, number] {
      if (number != writes_) return;
      ++writes_;
      core_.topology_unwritten(local());
      if (!reading_) read();
    });
  });
}

void driver::look(node_id node) {
  link& to = links_[node];
  const auto request = ++requests_;
  to.request = request;
  to.is_step = false;
  to.looked_at = world_.time().now();
  const session me{id_, to.session};
  world_.carry(host_, node, false, [this, node, request, me] {
    server& at = world_.node(node);
    if (!at.up()) {
      // Its host says so.
      world_.carry(host_, node, true, [this, node, request] {
        answered(node, request, std::nullopt, absence::refused, std::nullopt);
      });
      return;
    }
    at.when_awake([this, &at, node, request, me] {
      world_.carry(host_, node, true, [this, node, request, seen = at.look(me)] {
        answered(node, request, seen, std::nullopt, std::nullopt);
      });
    });
  });
  world_.time().after(look_limit, [this, node, request] { too_late(node, request); });
}

void driver::look_around() {
  for (const node_id node : nodes_) {
    if (links_[node].request == 0) look(node);
  }
}

void driver::tell(const core::tell& what) {
  link& to = links_[what.node];
  if (to.request != 0) {
    to.waiting = what;
    return;
  }
  const auto request = ++requests_;
  to.request = request;
  to.is_step = true;
  const session me{id_, to.session};
  const node_id node = what.node;
  world_.carry(host_, node, false, [this, what, request, me, node] {
    server& at = world_.node(node);
    const bool agent = core::by_agent(what.step);
    if (agent ? !world_.agent_of(node) : !at.up()) {
      world_.carry(host_, node, true, [this, node, request] {
        answered(node, request, std::nullopt, absence::refused, step_end::failed);
      });
      return;
    }
    const auto carry_it_out = [this, &at, what, request, me, node] {
      const auto done = at.carry_out(me, what.gen, what.step);
      if (done.end != step_end::refused) {
        world_.carried_out(host_, what.gen, node, what.step);
      }
      const bool slow = std::holds_alternative<core::clone>(what.step) ||
                        std::holds_alternative<core::start_server>(what.step);
      world_.time().after(slow ? world_.time().between(200ms, 1200ms) : duration(0),
                          [this, node, request, done] {
                            world_.carry(host_, node, true, [this, node, request, done] {
                              answered(node, request, done.seen, std::nullopt, done.end);
                            });
                          });
    };
    if (agent) {
      carry_it_out();
    } else {
      at.when_awake(carry_it_out);
    }
  });
  world_.time().after(step_limit, [this, node, request] { too_late(node, request); });
}

void driver::answered(node_id node, std::uint64_t request, const std::optional<core::sight>& seen,
                      std::optional<core::absence> absent, std::optional<core::step_end> end) {
  awake([this, node, request, seen, absent, end] {
    link& to = links_[node];
    if (to.request != request) return;
    to.request = 0;
    bool news = false;
    if (seen) {
      if (to.seen_start != 0 && to.seen_start != seen->start) ++to.session;
      to.seen_start = seen->start;
      to.was_seen = true;
      core_.saw(local(), node, *seen);
    }
    if (absent) {
      ++to.session;
      core_.missed(local(), node, *absent);
      news = to.was_seen;
      to.was_seen = false;
    }
    if (end) core_.ended(local(), node, *end);
    if (to.waiting) {
      const core::tell next = *std::exchange(to.waiting, std::nullopt);
      tell(next);
    }
    decide();
    if (news || end) look_around();
  });
}

void driver::too_late(node_id node, std::uint64_t request) {
  awake([this, node, request] {
    link& to = links_[node];
    if (to.request != request) return;
    const bool was_step = to.is_step;
    to.request = 0;
    ++to.session;
    core_.missed(local(), node, absence::silent);
    if (was_step) core_.ended(local(), node, step_end::unknown);
    if (std::exchange(to.waiting, std::nullopt)) core_.ended(local(), node, step_end::failed);
    decide();
  });
}

void driver::ask_agent(node_id node) {
  if (!world_.agent_of(node)) return;
  world_.carry(host_, node, false, [this, node] {
    const server& at = world_.node(node);
    const core::process is = at.up()      ? core::process::running
                             : at.stuck() ? core::process::stuck
                                          : core::process::down;
    world_.carry(host_, node, true,
                 [this, node, is] { awake([this, node, is] { core_.heard(local(), node, is); }); });
  });
}

}  // namespace understudy::sim::cluster
