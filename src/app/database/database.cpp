#include "app/database/database.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <stdexcept>
#include <utility>

#include "app/database/cluster_parts.hpp"
#include "coord/etcd/etcd_coordinator.hpp"
#include "coord/local/local_coordinator.hpp"

namespace understudy::app {

namespace asio = boost::asio;

namespace {

// How soon a replica that falls behind is read from no more.
constexpr std::chrono::milliseconds readers_interval{250};

std::unique_ptr<coord::coordinator> make_coordinator(const database::parts& with,
                                                     const std::string& name) {
  const coordination_config& how = with.coordination;
  if (how.etcd.empty()) {
    return coord::make_local_coordinator(with.supervising, {how.folder + "/" + name, with.me});
  }
  coord::etcd_options options;
  options.endpoints = how.etcd;
  options.cluster = how.cluster.empty() ? name : how.cluster;
  options.self = with.me;
  return coord::make_etcd_coordinator(with.supervising, options);
}

/// Of one that is asked whether it takes a secret.
constexpr std::chrono::seconds agent_within{5};

std::map<core::node_id, std::shared_ptr<agent::remote_agent>> make_agents(
    const asio::any_io_executor& on, const database_config& config, const std::string& secret) {
  std::map<core::node_id, std::shared_ptr<agent::remote_agent>> out;
  std::shared_ptr<const net::tls_connector> tls;
  if (const auto options = tls_of(config))
    tls = std::make_shared<const net::tls_connector>(*options);
  for (const database_node_config& each : config.nodes) {
    if (each.agent.empty()) continue;
    agent::remote_options to;
    to.to = {each.agent, each.id, secret, tls};
    out[each.id] = std::make_shared<agent::remote_agent>(on, std::move(to));
  }
  return out;
}

}  // namespace

database::database(parts with, database_config config)
    : with_(std::move(with)),
      config_(std::move(config)),
      doors_(std::make_shared<endpoints>(with_.carrying, config_)),
      timer_(with_.supervising),
      secret_(read_cluster_secret(config_.password_file)),
      members_(members_of(config_, secret_)),
      agents_(make_agents(with_.supervising, config_, secret_.agent)),
      self_(std::make_shared<database*>(this)) {
  cluster::overseer_options options;
  options.supervisor.me = with_.me;
  options.supervisor.solo = config_.solo;
  options.supervisor.hold_down = config_.hold_down;
  options.supervisor.silent_after = config_.silent_after;
  options.supervisor.lag_max = config_.lag_max;
  options.nodes = members_;
  overseer_ = std::make_unique<cluster::overseer>(
      with_.supervising, std::move(options), make_coordinator(with_, config_.name),
      std::map<core::node_id, std::shared_ptr<cluster::agent>>(agents_.begin(), agents_.end()),
      *this);
  doors_->listen();
}

database::~database() {
  self_.reset();
  job_.reset();
  overseer_.reset();
  asio::post(with_.carrying, [doors = doors_] { doors->stop(); });
}

void database::start() {
  overseer_->start();
  choose_readers();
}

std::vector<core::node_entry> database::entries() const {
  std::vector<core::node_entry> out;
  for (const database_node_config& each : config_.nodes) {
    core::node_entry& entry = out.emplace_back();
    entry.id = each.id;
    entry.address = each.address;
    entry.agent = each.agent;
    entry.rule = each.promote;
  }
  return out;
}

database_status database::status() const {
  database_status out;
  out.name = config_.name;
  if (const core::topology* const known = overseer_->known()) out.known = *known;
  out.acts = overseer_->leads();
  for (const database_node_config& each : config_.nodes) {
    const core::sight* const seen = overseer_->seen(each.id);
    out.nodes.push_back({each, seen ? std::optional(*seen) : std::nullopt});
  }
  return out;
}

std::string database::read_secret() {
  try {
    const cluster_secret next = read_cluster_secret(config_.password_file);
    if (next.supervisor == secret_.supervisor) return {};
    use_passwords(next);
    secret_ = next;
  } catch (const std::runtime_error& error) {
    return error.what();
  }
  for (const auto& each : agents_) each.second->use_secret(secret_.agent);
  return {};
}

void database::use_passwords(const cluster_secret& next) {
  members_ = members_of(config_, next);
  overseer_->use_passwords(next.supervisor, next.replication);
}

void database::ask_agent(core::node_id node, std::function<void(std::string)> done) {
  const auto found = agents_.find(node);
  if (found == agents_.end()) return done({});
  found->second->describe(
      std::chrono::steady_clock::now() + agent_within,
      [done = std::move(done)](const std::optional<agent::look_said>& said,
                               const std::string& why) { done(said ? std::string() : why); });
}

database::doer database::from_afar() {
  return [on = with_.supervising, weak = std::weak_ptr(self_)](
             deed what, std::function<void(std::string)> done) {
    asio::post(on, [weak, what = std::move(what), done = std::move(done)]() mutable {
      const auto self = weak.lock();
      if (self) what(**self, std::move(done));
    });
  };
}

std::string database::begin(std::string kind, database_job::work does) {
  if (job_ && !job_->now().ended) {
    return fmt::format("One long work at a time: {} runs.", job_->now().kind);
  }
  job_ = std::make_unique<database_job>(std::move(kind), std::move(does));
  return {};
}

void database::changed(const core::topology& now) {
  const std::uint32_t epoch = core::number_of(now.epoch);
  if (now.phase == core::phase::stable || now.phase == core::phase::solo) {
    const core::node_entry* const primary = now.find(now.primary);
    asio::post(with_.carrying,
               [doors = doors_, to = primary->address, epoch] { doors->write_to(to, epoch); });
  } else if (now.phase == core::phase::promoting || now.phase == core::phase::resuming) {
    // The last primary takes no writes any more, and the new one takes none yet. One that is
    // started again does not either: it would tell clients that it is read-only.
    asio::post(with_.carrying, [doors = doors_] { doors->write_nowhere(); });
  } else if (now.phase == core::phase::switchover && !overseer_->leads()) {
    // Another gateway's switchover. It ends by itself where that gateway is gone.
    asio::post(with_.carrying, [doors = doors_] { doors->hold([] {}); });
  }
  read_from_.clear();  // of the epoch before
  choose_readers();
}

void database::move_gates(bool closed, std::function<void()> done) {
  asio::post(with_.carrying, [doors = doors_, closed, done = std::move(done)]() mutable {
    if (closed) return doors->hold(std::move(done));
    done();  // write_to() opens them: until then nobody is known who takes writes
  });
}

void database::wrote(const core::record& what) {
  core::record record = what;
  record.subject = fmt::format("database {}, {}", config_.name, what.subject);
  if (const core::topology* const known = overseer_->known()) {
    record.epoch = core::number_of(known->epoch);
  }
  with_.events.write(record);
}

// Members that keep up: what was acknowledged is on them, or will be in a moment. Where there is
// none, the primary.
std::vector<std::string> database::readers(const core::topology& now) const {
  std::vector<std::string> out;
  const core::sight* const primary = overseer_->seen(now.primary);
  for (const core::node_entry& each : now.nodes) {
    const core::sight* const seen = overseer_->seen(each.id);
    if (!now.sync.contains(each.id) || each.id == now.primary || seen == nullptr) continue;
    const bool late =
        primary != nullptr && seen->written.seq + config_.lag_max < primary->written.seq;
    if (!late && seen->applying && seen->follows == now.primary) out.push_back(each.address);
  }
  if (out.empty()) out.push_back(now.find(now.primary)->address);
  return out;
}

void database::choose_readers() {
  const core::topology* const now = overseer_->known();
  const bool serves =
      now != nullptr && (now->phase == core::phase::stable || now->phase == core::phase::solo);
  if (serves) {
    if (auto to = readers(*now); to != read_from_) {
      read_from_ = to;
      asio::post(with_.carrying,
                 [doors = doors_, to = std::move(to), epoch = core::number_of(now->epoch)] {
                   doors->read_from(to, epoch);
                 });
    }
  }
  timer_.expires_after(readers_interval);
  timer_.async_wait([this](const boost::system::error_code& error) {
    if (!error) choose_readers();
  });
}

}  // namespace understudy::app
