#include "db/support/pilot.hpp"

#include <stdexcept>
#include <utility>

namespace understudy::db {

namespace {

core::time_point now() {
  return std::chrono::steady_clock::now();
}

core::supervisor_options leader() {
  core::supervisor_options out;
  out.me = core::supervisor_id{1};
  out.hold_down = 0s;
  return out;
}

}  // namespace

pilot::pilot(cluster& on) : on_(on), supervisor_(leader()) {
  for (const member& each : on.all().nodes) {
    links_[each.node] = std::make_unique<node_link>(on.all(), each.node);
  }
  supervisor_.leads(true);
  supervisor_.topology_missing(now());
}

pilot::~pilot() {
  for (auto& [node, link] : links_) link->stop();
}

core::bootstrap_order pilot::bootstrap() const {
  core::bootstrap_order out;
  for (const member& each : on_.all().nodes) {
    core::node_entry entry;
    entry.id = each.node;
    entry.address = each.at.host + ":" + std::to_string(each.at.port);
    entry.agent = "here";
    out.nodes.push_back(entry);
  }
  out.primary = id_of(1);
  return out;
}

void pilot::ask(const core::order& what) {
  const std::string refused = supervisor_.ask(now(), what);
  if (!refused.empty()) throw std::runtime_error(refused);
}

bool pilot::stable_with(unsigned members) const {
  return topology_ && topology_->phase == core::phase::stable && topology_->sync.size() == members;
}

bool pilot::run_until(const std::function<bool()>& so, core::duration time) {
  const auto until = soon(time);
  while (!so()) {
    if (now() > until) return false;
    take_reports();
    for (unsigned n = 1; n <= on_.size(); ++n) {
      supervisor_.heard(now(), id_of(n), on_.server(n).state());
    }
    decide();
    ask_nodes();
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, 5ms, [&] { return !heard_.empty(); });
  }
  return true;
}

void pilot::take_reports() {
  std::vector<heard> all;
  {
    const std::lock_guard lock(mutex_);
    all.swap(heard_);
  }
  for (heard& each : all) {
    const node_report& report = each.report;
    if (report.seen) {
      supervisor_.saw(now(), each.node, *report.seen);
    } else {
      supervisor_.missed(now(), each.node, report.absence);
    }
    if (!each.step) continue;
    supervisor_.ended(now(), each.node, report.end);
    if (report.end != core::step_end::done) history_ += "  failed: " + report.why + "\n";
  }
}

void pilot::learn(core::node_id node, bool step, node_report report) {
  const std::lock_guard lock(mutex_);
  heard_.push_back({node, step, std::move(report)});
  changed_.notify_one();
}

void pilot::decide() {
  for (const core::action& each : supervisor_.decide(now())) {
    if (const auto* const tell = std::get_if<core::tell>(&each)) {
      history_ += std::string(core::name_of(tell->step)) + " to node " +
                  std::to_string(core::number_of(tell->node)) + "\n";
      if (core::by_agent(tell->step)) {
        by_agent(*tell);
      } else {
        waiting_.insert_or_assign(tell->node, *tell);
      }
    } else if (const auto* const write = std::get_if<core::write_topology>(&each)) {
      topology_ = write->what;
      history_ += "-- " + std::string(core::to_string(topology_->phase)) + ", primary " +
                  std::to_string(core::number_of(topology_->primary)) + "\n";
      supervisor_.topology_written(now());
    } else if (const auto* const gates = std::get_if<core::move_gates>(&each)) {
      supervisor_.gates_moved(gates->closed);
    } else if (const auto* const said = std::get_if<core::record>(&each)) {
      history_ += said->kind + ": " + said->rule + "\n";
    }
  }
}

void pilot::by_agent(const core::tell& what) {
  server_process& server = on_.server(core::number_of(what.node));
  core::step_end end = core::step_end::failed;
  if (std::holds_alternative<core::kill_server>(what.step)) {
    server.kill();
    end = core::step_end::done;
  } else if (const auto* const start = std::get_if<core::start_server>(&what.step)) {
    if (server.start(start->role).empty()) end = core::step_end::done;
  }
  supervisor_.ended(now(), what.node, end);
}

void pilot::ask_nodes() {
  for (auto& [node, link] : links_) {
    if (link->busy()) continue;
    if (const auto next = waiting_.find(node); next != waiting_.end()) {
      const core::tell what = next->second;
      waiting_.erase(next);
      static_cast<void>(link->carry_out(what.step, what.gen, 3s, [this, id = node](auto report) {
        learn(id, true, std::move(report));
      }));
    } else if (now() - looked_at_[node] >= supervisor_.look_every()) {
      looked_at_[node] = now();
      static_cast<void>(link->look(
          300ms, [this, id = node](auto report) { learn(id, false, std::move(report)); }));
    }
  }
}

}  // namespace understudy::db
