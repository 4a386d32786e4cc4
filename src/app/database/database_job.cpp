#include "app/database/database_job.hpp"

#include <exception>
#include <utility>

#include "app/common/json_out.hpp"

namespace understudy::app {

namespace {

std::string failure(std::string_view why) {
  std::string out;
  json_object(out).text("failed", why);
  return out;
}

}  // namespace

database_job::database_job(std::string kind, work does) {
  state_.kind = std::move(kind);
  thread_ = std::thread([this, does = std::move(does)] {
    outcome end;
    try {
      end = does(*this);
    } catch (const std::exception& error) {
      end = {false, failure(error.what())};
    }
    const std::lock_guard lock(mutex_);
    state_.ok = end.ok;
    state_.report = std::move(end.report);
    state_.ended = true;
  });
}

database_job::~database_job() {
  stop();
  thread_.join();
}

job_state database_job::now() const {
  const std::lock_guard lock(mutex_);
  return state_;
}

void database_job::tell(job_progress how) {
  const std::lock_guard lock(mutex_);
  state_.progress = std::move(how);
}

void append_json(std::string& out, const job_state& state) {
  json_object object(out);
  object.text("kind", state.kind);
  object.text("phase", state.progress.phase);
  object.text("table", state.progress.table);
  object.number("done", state.progress.done);
  object.number("total", state.progress.total);
  object.number("rows", state.progress.rows);
  object.raw("ended", state.ended ? "true" : "false");
  object.raw("ok", state.ok ? "true" : "false");
  if (!state.report.empty()) object.raw("report", state.report);
}

}  // namespace understudy::app
