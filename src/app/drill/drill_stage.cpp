#include "app/drill/drill_stage.hpp"

#include <utility>

namespace understudy::app {

namespace {

using std::chrono::milliseconds;

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

}  // namespace

drill_stage::drill_stage(std::string name, const drill_settings& settings,
                         drill_site_options options)
    : settings_(settings),
      folder_(settings.keep),
      network_(options.network),
      disk_(options.store_disk) {
  facts_.scenario = std::move(name);
  if (settings.keep) say("logs and databases are in " + folder_.path());
  options.orders_program = settings.orders_program;
  site_.emplace(folder_, options);
  place_first_order(site_->address(), call_timeout);
  say("two servers and a gateway are up");
}

void drill_stage::start_load(drill_mix mix) {
  load_options options;
  options.connections = is(drill_pace::saturated) ? closed_connections : open_connections;
  options.calls_per_second = is(drill_pace::saturated) ? 0 : settings_.calls_per_second;
  start_load(options, mix);
}

void drill_stage::start_load(const load_options& options, drill_mix mix) {
  load_options whole = options;
  whole.address = site_->address();
  whole.calls_max = calls_max;
  whole.duration = std::chrono::minutes{2};  // the scenario ends it
  whole.timeout = call_timeout;
  load_ = std::make_unique<drill_load>(whole, mix);
}

void drill_stage::end_load() {
  load_->finish();
  load_->check();
  if (facts_.calls.empty()) facts_.begin = load_->report().begin;
  keep(load_->take_calls());
  facts_.end = load_->report().end;
  load_.reset();
}

void drill_stage::keep(std::vector<drill_call> calls) {
  facts_.end = load_clock::now();
  facts_.calls.insert(facts_.calls.end(), calls.begin(), calls.end());
}

void drill_stage::figure(std::string name, double value) {
  facts_.figures.emplace_back(std::move(name), value);
}

void drill_stage::take(batch_load& load) {
  load.finish();
  keep(load.take_calls());
}

void drill_stage::take(stored_load& load) {
  load.finish();
  keep(load.take_calls());
  facts_.contradictions = load.contradictions();
  say("waiting for the stored calls to end");
  facts_.store_problems = site_->verify_calls();
}

void drill_stage::play(double share) {
  drill_pause(std::chrono::duration_cast<milliseconds>(settings_.duration * share));
}

void drill_stage::fault(const std::string& what) {
  facts_.faults.push_back(load_clock::now());
  if (facts_.faults.size() == 1) {
    fault_ms_ = unix_ms();
    facts_.recover_from = facts_.faults.front();
  }
  say(what);
}

void drill_stage::kill(std::initializer_list<unsigned> servers) {
  fault(servers.size() == 1 ? "killing the primary" : "killing both servers");
  for (const unsigned which : servers) site_->server(which).kill();
}

void drill_stage::trouble(const std::string& rules, const std::string& what) {
  fault(what);  // first: no call meets the trouble before
  primary().set_trouble(rules);
}

drill_facts drill_stage::finish() {
  if (load_) end_load();
  facts_.rows = count_rows(site_->databases());
  if (!facts_.faults.empty()) {
    if (const auto seen = site_->failure_seen_ms(drill_site::primary, fault_ms_)) {
      facts_.detect = milliseconds{*seen - fault_ms_};
    }
  }
  say(std::to_string(facts_.calls.size()) + " calls made");
  return std::move(facts_);
}

}  // namespace understudy::app
