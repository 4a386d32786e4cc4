#include "cluster/stage.hpp"

#include <stdexcept>

#include "coord/etcd/etcd_coordinator.hpp"

namespace understudy::cluster {

namespace {

/// Starts and kills, and can do nothing else.
class small_agent final : public agent {
 public:
  explicit small_agent(db::server_process& of) : server_(of) {}

  void carry_out(const core::step& what, core::generation gen, core::time_point /*deadline*/,
                 std::function<void(word)> done) override {
    if (gen < told_) return done({core::step_end::refused, "it was told a higher generation"});
    told_ = gen;
    if (std::holds_alternative<core::kill_server>(what)) {
      server_.kill();
      return done({core::step_end::done, ""});
    }
    const auto* const start = std::get_if<core::start_server>(&what);
    if (start == nullptr) return done({core::step_end::failed, "it can not do that"});
    std::string why = server_.start(start->role);
    if (!why.empty()) return done({core::step_end::failed, why});
    done({core::step_end::done, ""});
  }

  void look(core::time_point /*deadline*/, std::function<void(core::process)> done) override {
    done(server_.state());
  }

 private:
  db::server_process& server_;
  core::generation told_{};
};

}  // namespace

seat::seat(std::uint64_t id, const db::members& nodes,
           const std::function<std::unique_ptr<coord::coordinator>(
               const boost::asio::any_io_executor&, core::supervisor_id)>& coordinator,
           const std::map<node_id, std::shared_ptr<agent>>& agents) {
  overseer_options options;
  options.supervisor.me = core::supervisor_id{id};
  options.supervisor.hold_down = 0s;
  options.nodes = nodes;
  overseer_ = std::make_unique<overseer>(io_.get_executor(), std::move(options),
                                         coordinator(io_.get_executor(), core::supervisor_id{id}),
                                         agents, *this);
  overseer_->start();
}

seat::~seat() {
  overseer_.reset();
}

void seat::changed(const core::topology& now) {
  history_ += "-- " + std::to_string(core::number_of(now.gen)) + ": " +
              std::string(core::to_string(now.phase)) + ", epoch " +
              std::to_string(core::number_of(now.epoch)) + ", primary " +
              std::to_string(core::number_of(now.primary)) + ", " +
              std::to_string(now.sync.size()) + " members\n";
}

void seat::move_gates(bool /*closed*/, std::function<void()> done) {
  done();
}

void seat::wrote(const core::record& what) {
  history_ += what.kind + " (" + what.subject + "): " + what.rule + "; " + what.effect + "\n";
}

stage::stage(std::size_t supervisors, std::size_t etcd_members) : etcd(etcd_members) {
  for (const db::member& each : nodes.all().nodes) {
    agents[each.node] = std::make_shared<small_agent>(nodes.server(core::number_of(each.node)));
  }
  const auto coordinator = [this](const boost::asio::any_io_executor& on, core::supervisor_id me) {
    coord::etcd_options options;
    options.endpoints = etcd.endpoints();
    options.cluster = "main";
    options.self = me;
    return coord::make_etcd_coordinator(on, options);
  };
  for (std::uint64_t i = 0; i < supervisors; ++i) {
    seats.push_back(std::make_unique<seat>(0xa1 + i, nodes.all(), coordinator, agents));
  }
}

stage::~stage() {
  seats.clear();
}

bool stage::run_until(const std::function<bool()>& so, core::duration time) {
  const auto until = db::soon(time);
  while (!so()) {
    if (std::chrono::steady_clock::now() > until) return false;
    run_for(2ms);
  }
  return true;
}

void stage::run_for(core::duration time) {
  const auto until = db::soon(time);
  do {
    for (const auto& each : seats) {
      if (!each->asleep) each->run_for(500us);
    }
  } while (std::chrono::steady_clock::now() < until);
}

core::bootstrap_order stage::first() const {
  core::bootstrap_order out;
  for (const db::member& each : nodes.all().nodes) {
    core::node_entry entry;
    entry.id = each.node;
    entry.address = each.at.host + ":" + std::to_string(each.at.port);
    entry.agent = "here";
    out.nodes.push_back(entry);
  }
  out.primary = db::id_of(1);
  return out;
}

const core::topology* stage::agreed() {
  const core::topology* all = nullptr;
  for (const auto& each : seats) {
    if (each->asleep) continue;
    const core::topology* const known = each->who().known();
    if (known == nullptr || (all != nullptr && *all != *known)) return nullptr;
    all = known;
  }
  return all;
}

unsigned stage::primary() {
  const core::topology* const all = agreed();
  return all == nullptr ? 0 : core::number_of(all->primary);
}

unsigned stage::settled_primary() {
  if (!run_until([&] { return primary() != 0; })) {
    throw std::runtime_error("they do not agree who is primary\n" + history());
  }
  return primary();
}

bool stage::serves(std::size_t members) {
  const core::topology* const all = agreed();
  return all != nullptr && all->phase == core::phase::stable && all->sync.size() == members &&
         !nodes.see(core::number_of(all->primary)).read_only;
}

void stage::begin() {
  std::string why = "nobody was asked";
  if (!run_until([&] { return (why = seats[0]->who().ask(first())).empty(); }) ||
      !run_until([&] { return serves(2); })) {
    throw std::runtime_error("it does not begin: " + why + "\n" + history());
  }
  const auto made = nodes.client(primary())->run(
      "CREATE DATABASE IF NOT EXISTS app;"
      "CREATE TABLE app.t (id BIGINT PRIMARY KEY)",
      db::soon());
  if (!made.ok()) throw std::runtime_error(made.failed.text);
}

std::string stage::history() const {
  std::string all;
  for (const auto& each : seats) all += "a supervisor:\n" + each->history();
  return all;
}

}  // namespace understudy::cluster
