// How long writes are silent when a database's primary dies, freezes or hands over: three MariaDB
// nodes, etcd, two supervisors, and clients that commit row by row through a `write` endpoint. All
// are real; all are on this machine.
//
//   takeover_bench [kill|freeze|switchover] [RUNS] [CLIENTS]      (kill, 10 runs, 4 clients)
//
// Silence is the longest time without any acknowledged commit around the fault. Afterwards every
// acknowledged row is looked for on the primary. Exit code 1: one was lost.
#include <algorithm>
#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <set>
#include <thread>

#include "cluster/overseer.hpp"
#include "coord/etcd/etcd_coordinator.hpp"
#include "db/support/cluster.hpp"
#include "net/sql_proxy.hpp"
#include "support/etcd.hpp"

namespace understudy {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using steady = std::chrono::steady_clock;

/// A server's owner takes orders of two supervisors, and of this program.
class agent_of final : public cluster::agent {
 public:
  explicit agent_of(db::server_process& of) : server_(of) {}

  void carry_out(const core::step& what, core::generation gen, core::time_point /*deadline*/,
                 std::function<void(word)> done) override {
    const std::lock_guard lock(mutex_);
    if (gen < told_) return done({core::step_end::refused, "it was told a higher generation"});
    told_ = gen;
    if (std::holds_alternative<core::kill_server>(what)) {
      server_.kill();
      return done({core::step_end::done, ""});
    }
    const auto* const start = std::get_if<core::start_server>(&what);
    std::string why = start == nullptr ? "this agent can not do that" : server_.start(start->role);
    done({why.empty() ? core::step_end::done : core::step_end::failed, why});
  }
  void look(core::time_point /*deadline*/, std::function<void(core::process)> done) override {
    const std::lock_guard lock(mutex_);
    done(server_.state());
  }
  void send(int signal) {
    const std::lock_guard lock(mutex_);
    if (server_.id() != 0) ::kill(server_.id(), signal);
  }

 private:
  std::mutex mutex_;
  db::server_process& server_;
  core::generation told_{};
};

/// An event loop on a thread of its own.
class lane {
 public:
  lane() : work_(io_.get_executor()), thread_([this] { io_.run(); }) {}
  ~lane() { stop(); }
  void stop() {
    work_.reset();
    io_.stop();
    if (thread_.joinable()) thread_.join();
  }
  [[nodiscard]] asio::any_io_executor executor() { return io_.get_executor(); }

 private:
  asio::io_context io_;
  asio::executor_work_guard<asio::io_context::executor_type> work_;
  std::thread thread_;
};

/// Where clients connect; follows one supervisor's word.
class write_endpoint {
 public:
  write_endpoint() : proxy_(net::sql_proxy::make(lane_.executor(), {})) {
    proxy_->listen("127.0.0.1:0");
    address_ = proxy_->addresses().front();
  }
  ~write_endpoint() {
    asio::post(lane_.executor(), [this] { proxy_->stop(); });
    std::this_thread::sleep_for(50ms);
    lane_.stop();
  }
  void follow(const core::topology& now) {
    const bool serves = now.phase == core::phase::stable || now.phase == core::phase::solo;
    std::vector<net::sql_target> to;
    if (serves) to.push_back({now.find(now.primary)->address, 1});
    asio::post(lane_.executor(), [this, serves, to, epoch = core::number_of(now.epoch)] {
      if (serves) proxy_->lead_to(to, epoch);
    });
  }
  void gates(bool closed, std::function<void()> done) {
    asio::post(lane_.executor(), [this, closed, done = std::move(done)]() mutable {
      if (closed) return proxy_->hold([done](net::sql_held) { done(); });
      done();  // lead_to() opens them
    });
  }
  [[nodiscard]] db::endpoint where() const {
    const auto colon = address_.rfind(':');
    return {address_.substr(0, colon),
            static_cast<std::uint16_t>(std::stoul(address_.substr(colon + 1)))};
  }

