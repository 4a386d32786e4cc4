// Scenarios in which servers die, freeze, or are taken out of service.
#include <array>

#include "app/drill/drill_stage.hpp"

namespace understudy::app {

namespace {

using std::chrono::milliseconds;

// P5, for two servers, default settings and 50 calls/s.
constexpr milliseconds crash_idempotent_max{100};
constexpr milliseconds frozen_slow_after{300};
constexpr milliseconds frozen_left_within{300};
constexpr std::uint64_t frozen_slow_max = 15;
// With a call each second: those that the first evidence is made of.
constexpr milliseconds trickle_excused{3000};
constexpr std::uint64_t trickle_slow_max = 3;
// Both servers are away for this long: far below the gateway's limits on waiting calls.
constexpr milliseconds all_down_for{1500};
constexpr milliseconds flap_time{1000};
constexpr unsigned flaps = 3;

milliseconds since(load_clock::time_point start) {
  return std::chrono::ceil<milliseconds>(load_clock::now() - start);
}

void promise_unnoticed(drill_stage& on) {
  on.facts().bounds.slow_max = 0;
}

/// kill -9 of the primary under load. The backup takes over.
void crash(drill_stage& on) {
  promise_as_crash(on);
  on.start_load();
  on.play(0.25);
  on.kill({drill_site::primary});
  on.play(0.75);
}

/// kill -9 of both servers; calls wait at the gateway until they are back.
void all_down(drill_stage& on) {
  on.facts().bounds.all_die = true;
  on.start_load();
  on.play(0.25);
  on.kill({drill_site::primary, drill_site::backup});
  drill_pause(all_down_for);
  on.primary().start();
  on.facts().recover_from = load_clock::now();
  on.backup().start();
  on.say("started both again");
  on.play(0.5);
}

/// The backup serves; the primary comes back, rests for its hold-down, and takes its share again.
void failback(drill_stage& on) {
  promise_unnoticed(on);
  on.primary().kill();
  on.site().wait_for_state(drill_site::primary, "down");
  on.start_load();
  on.play(0.1);
  on.primary().start();
  const auto returned = load_clock::now();
  on.say("the primary is back; waiting until it serves again");
  on.site().wait_for_state(drill_site::primary, "up");
  on.facts().recover = since(returned);
  on.play(0.25);
}

/// An operator takes the primary out, and stops it once it rests.
void drain(drill_stage& on) {
  promise_unnoticed(on);
  on.start_load();
  on.play(0.25);
  on.site().drain(drill_site::primary);
  on.site().wait_until_at_rest(drill_site::primary);
  on.primary().stop();
  on.say("drained and stopped the primary");
  on.play(0.75);
}

/// Each server in turn is drained, stopped, started again and resumed.
void rolling_restart(drill_stage& on) {
  promise_unnoticed(on);
  on.start_load();
  on.play(0.25);
  for (const unsigned which : {drill_site::primary, drill_site::backup}) {
    on.site().drain(which);
    on.site().wait_until_at_rest(which);
    on.site().server(which).stop();
    on.site().server(which).start();
    on.site().resume(which);
    on.say("restarted the " + on.site().server(which).name());
    on.site().wait_for_state(which, "up");
  }
  on.play(0.25);
}

/// SIGSTOP of the primary: connections stay open, and new ones are accepted by the kernel.
void freeze(drill_stage& on) {
  promise_as_frozen(on);
  on.start_load();
  on.play(0.25);
  on.fault("freezing the primary");
  on.primary().freeze();
  on.play(0.75);
  on.end_load();
  // What it had accepted it now does, late: only then it shows whether a write was repeated.
  on.primary().thaw();
  on.primary().stop();
}

/// Packets to and from the primary vanish: nothing is refused, nothing is answered.
void black_hole(drill_stage& on) {
  promise_as_frozen(on);
  on.start_load();
  on.play(0.25);
  on.fault("cutting the primary's network");
  on.network().cut();
  on.play(0.75);
}

/// The primary dies and comes back, again and again.
void flapping(drill_stage& on) {
  promise_as_crash(on);
  on.start_load();
  on.play(0.25);
  for (unsigned i = 0; i < flaps; ++i) {
    on.kill({drill_site::primary});
    drill_pause(flap_time);
    on.primary().start();
    on.say("started the primary again");
    drill_pause(flap_time);
  }
  on.play(0.25);
}

/// As failback, but the primary's first answers take long.
void slow_start(drill_stage& on) {
  on.primary().set_first_trouble(R"([{"what":"delay","delay_ms":1000,"for_ms":3000}])");
  failback(on);
}

constexpr std::array<drill_scenario, 9> scenarios{{
    {.name = "crash", .about = "kill -9 of the primary", .play = crash},
    {.name = "all-down",
     .about = "kill -9 of both servers, 1.5 s later they are back",
     .play = all_down},
    {.name = "failback",
     .about = "the primary comes back while the backup serves",
     .play = failback},
    {.name = "drain", .about = "the primary is drained and stopped", .play = drain},
    {.name = "rolling-restart",
     .about = "each server in turn is drained and restarted",
     .play = rolling_restart},
    {.name = "freeze", .about = "SIGSTOP of the primary", .play = freeze, .own_databases = true},
    {.name = "black-hole",
     .about = "packets to and from the primary vanish (needs root)",
     .play = black_hole,
     .in_network = true},
    {.name = "flapping",
     .about = "the primary dies every 2 s, and is back 1 s later",
     .play = flapping},
    {.name = "slow-start",
     .about = "failback; the primary takes 1 s for each call in its first 3 s",
     .play = slow_start,
     .trouble = "[]"},
}};

}  // namespace

void promise_as_crash(drill_stage& on) {
  if (on.is(drill_pace::normal)) on.facts().bounds.idempotent_max = crash_idempotent_max;
}

void promise_as_frozen(drill_stage& on) {
  drill_bounds& bounds = on.facts().bounds;
  bounds.slow_after = frozen_slow_after;
  bounds.excused = on.is(drill_pace::trickle) ? trickle_excused : frozen_left_within;
  if (on.is(drill_pace::trickle)) bounds.slow_max = trickle_slow_max;
  if (!on.is(drill_pace::normal)) return;
  bounds.slow_max = frozen_slow_max;
  bounds.left_within = frozen_left_within;
}

std::span<const drill_scenario> crash_scenarios() {
  return scenarios;
}

}  // namespace understudy::app
