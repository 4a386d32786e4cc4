// Scenarios in which more than one thing that a database cluster needs is lost.
#include <fmt/format.h>
#include <signal.h>

#include <array>

#include "app/drill/drill_database.hpp"

namespace understudy::app {

namespace {

using std::chrono::milliseconds;
using namespace std::chrono_literals;

// From the moment at which all that is needed is there again. Servers recover their files first.
constexpr milliseconds recover_max{60000};
constexpr milliseconds pause_before{1000};
constexpr milliseconds go_on_for{3000};
constexpr milliseconds go_on_bound{2000};
constexpr milliseconds silent_for{4000};
// Answers that were on their way when the primary died.
constexpr milliseconds last_answers{500};
constexpr milliseconds watched_for{5000};

/// Commits are acknowledged again, and in time since `from`.
void must_recover(database_stage& on, load_clock::time_point from) {
  on.must_commit(1);
  const auto took = std::chrono::ceil<milliseconds>(load_clock::now() - from);
  on.facts().recover = std::max(on.facts().recover.value_or(took), took);
  on.must_commit();
}

void kill_servers(database_stage& on, unsigned how_many) {
  const seen_cluster before = on.cluster().look();
  on.fault(fmt::format("killing {} servers at once", how_many));
  on.cluster().kill_server(before.primary);
  for (unsigned node = 1; node <= on.cluster().nodes(); ++node) {
    if (node == before.primary) continue;
    if (--how_many == 0) break;
    on.cluster().kill_server(node);
  }
}

/// Nobody can be promoted, or served: the servers are started again, and then it is decided.
void double_crash(database_stage& on) {
  on.facts().bounds.recover_max = recover_max;
  on.start_load();
  for (const unsigned servers : {2U, 3U}) {
    drill_pause(pause_before);
    const auto at = load_clock::now();
    kill_servers(on, servers);
    drill_pause(last_answers);
    must_recover(on, at);
    on.must_be_whole(at);
  }
}

/// All processes of the cluster but etcd end, and are started again.
void full_outage(database_stage& on) {
  on.facts().bounds.recover_max = recover_max;
  on.start_load();
  drill_pause(pause_before);
  on.fault("killing all servers, agents and the gateway");
  on.cluster().kill_gateway();
  for (unsigned node = 1; node <= on.cluster().nodes(); ++node) {
    on.cluster().kill_agent(node);
    on.cluster().kill_server(node);
  }
  on.must_be_silent(last_answers, "P4", "no server runs");
  const auto at = load_clock::now();
  for (unsigned node = 1; node <= on.cluster().nodes(); ++node) on.cluster().start_agent(node);
  on.cluster().start_gateway();
  on.say("started agents and gateway again");
  must_recover(on, at);
  on.must_be_whole(at);
}

/// Without the coordinator all goes on, and nobody is promoted.
void etcd_down(database_stage& on) {
  on.facts().bounds.recover_max = recover_max;
  on.start_load();
  drill_pause(pause_before);
  on.fault("killing etcd");
  on.cluster().kill_etcd();
  on.must_go_on(go_on_for, go_on_bound);
  const seen_cluster before = on.cluster().look();
  on.fault(fmt::format("killing the primary, node {}", before.primary));
  on.cluster().kill_server(before.primary);
  drill_pause(last_answers);
  on.must_be_silent(silent_for, "P4", "nobody could agree on another primary");
  if (on.cluster().look().epoch != before.epoch) {
    on.broken("P4", "there is another primary, which nobody could agree on");
  }
  const auto at = load_clock::now();
  on.cluster().start_etcd();
  on.say("etcd is back");
  must_recover(on, at);
  on.must([&] { return on.cluster().look().epoch > before.epoch; }, "P5", "nobody took over");
  on.must_be_whole(at);
}

/// The gateway that decides sleeps, and wakes up when another has decided.
void supervisor_pause(database_stage& on) {
  drill_cluster& cluster = on.cluster();
  unsigned acting = 2;
  on.must(
      [&] {
        for (const unsigned which : {0U, 1U}) {
          if (cluster.look(which).acts) acting = which;
        }
        return acting < 2;
      },
      "P5", "no gateway decides");
  const unsigned other = 1 - acting;
  on.facts().bounds.recover_max = recover_max;
  on.start_load(other);
  drill_pause(pause_before);
  const seen_cluster before = cluster.look(other);
  on.fault(fmt::format("freezing gateway {}, which decides, and killing node {}, the primary",
                       acting, before.primary));
  const auto at = load_clock::now();
  cluster.gateway(acting).freeze();
  cluster.kill_server(before.primary);
  drill_pause(last_answers);
  must_recover(on, at);
  const seen_cluster after = cluster.look(other);
  if (after.epoch <= before.epoch) on.broken("P5", "the other gateway did not take over");
  on.say("waking the gateway");
  cluster.gateway(acting).signal(SIGCONT);
  drill_pause(watched_for);
  on.must([&] { return cluster.look(acting).epoch == cluster.look(other).epoch; }, "P4",
          "gateways disagree on who is primary");
  if (cluster.look(other).epoch != after.epoch) {
    on.broken("P4", "a gateway that woke up changed who is primary");
  }
  on.must_be_whole(at, other);
  on.must_be_whole(at, acting);
}

constexpr std::array scenarios{
    database_scenario{.name = "db-double-crash",
                      .about = "a database's primary and a replica die at once; then all three",
                      .play = double_crash},
    database_scenario{.name = "db-full-outage",
                      .about = "all servers, agents and the gateway die, and are started again",
                      .play = full_outage},
    database_scenario{.name = "db-etcd-down",
                      .about = "etcd dies, then a database's primary; etcd is back 5 s later",
                      .play = etcd_down},
    database_scenario{.name = "db-supervisor-pause",
                      .about = "SIGSTOP of the gateway that decides; the primary dies; it wakes",
                      .play = supervisor_pause,
                      .gateways = 2},
};

}  // namespace

std::span<const database_scenario> outage_scenarios() {
  return scenarios;
}

}  // namespace understudy::app
