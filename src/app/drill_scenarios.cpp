#include "app/drill_scenarios.hpp"

#include <array>
#include <memory>
#include <optional>

#include "app/drill_load.hpp"
#include "app/drill_site.hpp"

namespace understudy::app {

namespace {

using std::chrono::milliseconds;

// P5, for two servers, default settings and 50 calls/s.
constexpr milliseconds crash_idempotent_max{100};
constexpr milliseconds call_timeout{10000};
// Both servers are away for this long: far below the gateway's limits on waiting calls.
constexpr milliseconds all_down_for{1500};

// An open loop needs a free connection for each call that waits; a closed loop of this many
// keeps two servers and this machine busy.
constexpr unsigned open_connections = 256;
constexpr unsigned closed_connections = 16;
// 6 s at 80,000 calls/s; bounds the memory of the records.
constexpr std::uint64_t calls_max = 500000;

std::int64_t unix_ms() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<milliseconds>(now).count();
}

milliseconds since(load_clock::time_point start) {
  return std::chrono::ceil<milliseconds>(load_clock::now() - start);
}

/// One scenario being played. The load ends after the site: a call that would wait long for an
/// answer is cut short when the site goes because of an error or an interrupt.
class stage {
 public:
  stage(std::string_view name, const drill_settings& settings)
      : settings_(settings), folder_(settings.keep) {
    facts_.scenario = name;
    if (settings.saturated) facts_.scenario += "-saturated";
    if (settings.keep) say("logs and database are in " + folder_.path());
    site_.emplace(folder_, settings.orders_program);
    place_first_order(site_->address(), call_timeout);
    say("two servers and a gateway are up");
  }

  drill_site& site() { return *site_; }
  [[nodiscard]] const drill_settings& settings() const { return settings_; }
  drill_facts& facts() { return facts_; }

  void say(const std::string& what) const { settings_.progress(facts_.scenario + ": " + what); }

  void start_load() {
    load_options options;
    options.address = site_->address();
    options.connections = settings_.saturated ? closed_connections : open_connections;
    options.calls_per_second = settings_.saturated ? 0 : settings_.calls_per_second;
    options.calls_max = calls_max;
    options.duration = std::chrono::minutes{2};  // the scenario ends it
    options.timeout = call_timeout;
    load_ = std::make_unique<drill_load>(options);
  }

  /// A share of the load's duration passes.
  void play(double share) {
    drill_site::pause(std::chrono::duration_cast<milliseconds>(settings_.duration * share));
  }

  void kill(std::initializer_list<unsigned> servers) {
    killed_ms_ = unix_ms();
    facts_.broken_at = load_clock::now();
    for (const unsigned which : servers) site_->kill_server(which);
    facts_.recover_from = facts_.broken_at;
    say(servers.size() == 1 ? "killed the primary" : "killed both servers");
  }

  /// Ends the load, counts what the database has, and asks when the gateway noticed.
  drill_facts finish() {
    load_->finish();
    load_->check();
    facts_.begin = load_->report().begin;
    facts_.end = load_->report().end;
    facts_.calls = load_->take_calls();
    facts_.rows = count_rows(site_->database());
    if (facts_.broken_at) {
      if (const auto seen = site_->failure_seen_ms(drill_site::primary, killed_ms_)) {
        facts_.detect = milliseconds{*seen - killed_ms_};
      }
    }
    say(std::to_string(facts_.calls.size()) + " calls made");
    return std::move(facts_);
  }

 private:
  const drill_settings& settings_;
  drill_facts facts_;
  std::int64_t killed_ms_ = 0;
  drill_folder folder_;
  std::unique_ptr<drill_load> load_;
  std::optional<drill_site> site_;
};

/// kill -9 of the primary under load. The backup takes over.
void crash(stage& on) {
  if (!on.settings().saturated) on.facts().idempotent_max = crash_idempotent_max;
  on.start_load();
  on.play(0.25);
  on.kill({drill_site::primary});
  on.play(0.75);
}

/// kill -9 of both servers; calls wait at the gateway until they are back.
void all_down(stage& on) {
  on.start_load();
  on.play(0.25);
  on.kill({drill_site::primary, drill_site::backup});
  drill_site::pause(all_down_for);
  on.site().start_server(drill_site::primary);
  on.facts().recover_from = load_clock::now();
  on.site().start_server(drill_site::backup);
  on.say("started both again");
  on.play(0.5);
}

/// The backup serves; the primary comes back, rests for its hold-down, and takes its share again.
void failback(stage& on) {
  on.facts().promise = drill_promise::unnoticed;
  on.site().kill_server(drill_site::primary);
  on.site().wait_for_state(drill_site::primary, "down");
  on.start_load();
  on.play(0.1);
  on.site().start_server(drill_site::primary);
  const auto returned = load_clock::now();
  on.say("the primary is back; waiting until it serves again");
  on.site().wait_for_state(drill_site::primary, "up");
  on.facts().recover = since(returned);
  on.play(0.25);
}

/// An operator takes the primary out, and stops it once it rests.
void drain(stage& on) {
  on.facts().promise = drill_promise::unnoticed;
  on.start_load();
  on.play(0.25);
  on.site().drain(drill_site::primary);
  on.site().wait_until_at_rest(drill_site::primary);
  on.site().stop_server(drill_site::primary);
  on.say("drained and stopped the primary");
  on.play(0.75);
}

/// Each server in turn is drained, stopped, started again and resumed.
void rolling_restart(stage& on) {
  on.facts().promise = drill_promise::unnoticed;
  on.start_load();
  on.play(0.25);
  for (const unsigned which : {drill_site::primary, drill_site::backup}) {
    on.site().drain(which);
    on.site().wait_until_at_rest(which);
    on.site().stop_server(which);
    on.site().start_server(which);
    on.site().resume(which);
    on.say(which == drill_site::primary ? "restarted the primary" : "restarted the backup");
    on.site().wait_for_state(which, "up");
  }
  on.play(0.25);
}

struct scenario {
  std::string_view name;
  void (*play)(stage&);
};

constexpr std::array<scenario, 5> scenarios{{{"crash", crash},
                                             {"all-down", all_down},
                                             {"failback", failback},
                                             {"drain", drain},
                                             {"rolling-restart", rolling_restart}}};

}  // namespace

std::vector<std::string> scenario_names() {
  std::vector<std::string> names;
  for (const auto& one : scenarios) names.emplace_back(one.name);
  return names;
}

drill_facts run_scenario(std::string_view name, const drill_settings& settings) {
  for (const auto& one : scenarios) {
    if (one.name != name) continue;
    stage on(name, settings);
    one.play(on);
    return on.finish();
  }
  throw std::runtime_error("There is no scenario " + std::string(name) + ".");
}

}  // namespace understudy::app
