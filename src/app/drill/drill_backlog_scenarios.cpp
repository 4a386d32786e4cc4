// Scenarios of very many stored calls: they fill the disk, or wait for servers and a new gateway.
#include <algorithm>
#include <array>
#include <boost/json/parse.hpp>

#include "app/commands/cli_admin.hpp"
#include "app/drill/drill_batches.hpp"
#include "app/drill/drill_stage.hpp"

namespace understudy::app {

namespace {

using std::chrono::milliseconds;

// A tenth of it is the store's reserve: more than its WAL grows to, as on any real disk.
constexpr std::size_t disk_bytes = std::size_t{256} << 20U;
// Most is taken at once: what is left over the reserve is filled by calls in some seconds, however
// slow the machine.
constexpr std::size_t disk_free_at_first = disk_bytes / 10 + (std::size_t{8} << 20U);
constexpr std::uint64_t apart = 1'000'000'000;  // between the numbers of two loads

double seconds_since(load_clock::time_point start) {
  return std::chrono::duration<double>(load_clock::now() - start).count();
}

double number_of_calls(drill_stage& on, std::string_view state) {
  const auto counts = boost::json::parse(on.site().get("/calls/stats"));
  double sum = 0;
  for (const auto& service : array_of(counts, "services")) sum += number_of(service, state);
  return sum;
}

/// The gateway's disk is filled: first by calls, down to the reserve, then by something else to the
/// last byte. Then there is room again.
void disk_full(drill_stage& on) {
  drill_disk& disk = on.disk();
  drill_full_disk& seen = on.facts().full_disk.emplace();
  on.facts().begin = load_clock::now();
  disk.fill(disk_free_at_first);
  on.start_load(drill_mix::reads);
  stored_load_options insisting;
  insisting.address = on.site().address();
  insisting.first = apart;
  insisting.callers = 4;
  stored_load load(insisting);
  batch_load_options many;
  many.address = on.site().address();
  many.callers = 1;
  many.batch = 200;
  batch_load batches(many);
  on.play(0.25);

  on.say("filling the disk with calls");
  const auto refused = [&] { return load.refused().all + batches.refused().all; };
  while (refused() == 0) {
    // It fills up while calls are stored, however slow the machine is.
    const auto stored = batches.stored();
    drill_wait_until([&] { return refused() > 0 || batches.stored() > stored; },
                     "calls to be stored or refused");
  }
  const double done = number_of_calls(on, "done");
  on.say("the store refuses calls, " + std::to_string(disk.free_bytes() >> 10U) +
         " KiB are free; those before go on");
  // What was accepted goes on, while it refuses.
  const auto before = refused();
  const auto both = [&] {
    seen.ended_when_low = static_cast<std::uint64_t>(number_of_calls(on, "done") - done);
    seen.refused_when_low = refused() - before;
    return seen.ended_when_low >= many.batch && seen.refused_when_low > 0;
  };
  (void)drill_wait(both, milliseconds(20000));

  on.say("filling the rest with something else");
  disk.fill(0);
  on.play(0.5);
  seen.gateway_lives = on.site().gateway_runs();

  on.say("making room");
  disk.make_room();
  const auto stored = batches.stored();
  const auto answered = load.answered();
  drill_wait_until([&] { return batches.stored() > stored && load.answered() > answered; },
                   "calls to be accepted again");
  on.play(0.25);
  batches.finish();
  seen.refused = refused();
  seen.hintless = load.refused().hintless + batches.refused().hintless;
  on.take(batches);
  on.take(load);
}

/// Very many calls are stored while no server is there. The gateway is killed and started with them
/// waiting; then servers come, and fresh calls are answered while the backlog is done.
void backlog(drill_stage& on) {
  drill_site& site = on.site();
  on.facts().begin = load_clock::now();
  on.primary().kill();
  on.backup().kill();
  batch_load_options many;
  many.address = site.address();
  many.calls = on.settings().calls;
  many.patience = std::chrono::minutes(5);
  on.say("storing " + std::to_string(many.calls) + " calls while all servers are down");
  auto start = load_clock::now();
  batch_load batches(many);
  batches.wait();
  on.figure("enqueued_per_s", static_cast<double>(batches.stored()) / seconds_since(start));
  on.take(batches);

  on.say("killing the gateway, and starting it with the backlog");
  site.kill_gateway();
  start = load_clock::now();
  site.start_gateway();
  on.figure("start_ms", seconds_since(start) * 1000);
  // It answers: this call is stored.
  batch_load_options one;
  one.address = site.address();
  one.first = apart;
  one.calls = one.callers = one.batch = 1;
  start = load_clock::now();
  batch_load first(one);
  first.wait();
  on.figure("first_stored_ms", seconds_since(start) * 1000);
  on.take(first);

  on.say("starting the servers");
  on.primary().start();
  on.backup().start();
  start = load_clock::now();
  stored_load_options fresh;
  fresh.address = site.address();
  fresh.first = 2 * apart;
  fresh.callers = 4;
  fresh.priority = 9;
  stored_load load(fresh);
  const double all = number_of_calls(on, "waiting");
  site.wait_for_calls(fresh.callers);
  on.figure("drained_per_s", all / seconds_since(start));
  on.take(load);
  on.figure("fresh_calls", static_cast<double>(load.answered()));
  double slowest_ms = 0;
  for (const drill_call& each : on.facts().calls) {
    if (each.call.number < fresh.first) continue;
    const std::chrono::duration<double, std::milli> took = each.call.end - each.call.start;
    slowest_ms = std::max(slowest_ms, took.count());
  }
  on.figure("slowest_fresh_ms", slowest_ms);
}

constexpr std::array scenarios{
    drill_scenario{.name = "disk-full",
                   .about = "the disk of the call store fills up, and has room again",
                   .play = disk_full,
                   .own_databases = true,
                   .own_pace = true,
                   .store = true,
                   .store_bytes = disk_bytes,
                   .orders_in_memory = true},
    drill_scenario{.name = "backlog",
                   .about = "very many calls wait for servers (--calls) while the gateway dies",
                   .play = backlog,
                   .own_databases = true,
                   .own_pace = true,
                   .store = true,
                   .orders_in_memory = true},
};

}  // namespace

std::span<const drill_scenario> backlog_scenarios() {
  return scenarios;
}

}  // namespace understudy::app