 private:
  lane lane_;
  std::shared_ptr<net::sql_proxy> proxy_;
  std::string address_;
};

class supervisor final : public cluster::listener {
 public:
  supervisor(std::uint64_t id, const db::members& nodes, const std::vector<std::string>& etcd,
             const std::map<core::node_id, std::shared_ptr<cluster::agent>>& agents,
             write_endpoint* endpoint)
      : endpoint_(endpoint) {
    cluster::overseer_options options;
    options.supervisor.me = core::supervisor_id{id};
    options.supervisor.hold_down = 0s;
    options.nodes = nodes;
    coord::etcd_options where;
    where.endpoints = etcd;
    where.cluster = "bench";
    where.self = core::supervisor_id{id};
    on_lane([&] {
      overseer_ = std::make_unique<cluster::overseer>(
          lane_.executor(), options, coord::make_etcd_coordinator(lane_.executor(), where), agents,
          *this);
      overseer_->start();
    });
  }
  ~supervisor() override {
    on_lane([&] { overseer_.reset(); });
    lane_.stop();
  }
  std::string ask(const core::order& what) {
    std::string why;
    on_lane([&] { why = overseer_->ask(what); });
    return why;
  }
  std::optional<core::topology> known() {
    std::optional<core::topology> out;
    on_lane([&] {
      if (overseer_->known() != nullptr) out = *overseer_->known();
    });
    return out;
  }

 private:
  template <class Do>
  void on_lane(const Do& does) {
    std::atomic<bool> done = false;
    asio::post(lane_.executor(), [&] {
      does();
      done = true;
      done.notify_all();
    });
    done.wait(false);
  }
  void changed(const core::topology& now) override {
    if (endpoint_ != nullptr) endpoint_->follow(now);
  }
  void move_gates(bool closed, std::function<void()> done) override {
    if (endpoint_ == nullptr) return done();
    endpoint_->gates(closed, std::move(done));
  }
  void wrote(const core::record& what) override {
    if (std::getenv("TAKEOVER_BENCH_TELL") == nullptr) return;
    std::printf("  %s (%s): %s; %s\n", what.kind.c_str(), what.subject.c_str(), what.rule.c_str(),
                what.effect.c_str());
  }

  lane lane_;
  write_endpoint* endpoint_;
  std::unique_ptr<cluster::overseer> overseer_;
};

/// Commits rows one after the other, and connects again when it has to.
class client {
 public:
  client(const db::endpoint& where, std::int64_t first)
      : thread_([this, where, first](const std::stop_token& stop) { run(stop, where, first); }) {}

  /// When commits were acknowledged, by whom whatever.
  [[nodiscard]] std::vector<steady::time_point> times() const {
    const std::lock_guard lock(mutex_);
    return times_;
  }
  [[nodiscard]] std::vector<std::int64_t> rows() const {
    const std::lock_guard lock(mutex_);
    return rows_;
  }
  [[nodiscard]] std::uint64_t errors() const { return errors_; }
  void stop() {
    thread_.request_stop();
    thread_.join();
  }

 private:
  void run(const std::stop_token& stop, const db::endpoint& where, std::int64_t id) {
    db::session to;
    while (!stop.stop_requested()) {
      if (!to.usable() && to.connect(where, db::test_application(), db::soon(5s))) {
        std::this_thread::sleep_for(1ms);
        continue;
      }
      const auto done =
          to.run("INSERT INTO app.t VALUES (" + std::to_string(++id) + ")", db::soon(10s));
      if (!done.ok()) {
        ++errors_;
        to.close();
        continue;
      }
      const std::lock_guard lock(mutex_);
      times_.push_back(steady::now());
      rows_.push_back(id);
    }
  }

