// Scenarios of stored calls: the gateway, a server, or all servers die while callers insist.
#include <algorithm>
#include <array>
#include <boost/json/parse.hpp>

#include "app/commands/cli_admin.hpp"
#include "app/drill/drill_stage.hpp"
#include "core/dice.hpp"

namespace understudy::app {

namespace {

using std::chrono::milliseconds;

constexpr milliseconds all_down_for{1500};
constexpr unsigned together = 50;
// Between two kills of the gateway: some hit it while it starts, most while it works.
constexpr milliseconds kill_pause_max{250};
constexpr unsigned kills_default = 20;
constexpr milliseconds server_pause{400};

void begin(drill_stage& on) {
  on.facts().begin = load_clock::now();
}

stored_load_options load_for(drill_stage& on) {
  stored_load_options options;
  options.address = on.site().address();
  if (on.is(drill_pace::trickle)) options.callers = 1;
  if (on.is(drill_pace::saturated)) options.callers = 64;
  return options;
}

/// kill -9 of the gateway at random instants, and a new one each time.
void kill_gateway(drill_stage& on) {
  begin(on);
  stored_load load(load_for(on));
  core::dice when(on.settings().seed);
  on.say("killing the gateway again and again");
  for (unsigned i = 0; i < on.settings().kills.value_or(kills_default); ++i) {
    drill_pause(milliseconds(static_cast<int>(when.unit() * kill_pause_max.count())));
    on.site().kill_gateway();
    on.site().start_gateway();
    if (i % 10 == 9) {
      on.say(std::to_string(i + 1) + " kills, " + std::to_string(load.answered()) + " calls");
    }
  }
  on.take(load);
}

/// kill -9 of the server that works, and of the other, in turn.
void kill_server(drill_stage& on) {
  begin(on);
  stored_load load(load_for(on));
  for (unsigned round = 0; round < 2; ++round) {
    for (const unsigned which : {drill_site::primary, drill_site::backup}) {
      drill_pause(server_pause);
      on.say("killing the " + on.site().server(which).name());
      on.site().server(which).kill();
      drill_pause(server_pause);
      on.site().server(which).start();
      on.site().wait_for_state(which, "up");
    }
  }
  on.take(load);
}

/// Many callers at once make each call: a client that repeats, many times over.
void duplicate_keys(drill_stage& on) {
  begin(on);
  auto options = load_for(on);
  options.same_key = together;
  stored_load load(options);
  on.play(0.5);
  on.say("killing the gateway meanwhile");
  on.site().kill_gateway();
  on.site().start_gateway();
  on.play(0.5);
  on.take(load);
}

/// Every server dies; what is asked for meanwhile is done when they are back.
void all_down_stored(drill_stage& on) {
  begin(on);
  stored_load load(load_for(on));
  on.play(0.25);
  on.say("killing both servers");
  on.primary().kill();
  on.backup().kill();
  drill_pause(all_down_for);
  on.primary().start();
  on.backup().start();
  on.say("started both again");
  on.play(0.5);
  on.take(load);
}

/// A stored call that kills each worker it meets: after attempts_max it is dead, and told so.
void poison_call(drill_stage& on) {
  begin(on);
  stored_load load(load_for(on));
  on.play(0.25);
  on.say("storing a call that kills every worker it meets");
  const std::string ticket = store_killer(on.site().address());
  drill_killer seen;
  const auto ended = [&] {
    seen.workers += on.primary().start_dead() + on.backup().start_dead();
    const auto call = boost::json::parse(on.site().get("/calls/" + ticket));
    return text_of(call, "state") == "dead" && text_of(call, "reason") == "outcome_unknown";
  };
  drill_wait_until(ended, "the call that kills to be dead");
  seen.workers += on.primary().start_dead() + on.backup().start_dead();
  seen.answered = true;
  on.facts().killer = seen;
  on.say(std::to_string(seen.workers) + " workers died");
  on.play(0.25);
  on.take(load);
}

/// The gateway is asked to end, and started again, as at an update.
void restart_gateway(drill_stage& on) {
  begin(on);
  stored_load load(load_for(on));
  for (int i = 0; i < 3; ++i) {
    drill_pause(server_pause);
    on.site().stop_gateway();
    on.site().start_gateway();
  }
  drill_pause(server_pause);
  on.take(load);
}

constexpr std::array scenarios{
    drill_scenario{.name = "kill-gateway",
                   .about = "kill -9 of the gateway at random instants; callers repeat their keys",
                   .play = kill_gateway,
                   .store = true},
    drill_scenario{.name = "kill-server",
                   .about = "kill -9 of each server in turn, under stored calls",
                   .play = kill_server,
                   .store = true},
    drill_scenario{.name = "duplicate-keys",
                   .about = "50 callers make each call under one key; the gateway dies once",
                   .play = duplicate_keys,
                   .store = true},
    drill_scenario{.name = "poison-call",
                   .about = "a stored call that kills each worker it meets, twice at most",
                   .play = poison_call,
                   .trouble = R"([{"context":"killer","what":"die"}])",
                   .processes = 3,
                   .store = true,
                   .rules = "[[rule]]\nmatch = \"OrderInterface@get\"\nattempts_max = 2\n"},
    drill_scenario{.name = "all-down-stored",
                   .about = "both servers die; stored calls wait until they are back",
                   .play = all_down_stored,
                   .store = true},
    drill_scenario{.name = "restart-gateway",
                   .about = "the gateway ends by SIGTERM and starts again, under stored calls",
                   .play = restart_gateway,
                   .store = true},
};

}  // namespace

std::span<const drill_scenario> stored_scenarios() {
  return scenarios;
}

}  // namespace understudy::app
