#include "app/drill/drill_database.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <stdexcept>
#include <vector>

namespace understudy::app {

namespace {

using std::chrono::milliseconds;
using namespace std::chrono_literals;

// A row that was sent so long before or after a fault may be of unknown outcome: a statement at a
// frozen server ends when its connection is cut.
constexpr milliseconds excused{15000};
constexpr unsigned compare_tries = 20;
constexpr milliseconds pause_between_compares{500};

std::int64_t unix_ms() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<milliseconds>(now).count();
}

double in_ms(load_clock::duration d) {
  return std::chrono::duration<double, std::milli>(d).count();
}

/// Of commits, in milliseconds: what they take here, with all else that this machine does.
double percentile_99(const std::vector<drill_call>& calls) {
  std::vector<double> took;
  for (const auto& each : calls) {
    if (each.call.good()) took.push_back(in_ms(each.call.end - each.call.start));
  }
  if (took.empty()) return 0;
  const auto at = took.begin() + static_cast<std::ptrdiff_t>(took.size() * 99 / 100);
  std::nth_element(took.begin(), at, took.end());
  return *at;
}

std::set<std::uint64_t> rows_at(const db::endpoint& where) {
  db::session session;
  const auto until = std::chrono::steady_clock::now() + 60s;
  if (const auto failed = session.connect(where, drill_cluster::application(), until)) {
    throw std::runtime_error("A node can not be read: " + failed.text);
  }
  const auto read = session.run("SELECT id FROM app.t", until);
  if (!read.ok()) throw std::runtime_error("A node can not be read: " + read.failed.text);
  std::set<std::uint64_t> out;
  for (const auto& row : read.tables.at(0).rows) out.insert(std::stoull(row.at(0).value()));
  return out;
}

}  // namespace

database_stage::database_stage(std::string name, const drill_settings& settings,
                               drill_cluster_options options)
    : settings_(settings), folder_(settings.keep) {
  facts_.scenario = std::move(name);
  facts_.bounds.excused = excused;
  if (settings.keep) say("logs and databases are in " + folder_.path());
  options.orders_program = settings.orders_program;
  cluster_.emplace(folder_, options);
  say(fmt::format("etcd, {} agents and {} gateways are up; making a cluster", options.nodes,
                  options.gateways));
  cluster_->bootstrap();
  if (options.orders) cluster_->start_orders();
  say("the cluster serves");
}

void database_stage::start_load(unsigned gateway) {
  drill_commits_options options;
  options.to = cluster_->write(gateway);
  options.who = drill_cluster::application();
  if (load_) options.first = load_->next();
  load_ = std::make_unique<drill_commits>(options);
  must_commit();
  // Silence counts from the first rows on.
  if (facts_.calls.empty()) facts_.begin = load_clock::now();
}

void database_stage::end_load() {
  facts_.end = load_clock::now();
  load_->finish();
  figure("tried_again", static_cast<double>(load_->tried_again()));
  figure("errors", static_cast<double>(load_->errors()));
  if (!load_->unknown().empty()) say("an unknown outcome: " + load_->unknown());
  const auto calls = load_->take_calls();
  figure("p99_ms", percentile_99(calls));
  facts_.calls.insert(facts_.calls.end(), calls.begin(), calls.end());
}

void database_stage::fault(const std::string& what) {
  facts_.faults.push_back(load_clock::now());
  if (facts_.faults.size() == 1) fault_ms_ = unix_ms();
  say(what);
}

void database_stage::broken(const std::string& id, const std::string& why) {
  facts_.broken.push_back({id, why});
  say(fmt::format("{} is broken: {}", id, why));
}

void database_stage::must(const std::function<bool()>& so, const std::string& id,
                          const std::string& why) {
  if (drill_wait(so, patience)) return;
  broken(id, fmt::format("{}, in {} s; gateway 0 says: {}", why, patience / 1s, cluster_->say()));
  throw drill_over();
}

void database_stage::must_be_whole(load_clock::time_point from, unsigned gateway) {
  must([&] { return cluster_->is_whole(gateway); }, "P5", "not all nodes became members again");
  figure("rejoin_ms", in_ms(load_clock::now() - from));
}

void database_stage::must_commit(std::uint64_t rows) {
  const std::uint64_t before = load_->acknowledged();
  must([&] { return load_->acknowledged() >= before + rows; }, "P5", "nothing is committed");
}

