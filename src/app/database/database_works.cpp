#include "app/database/database_works.hpp"

#include <fmt/format.h>

#include <chrono>
#include <utility>

#include "app/database/database_reports.hpp"

namespace understudy::app {

namespace {

/// Looking at all tables of a server with many takes a while.
constexpr std::chrono::minutes inspection_max{5};

bool serves(const core::topology* known) {
  return known != nullptr &&
         (known->phase == core::phase::stable || known->phase == core::phase::solo);
}

template <typename Report>
database_job::outcome outcome_of(bool ok, const Report& report) {
  database_job::outcome out;
  out.ok = ok;
  append_json(out.report, report);
  return out;
}

}  // namespace

std::string begin_verify(database& of) {
  const core::topology* const known = of.known();
  if (!serves(known)) return "There is no primary that serves: nothing can be compared with it.";
  db::verify_task task;
  task.all = of.members();
  task.primary = known->primary;
  for (const core::node_entry& each : known->nodes) {
    if (each.id != known->primary) task.replicas.push_back(each.id);
  }
  if (task.replicas.empty()) return "There is no other node to compare the primary with.";
  return of.begin("verify", [task = std::move(task)](database_job& job) mutable {
    task.stop = &job.interrupted();
    task.progress = [&job](const db::verify_progress& now) {
      job.tell(
          {std::string(now.phase), std::string(now.table), now.tables_done, now.tables, now.rows});
    };
    const db::verify_report report = db::verify(task);
    return outcome_of(report.equal(), report);
  });
}

std::string begin_inspection(database& of, core::node_id node) {
  const db::member* const at = of.members().find(node);
  if (at == nullptr) {
    return fmt::format("There is no node {} in the configuration.", core::number_of(node));
  }
  db::adopt_task task;
  task.at = at->at;
  task.administrator = task.supervisor = of.members().supervisor;
  task.node = node;
  task.address = at->at.host;
  return of.begin("adopt", [task = std::move(task)](database_job& job) mutable {
    task.stop = &job.interrupted();
    task.deadline = std::chrono::steady_clock::now() + inspection_max;
    job.tell({"inspect", task.address, 0, 0, 0});
    const db::adopt_report report = db::inspect(task);
    return outcome_of(report.ready(), report);
  });
}

}  // namespace understudy::app
