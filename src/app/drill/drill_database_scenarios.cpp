// Scenarios in which the server of one database node dies, freezes, or hands over.
#include <fmt/format.h>
#include <signal.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <stdexcept>

#include "app/drill/drill_database.hpp"
#include "app/drill/drill_direct.hpp"
#include "app/drill/drill_stored.hpp"

namespace understudy::app {

namespace {

using std::chrono::milliseconds;
using namespace std::chrono_literals;

constexpr unsigned kills_default = 3;
// P5, at default settings. What is measured on a machine of its own is in docs/BENCHMARKS.md: some
// 60 ms for a crash, 1 s and 2 s for a host that is silent. Three servers, etcd and their load on
// one machine that has other work need more.
constexpr milliseconds crash_silence_max{3000};
constexpr milliseconds frozen_silence_max{6000};
constexpr milliseconds switchover_silence_max{3000};
constexpr milliseconds solo_silence_max{6000};
constexpr milliseconds between_faults{1000};
// How long a deposed primary is awake before its agent is.
constexpr milliseconds awake_alone{2000};
// Far above those of the load.
constexpr std::uint64_t first_direct_row = 5'000'000'000;
constexpr std::uint64_t first_order = 1'000'000'000;

unsigned kills_of(const database_stage& on) {
  return on.settings().kills.value_or(kills_default);
}

void must_have_another_primary(database_stage& on, const seen_cluster& before) {
  on.must([&] { return on.cluster().look().epoch > before.epoch; }, "P5",
          "nobody took over from node " + std::to_string(before.primary));
  on.must_commit();
}

/// kill -9 of the primary's server: another takes over, and it comes back by itself.
void kill_primary(database_stage& on) {
  const seen_cluster before = on.cluster().look();
  on.fault(fmt::format("killing the primary, node {}", before.primary));
  const auto at = load_clock::now();
  on.cluster().kill_server(before.primary);
  must_have_another_primary(on, before);
  on.must_be_whole(at);
}

void crash(database_stage& on) {
  on.facts().bounds.silence_max = crash_silence_max;
  on.start_load();
  for (unsigned i = 0; i < kills_of(on); ++i) {
    drill_pause(between_faults);
    kill_primary(on);
  }
}

void must_have_acknowledged_nothing(database_stage& on, const direct_clients& clients) {
  if (clients.acknowledged() == 0) return;
  on.broken("P4", fmt::format("a deposed primary acknowledged {} rows", clients.acknowledged()));
}

/// SIGSTOP of the server alone, and then of all of its host: its agent, too.
void freeze(database_stage& on) {
  on.facts().bounds.silence_max = frozen_silence_max;
  on.start_load();
  for (const bool host : {false, true}) {
    drill_pause(between_faults);
    const seen_cluster before = on.cluster().look();
    direct_clients direct(on.cluster().at(before.primary), drill_cluster::application(),
                          first_direct_row + (host ? 100 : 0));
    on.fault(fmt::format("freezing the primary, node {}{}", before.primary,
                         host ? ", with its agent" : ""));
    const auto at = load_clock::now();
    if (host) on.cluster().agent(before.primary).freeze();
    on.cluster().freeze_server(before.primary);
    direct.insert();
    if (!host) direct.kill_queries();
    must_have_another_primary(on, before);
    on.say("waking it");
    on.cluster().thaw_server(before.primary);
    if (host) drill_pause(awake_alone);
    must_have_acknowledged_nothing(on, direct);
    if (host) on.cluster().agent(before.primary).signal(SIGCONT);
    on.must_be_whole(at);
    must_have_acknowledged_nothing(on, direct);
  }
}

/// What became of the orders of callers, counted on the primary.
void count_orders(database_stage& on) {
  db::session session;
  const auto until = std::chrono::steady_clock::now() + 60s;
  const auto where = on.cluster().at(on.cluster().look().primary);
  const auto failed = session.connect(where, drill_cluster::application(), until);
  const auto read = session.run("SELECT ref, COUNT(*) FROM app.orders GROUP BY ref", until);
  if (failed || !read.ok()) throw std::runtime_error("The orders can not be counted.");
  const std::string prefix = order_ref(0).substr(0, order_ref(0).size() - 1);
  for (const auto& row : read.tables.at(0).rows) {
    const auto number = std::stoull(row.at(0).value().substr(prefix.size()));
    on.facts().rows[number] = {static_cast<unsigned>(std::stoul(row.at(1).value())), true};
  }
}

/// An operator hands over, while a service and other applications write.
void switchover(database_stage& on) {
  on.facts().bounds.silence_max = switchover_silence_max;
  on.start_load();
  stored_load_options options;
  options.address = on.cluster().calls_address();
  options.first = first_order;
  options.callers = 4;
  stored_load orders(options);
  on.must([&] { return orders.answered() > 0; }, "P5", "no order is placed");
  for (unsigned i = 0; i < kills_of(on); ++i) {
    drill_pause(between_faults);
    const seen_cluster before = on.cluster().look();
    on.say(fmt::format("handing over from node {}", before.primary));
    const auto at = load_clock::now();
    on.must([&] { return on.cluster().order("switchover", "{}") == 202; }, "P5",
            "no switchover was to be had");
    must_have_another_primary(on, before);
    on.must_be_whole(at);
    on.must_be_equal();
  }
  orders.finish();
  const auto errors = orders.errors() + on.load().errors();
  if (errors > 0) on.broken("P5", fmt::format("callers were told {} errors", errors));
  // A statement that takes longer than the grace of a switchover is cut: on a busy machine, one by
  // one. Services that use `once` have it repeated.
  on.facts().bounds.unknown_max = on.cluster().cut();
  on.figure("cut", static_cast<double>(on.facts().bounds.unknown_max));
  const auto calls = orders.take_calls();
  on.figure("orders", static_cast<double>(calls.size()));
  on.facts().calls.insert(on.facts().calls.end(), calls.begin(), calls.end());
  count_orders(on);
}

/// Two nodes: nobody is left where one is lost.
void two_nodes(database_stage& on) {
  on.facts().bounds.silence_max = solo_silence_max;
  on.start_load();
  drill_pause(between_faults);
  const seen_cluster before = on.cluster().look();
  const unsigned replica = before.primary == 1 ? 2 : 1;
  on.fault(fmt::format("killing the replica, node {}, and its agent", replica));
  on.cluster().kill_agent(replica);
  on.cluster().kill_server(replica);
  on.must([&] { return on.cluster().look().phase == "solo"; }, "P5",
          "the primary does not serve alone");
  on.must_commit();
  on.say("starting its agent again");
  const auto at = load_clock::now();
  on.cluster().start_agent(replica);
  on.must_be_whole(at);
  drill_pause(between_faults);
  kill_primary(on);
}

/// A replica and its agent are gone for a while.
void replica_loss(database_stage& on) {
  on.facts().bounds.silence_max = crash_silence_max;
  on.start_load();
  drill_pause(between_faults);
  const unsigned replica = *on.cluster().look().members.begin();
  on.fault(fmt::format("killing a replica, node {}, and its agent", replica));
  on.cluster().kill_agent(replica);
  on.cluster().kill_server(replica);
  on.must([&] { return on.cluster().look().members.size() == 1; }, "P5",
          "a replica that is gone is a member still");
  on.must_go_on(2s, crash_silence_max);
  const auto at = load_clock::now();
  on.cluster().start_agent(replica);
  on.must_be_whole(at);
}

/// A file in the node's folder of what only it had, with this row.
bool is_kept(const std::string& folder, std::uint64_t row) {
  std::error_code none;
  for (const auto& entry :
       std::filesystem::recursive_directory_iterator(folder + "/divergent", none)) {
    std::ifstream in(entry.path());
    const std::string text{std::istreambuf_iterator<char>(in), {}};
    if (text.find(std::to_string(row)) != std::string::npos) return true;
  }
  return false;
}

/// A deposed primary commits something that no replica has: who may end sessions can do that.
void diverged(database_stage& on) {
  on.facts().bounds.silence_max = frozen_silence_max;
  on.start_load();
  drill_pause(between_faults);
  const seen_cluster before = on.cluster().look();
  const auto where = on.cluster().at(before.primary);
  {
    direct_clients direct(where, drill_cluster::application(), first_direct_row, 1);
    on.fault(fmt::format("freezing the primary, node {}, with its agent", before.primary));
    on.cluster().agent(before.primary).freeze();
    on.cluster().freeze_server(before.primary);
    must_have_another_primary(on, before);
    on.say("waking its server, for one commit that nobody else has");
    direct.insert();
    direct.kill_queries();
    on.cluster().thaw_server(before.primary);
    drill_pause(awake_alone);
    on.figure("acknowledged_alone", direct.acknowledged());
  }
  const auto at = load_clock::now();
  on.cluster().agent(before.primary).signal(SIGCONT);
  on.must_be_whole(at);
  const bool kept = is_kept(on.cluster().folder_of(before.primary), first_direct_row);
  on.figure("kept", kept ? 1 : 0);
  if (!kept) on.broken("P1", "what only the deposed primary had was not kept");
}

constexpr std::array scenarios{
    database_scenario{.name = "db-crash",
                      .about = "kill -9 of a database's primary, --kills times in turn",
                      .play = crash},
    database_scenario{.name = "db-freeze",
                      .about = "SIGSTOP of a database's primary; then of its agent, too",
                      .play = freeze},
    database_scenario{
        .name = "db-switchover",
        .about = "a database's primary hands over, --kills times; callers see nothing",
        .play = switchover,
        .orders = true},
    database_scenario{.name = "db-two-nodes",
                      .about = "of two database nodes the replica dies, and later the primary",
                      .play = two_nodes,
                      .nodes = 2},
    database_scenario{.name = "db-replica-loss",
                      .about = "a replica and its agent die, and are back later",
                      .play = replica_loss},
    database_scenario{.name = "db-diverged",
                      .about = "a deposed primary has a commit that nobody else has",
                      .play = diverged},
};

}  // namespace

std::span<const database_scenario> database_scenarios() {
  return scenarios;
}

}  // namespace understudy::app
