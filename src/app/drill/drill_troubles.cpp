// Scenarios in which the primary answers badly behind a green probe, and too much load.
#include <array>

#include "app/drill/drill_stage.hpp"

namespace understudy::app {

namespace {

using std::chrono::milliseconds;

// P5: a method that slows or errs while the probe is green is left within 1 s, at 50 calls/s. With
// a call each second it is left after three.
constexpr milliseconds left_within{1000};
constexpr std::uint64_t trickle_calls_max = 3;
/// Copies that are sent to see whether the server is well again meet it, too; nobody waits for
/// them.
constexpr std::uint64_t trickle_canaries_max = 2;
constexpr milliseconds trickle_excused{trickle_calls_max * 1000};
/// What must be seen twice as often: calls of two methods in turn, or errors of the service itself,
/// which are no proof but for their number.
constexpr unsigned trickle_twice = 2;
// Later the gateway may try the server again: its hold_down.
constexpr milliseconds watched{5000};
constexpr double stayed_min = 0.9;

constexpr unsigned overload_workers = 4;
constexpr unsigned overload_connections = 512;
constexpr double overload_factor = 10;
constexpr milliseconds overload_settles{1000};

/// Calls that meet the trouble until it must have been left.
std::uint64_t met_max(const drill_stage& on, double share) {
  if (on.is(drill_pace::trickle)) return trickle_calls_max + trickle_canaries_max;
  return static_cast<std::uint64_t>(on.settings().calls_per_second * share);
}

/// `share` of the calls meet the trouble.
void promise_left(drill_stage& on, double share) {
  drill_bounds& bounds = on.facts().bounds;
  bounds.excused = on.is(drill_pace::trickle) ? trickle_excused : left_within;
  if (!on.is(drill_pace::trickle)) bounds.left_within = left_within;
  if (!on.is(drill_pace::saturated)) bounds.met_max = met_max(on, share);
}

void excuse_twice(drill_stage& on) {
  on.facts().bounds.excused = trickle_twice * trickle_excused;
  on.facts().bounds.met_max = trickle_twice * trickle_calls_max + trickle_canaries_max;
}

/// A quarter of the load's time without trouble, then the rest with it.
void play_trouble(drill_stage& on, drill_mix mix, const std::string& rules,
                  const std::string& what) {
  on.start_load(mix);
  on.play(0.25);
  on.trouble(rules, what);
  const auto rest = std::chrono::duration_cast<milliseconds>(on.settings().duration * 0.75);
  drill_pause(std::min(rest, watched));
  on.facts().met = on.primary().met().at(0);
  drill_pause(std::max(rest - watched, milliseconds{0}));
}

/// One method. With a call each second all calls are of this method; else it is 4 of 10.
void trouble_one_method(drill_stage& on, const std::string& rules, const std::string& what) {
  const bool trickle = on.is(drill_pace::trickle);
  promise_left(on, trickle ? 1 : 0.4);
  if (trickle && on.facts().bounds.own_code_for_all) excuse_twice(on);
  play_trouble(on, trickle ? drill_mix::reads : drill_mix::orders, rules, what);
}

void trouble_all_methods(drill_stage& on, const std::string& rules, const std::string& what) {
  promise_left(on, 1);
  if (on.is(drill_pace::trickle)) excuse_twice(on);
  play_trouble(on, drill_mix::orders, rules, what);
}

void slow_method(drill_stage& on) {
  on.facts().bounds.stayed_min = stayed_min;
  trouble_one_method(on, R"([{"match":"OrderInterface@get","what":"delay","delay_ms":2000}])",
                     "OrderInterface@get of the primary takes 2 s from now on, not 3 ms");
}

void errors(drill_stage& on) {
  trouble_one_method(on, R"([{"match":"OrderInterface@get","what":"error","code":-32603}])",
                     "OrderInterface@get of the primary fails with -32603 from now on");
}

void errors_all(drill_stage& on) {
  on.facts().bounds.own_code = -32603;
  trouble_all_methods(on, R"([{"match":"OrderInterface@*","what":"error","code":-32603}])",
                      "all methods of the primary fail with -32603 from now on");
}

void errors_code_0(drill_stage& on) {
  on.facts().bounds.own_code = 0;
  on.facts().bounds.own_code_for_all = true;
  trouble_one_method(on, R"([{"match":"OrderInterface@get","what":"error","code":0}])",
                     "OrderInterface@get of the primary throws exceptions of code 0 from now on");
}

void errors_database(drill_stage& on) {
  on.facts().bounds.own_code = 10501;
  trouble_all_methods(on, R"([{"match":"OrderInterface@*","what":"error","code":10501}])",
                      "all methods of the primary fail with 10501 from now on");
}

void grey(drill_stage& on) {
  if (!on.is(drill_pace::saturated)) on.facts().bounds.slow_max = 0;
  play_trouble(on, drill_mix::reads, R"([{"what":"hang","share":0.01}])",
               "the primary never answers 1 of 100 calls from now on");
}

/// As many callers as the primary has threads, then ten times what they achieved.
void overload(drill_stage& on) {
  on.facts().bounds.refusals = true;
  drill_goodput windows;
  load_options modest;
  modest.connections = overload_workers;
  on.start_load(modest, drill_mix::work);
  windows.peak_begin = load_clock::now();
  on.play(0.5);
  windows.peak_end = load_clock::now();
  on.end_load();
  const std::chrono::duration<double> peak_time = windows.peak_end - windows.peak_begin;
  load_options heavy;
  heavy.connections = overload_connections;
  heavy.calls_per_second =
      overload_factor * static_cast<double>(on.facts().calls.size()) / peak_time.count();
  on.start_load(heavy, drill_mix::work);
  on.fault("ten times as many calls from now on");
  drill_pause(overload_settles);
  windows.overload_begin = load_clock::now();
  on.play(0.5);
  windows.overload_end = load_clock::now();
  on.end_load();
  on.facts().goodput = windows;
}

constexpr std::array<drill_scenario, 7> scenarios{{
    {.name = "slow-method",
     .about = "one method of the primary slows from 3 ms to 2 s",
     .play = slow_method,
     .trouble = R"([{"match":"OrderInterface@get","what":"delay","delay_ms":3}])"},
    {.name = "errors",
     .about = "one method of the primary fails with -32603",
     .play = errors,
     .trouble = "[]"},
    {.name = "errors-all",
     .about = "all methods of the primary fail with -32603",
     .play = errors_all,
     .trouble = "[]"},
    {.name = "errors-code-0",
     .about = "one method of the primary throws exceptions of code 0",
     .play = errors_code_0,
     .trouble = "[]"},
    {.name = "errors-database",
     .about = "all methods fail with 10501, one of fault_codes",
     .play = errors_database,
     .trouble = "[]",
     .fault_code = 10501},
    {.name = "grey",
     .about = "the primary never answers 1 of 100 calls",
     .play = grey,
     .trouble = "[]"},
    {.name = "overload",
     .about = "ten times as many calls as the primary can do",
     .play = overload,
     .trouble = "[]",
     .workers = overload_workers,
     .own_pace = true},
}};

}  // namespace

std::span<const drill_scenario> trouble_scenarios() {
  return scenarios;
}

}  // namespace understudy::app
