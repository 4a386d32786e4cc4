// Scenarios with several worker processes behind each address, as a think-swoole server has them.
#include <array>

#include "app/drill/drill_stage.hpp"

namespace understudy::app {

namespace {

using std::chrono::milliseconds;

constexpr unsigned processes = 3;
// How soon a worker's manager starts another, as think-swoole's.
constexpr milliseconds restart_pause{100};
// A killer meets its second worker as soon as the gateway repeats it.
constexpr milliseconds killer_excused{500};
// hold_down, ramp and a probe or two.
constexpr milliseconds return_within{12000};

void wait_for_return(drill_stage& on) {
  on.facts().primary_serves =
      drill_wait([&] { return on.site().look(drill_site::primary).state == "up"; }, return_within);
}

void one_worker_hung(drill_stage& on) {
  promise_as_frozen(on);
  on.start_load();
  on.play(0.25);
  const unsigned busiest = on.primary().busiest();
  on.fault("freezing the busiest of the primary's three workers");
  on.primary().freeze_one(busiest);
  on.play(0.75);
  on.end_load();
  on.primary().thaw();
  on.primary().stop();
}

void one_worker_dies(drill_stage& on) {
  promise_as_crash(on);
  on.start_load();
  on.play(0.25);
  const unsigned busiest = on.primary().busiest();
  on.fault("killing the busiest of the primary's three workers");
  on.primary().kill_one(busiest);
  drill_pause(restart_pause);
  on.primary().start_dead();
  on.play(0.75);
  wait_for_return(on);
}

void killer_call(drill_stage& on) {
  promise_as_crash(on);
  on.facts().bounds.excused = killer_excused;
  on.start_load();
  on.play(0.25);
  on.fault("one call that kills every worker it meets");
  killer_caller killer(on.site().address(), drill_stage::call_timeout);
  drill_killer seen;
  while (!killer.ended()) {
    drill_pause(restart_pause);
    seen.workers += on.primary().start_dead() + on.backup().start_dead();
  }
  on.play(0.75);
  // Those that died just before it ended.
  seen.workers += on.primary().start_dead() + on.backup().start_dead();
  seen.answered = killer.got_error();
  on.facts().killer = seen;
  wait_for_return(on);
}

constexpr std::array<drill_scenario, 3> scenarios{{
    {.name = "one-worker-hung",
     .about = "SIGSTOP of the busiest of the primary's three workers",
     .play = one_worker_hung,
     .own_databases = true,
     .processes = processes},
    {.name = "one-worker-dies",
     .about = "kill -9 of the busiest of the primary's three workers",
     .play = one_worker_dies,
     .own_databases = true,
     .processes = processes},
    {.name = "killer-call",
     .about = "one call that kills each worker it meets",
     .play = killer_call,
     .trouble = R"([{"context":"killer","what":"die"}])",
     .own_databases = true,
     .processes = processes},
}};

}  // namespace

std::span<const drill_scenario> worker_scenarios() {
  return scenarios;
}

}  // namespace understudy::app