  mutable std::mutex mutex_;
  std::vector<steady::time_point> times_;
  std::vector<std::int64_t> rows_;
  std::atomic<std::uint64_t> errors_ = 0;
  std::jthread thread_;
};

template <class Condition>
void wait_for(const char* what, const Condition& so) {
  if (db::eventually(so, 60s)) return;
  std::fprintf(stderr, "takeover_bench: waited in vain for %s\n", what);
  std::exit(1);
}

double percentile(std::vector<double> of, double share) {
  std::sort(of.begin(), of.end());
  const auto last = static_cast<double>(of.size() - 1);
  return of[static_cast<std::size_t>(last * share + 0.5)];
}

int measure(const std::string& fault, unsigned runs, unsigned clients) {
  db::cluster nodes;
  test::etcd_cluster etcd(3);
  std::map<core::node_id, std::shared_ptr<cluster::agent>> agents;
  std::vector<std::shared_ptr<agent_of>> owners;
  core::bootstrap_order first;
  for (const db::member& each : nodes.all().nodes) {
    owners.push_back(std::make_shared<agent_of>(nodes.server(core::number_of(each.node))));
    agents[each.node] = owners.back();
    core::node_entry entry;
    entry.id = each.node;
    entry.address = each.at.host + ":" + std::to_string(each.at.port);
    entry.agent = "here";
    first.nodes.push_back(entry);
  }
  first.primary = core::node_id{1};
  write_endpoint endpoint;
  supervisor one(0xa1, nodes.all(), etcd.endpoints(), agents, &endpoint);
  supervisor other(0xa2, nodes.all(), etcd.endpoints(), agents, nullptr);
  const auto whole = [&] {
    const auto now = one.known();
    return now && now->phase == core::phase::stable && now->sync.size() == 2;
  };
  wait_for("a coordinator", [&] { return one.ask(first).empty(); });
  wait_for("a first cluster", whole);
  db::session ground;
  wait_for("the endpoint", [&] {
    return !ground.connect(endpoint.where(), db::test_application(), db::soon()) &&
           ground
               .run(
                   "CREATE DATABASE IF NOT EXISTS app;"
                   "CREATE TABLE IF NOT EXISTS app.t (id BIGINT PRIMARY KEY)",
                   db::soon())
               .ok();
  });

  std::vector<double> silences;
  std::set<std::int64_t> acknowledged;
  std::uint64_t errors = 0;
  for (unsigned run = 0; run < runs; ++run) {
    std::vector<std::unique_ptr<client>> all;
    for (unsigned i = 0; i < clients; ++i) {
      const std::int64_t from = (std::int64_t{run} * clients + i + 1) * 10'000'000;
      all.push_back(std::make_unique<client>(endpoint.where(), from));
    }
    std::this_thread::sleep_for(1s);
    const core::topology before = *one.known();
    agent_of& primary = *owners.at(core::number_of(before.primary) - 1);
    const auto begin = steady::now();
    if (fault == "kill") primary.send(SIGKILL);
    if (fault == "freeze") primary.send(SIGSTOP);
    if (fault == "switchover") {
      wait_for("the order", [&] { return one.ask(core::switchover_order{}).empty(); });
    }
    wait_for("another primary", [&] { return one.known()->epoch != before.epoch; });
    std::this_thread::sleep_for(fault == "freeze" ? 4s : 1500ms);
    if (fault == "freeze") primary.send(SIGCONT);
    for (const auto& each : all) each->stop();
    std::vector<steady::time_point> times;
    for (const auto& each : all) {
      const auto own = each->times();
      times.insert(times.end(), own.begin(), own.end());
      for (const auto row : each->rows()) acknowledged.insert(row);
      errors += each->errors();
    }
    std::sort(times.begin(), times.end());
    double silence = 0;
    for (std::size_t i = 1; i < times.size(); ++i) {
      if (times[i] < begin) continue;
      silence = std::max(
          silence, std::chrono::duration<double, std::milli>(times[i] - times[i - 1]).count());
    }
    silences.push_back(silence);
    std::printf("run %u: %zu commits, silence %.1f ms\n", run + 1, times.size(), silence);
    std::fflush(stdout);
    wait_for("all members", whole);
  }
  const unsigned last = core::number_of(one.known()->primary);
  const auto read = nodes.client(last)->run("SELECT id FROM app.t", db::soon(60s));
  std::set<std::int64_t> there;
  for (const auto& row : read.tables.at(0).rows) there.insert(std::stoll(*row.at(0)));
  std::size_t lost = 0;
  for (const auto row : acknowledged) lost += there.contains(row) ? 0 : 1;
  std::printf(
      "%s, %u runs: silence p50 %.1f ms, p99 %.1f ms, most %.1f ms; %zu acknowledged, "
      "%zu lost, %llu errors\n",
      fault.c_str(), runs, percentile(silences, 0.5), percentile(silences, 0.99),
      percentile(silences, 1.0), acknowledged.size(), lost,
      static_cast<unsigned long long>(errors));
  return lost == 0 ? 0 : 1;
}

}  // namespace
}  // namespace understudy

int main(int count, char** words) {
  const std::string fault = count > 1 ? words[1] : "kill";
  const auto runs = count > 2 ? std::strtoul(words[2], nullptr, 10) : 10;
  const auto clients = count > 3 ? std::strtoul(words[3], nullptr, 10) : 4;
  if ((fault != "kill" && fault != "freeze" && fault != "switchover") || runs == 0 ||
      clients == 0) {
    std::fprintf(stderr, "usage: takeover_bench [kill|freeze|switchover] [RUNS] [CLIENTS]\n");
    return 2;
  }
  return understudy::measure(fault, static_cast<unsigned>(runs), static_cast<unsigned>(clients));
}
