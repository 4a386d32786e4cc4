#include "db/node_session.hpp"

#include <chrono>
#include <map>
#include <variant>

#include "db/sql.hpp"
#include "db/step_work.hpp"

namespace understudy::db {

namespace {

core::absence absence_of(trouble what) {
  if (what == trouble::refused) return core::absence::refused;
  if (what == trouble::lost) return core::absence::lost;
  return core::absence::silent;
}

core::step_end end_of(const fault& failed) {
  if (!failed) return core::step_end::done;
  if (failed.what != trouble::answered) return core::step_end::unknown;
  return failed.code == told_higher ? core::step_end::refused : core::step_end::failed;
}

void tell(node_report& report, const fault& failed) {
  if (!failed) return;
  if (!report.why.empty()) report.why += "; then: ";
  report.why += failed.text;
  if (failed.code != 0) report.why += " (" + std::to_string(failed.code) + ")";
}

void add_sight(node_report& report, look_result looked) {
  report.seen = std::move(looked.seen);
  if (!report.seen) report.absence = absence_of(looked.failed.what);
  tell(report, looked.failed);
}

}  // namespace

node_session::node_session(members all, core::node_id self, const interrupt* stop)
    : all_(std::move(all)), self_(self), stop_(stop), session_(stop) {}

fault node_session::make_ready(core::time_point deadline) {
  if (session_.usable()) return {};
  const member* const node = all_.find(self_);
  if (node == nullptr) return {trouble::silent, 0, "the node has no address"};
  if (fault f = session_.connect(node->at, all_.supervisor, deadline); f) return f;
  fault f = session_.run(session_start(), deadline).failed;
  if (f) session_.close();
  return f;
}

node_report node_session::look(core::time_point deadline) {
  node_report out;
  look_result looked;
  looked.failed = make_ready(deadline);
  if (!looked.failed) looked = db::look(session_, all_, deadline);
  add_sight(out, std::move(looked));
  return out;
}

node_report node_session::check(core::time_point deadline) {
  node_report out = look(deadline);
  if (!out.seen) return out;
  const reply read = session_.run("SHOW GLOBAL VARIABLES", deadline);
  if (!read.ok()) {
    out.seen.reset();
    out.absence = absence_of(read.failed.what);
    tell(out, read.failed);
    return out;
  }
  std::map<std::string, std::string> variables;
  for (const auto& row : read.tables.at(0).rows) {
    variables.emplace(row.at(0).value_or(""), row.at(1).value_or(""));
  }
  out.unsafe = unsafe_settings(variables);
  return out;
}

template <typename Work>
node_report node_session::do_work(const Work& what, core::generation gen,
                                  core::time_point deadline) {
  node_report out;
  if (const fault f = make_ready(deadline); f) {
    out.end = core::step_end::failed;
    out.absence = absence_of(f.what);
    tell(out, f);
    return out;
  }
  const step_work work(session_, all_, self_, stop_, gen, deadline);
  const fault failed = what(work);
  out.end = end_of(failed);
  tell(out, failed);
  // A look that has no time would cost the connection, and the fence with it.
  if (!session_.open() || std::chrono::steady_clock::now() >= deadline) {
    out.absence = absence_of(failed.what);
    return out;
  }
  add_sight(out, db::look(session_, all_, deadline));
  return out;
}

node_report node_session::carry_out(const core::step& what, core::generation gen,
                                    core::time_point deadline) {
  const auto visit = [&](const step_work& work) { return std::visit(work, what); };
  return do_work(visit, gen, deadline);
}

node_report node_session::renew_receiver(core::generation gen, core::time_point deadline) {
  const auto renew = [](const step_work& work) { return work.renew_receiver(); };
  return do_work(renew, gen, deadline);
}

void node_session::use_passwords(std::string supervisor, std::string replication) {
  all_.supervisor.password = std::move(supervisor);
  all_.replication_password = std::move(replication);
}

}  // namespace understudy::db