void database_stage::must_go_on(milliseconds time, milliseconds bound) {
  const auto until = load_clock::now() + time;
  auto last = load_clock::now();
  load_clock::duration silence{0};
  std::uint64_t seen = load_->acknowledged();
  while (load_clock::now() < until) {
    drill_pause(5ms);
    const auto now = load_clock::now();
    silence = std::max(silence, now - last);
    if (load_->acknowledged() == seen) continue;
    seen = load_->acknowledged();
    last = now;
  }
  if (silence <= bound) return;
  broken("P5", fmt::format("writes were to go on, and {:.0f} ms there was none", in_ms(silence)));
}

void database_stage::must_be_silent(milliseconds time, const std::string& id,
                                    const std::string& why) {
  const std::uint64_t before = load_->acknowledged();
  drill_pause(time);
  const std::uint64_t more = load_->acknowledged() - before;
  if (more > 0) broken(id, fmt::format("{} rows were acknowledged, though {}", more, why));
}

void database_stage::must_be_equal() {
  std::string why;
  // A node that has just become a member may be told once more whom to follow, and can not take
  // part in that moment. Rows that differ do so for good.
  for (unsigned tries = 0; tries < compare_tries; ++tries) {
    if (tries > 0) drill_pause(pause_between_compares);
    const auto report = db::verify(comparison());
    if (report.equal()) return;
    why = report.failed;
    for (const auto& gap : report.gaps) why += " " + gap.why;
    for (const auto& each : report.differences) {
      why += fmt::format(" {}.{} differs on node {}", each.database, each.name,
                         core::number_of(each.node));
    }
    if (!report.differences.empty()) break;
  }
  broken("P1", "the nodes could not be shown to have the same data: " + why);
}

db::verify_task database_stage::comparison() const {
  const seen_cluster now = cluster_->look();
  db::verify_task task;
  task.all = cluster_->members();
  task.primary = core::node_id{static_cast<std::uint16_t>(now.primary)};
  for (const auto& each : task.all.nodes) {
    if (each.node != task.primary) task.replicas.push_back(each.node);
  }
  task.deadline = std::chrono::steady_clock::now() + 120s;
  task.patience = 30s;
  return task;
}

void database_stage::figure(const std::string& name, double value) {
  const auto found = std::find_if(facts_.figures.begin(), facts_.figures.end(),
                                  [&](const auto& each) { return each.first == name; });
  if (found == facts_.figures.end()) {
    facts_.figures.emplace_back(name, value);
  } else {
    found->second = std::max(found->second, value);
  }
}

// On the primary, and on whoever is a member: those have all that was acknowledged.
void database_stage::look_for_rows() {
  const seen_cluster now = cluster_->look();
  if (now.primary == 0) throw std::runtime_error("The gateway names no primary.");
  const std::set<std::uint64_t> here = rows_at(cluster_->at(now.primary));
  for (const std::uint64_t each : here) facts_.rows[each] = {1, true};
  for (const unsigned node : now.members) {
    std::uint64_t missing = 0;
    // What it has received is applied in a moment.
    const auto all_there = [&] {
      const std::set<std::uint64_t> there = rows_at(cluster_->at(node));
      missing = static_cast<std::uint64_t>(
          std::count_if(facts_.calls.begin(), facts_.calls.end(), [&](const drill_call& call) {
            return call.call.good() && here.contains(call.call.number) &&
                   !there.contains(call.call.number);
          }));
      return missing == 0;
    };
    if (drill_wait(all_there, 30s)) continue;
    broken("P1", fmt::format("node {} is a member and lacks {} acknowledged rows", node, missing));
  }
}

drill_facts database_stage::finish() {
  if (load_) end_load();
  try {
    look_for_rows();
    if (facts_.broken.empty()) must_be_equal();
  } catch (const std::runtime_error& error) {
    if (facts_.broken.empty()) throw;
    broken("P1", std::string("the rows can not be looked for: ") + error.what());
    facts_.calls.clear();  // so they are no evidence
  }
  if (!facts_.faults.empty()) {
    if (const auto seen = cluster_->first_event_ms(fault_ms_)) {
      facts_.detect = milliseconds{*seen - fault_ms_};
    }
  }
  say(fmt::format("{} rows committed", facts_.calls.size()));
  return std::move(facts_);
}

drill_facts play(const database_scenario& one, const drill_settings& settings) {
  const std::string name(one.name);
  try {
    database_stage on(
        name, settings,
        {.nodes = one.nodes, .gateways = one.gateways, .orders = one.orders, .orders_program = {}});
    try {
      one.play(on);
    } catch (const drill_over&) {
      // What is broken is noted; what can be counted still is.
    }
    return on.finish();
  } catch (const drill_unavailable& error) {
    drill_facts facts;
    facts.scenario = name;
    facts.skipped = error.what();
    return facts;
  }
}

}  // namespace understudy::app
