// A long work about one database, on a thread of its own.
#pragma once

#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

#include "db/session.hpp"

namespace understudy::app {

struct job_progress {
  std::string phase;
  std::string table;  ///< "database.table", or a node; empty: of none
  std::size_t done = 0;
  std::size_t total = 0;  ///< 0: not known
  std::uint64_t rows = 0;
};

struct job_state {
  std::string kind;  ///< "verify", "adopt", "rotate-password"
  job_progress progress;
  bool ended = false;
  bool ok = false;     ///< it ended with what was wanted
  std::string report;  ///< of one that has ended: a JSON object
};

/// Runs from its construction on. For any thread; the destructor interrupts the work and waits
/// until it has ended, which it does soon: the work passes `interrupted()` to all that it waits
/// for.
class database_job {
 public:
  struct outcome {
    bool ok = false;
    std::string report;
  };
  using work = std::function<outcome(database_job&)>;

  database_job(std::string kind, work does);
  ~database_job();
  database_job(const database_job&) = delete;
  database_job& operator=(const database_job&) = delete;

  /// It ends early, and says so in its report. Returns at once.
  void stop() { interrupt_.stop(); }
  [[nodiscard]] job_state now() const;

  // For the work.
  [[nodiscard]] const db::interrupt& interrupted() const { return interrupt_; }
  void tell(job_progress how);

 private:
  mutable std::mutex mutex_;
  db::interrupt interrupt_;
  job_state state_;
  std::thread thread_;
};

/// {"kind","phase","table","done","total","rows","ended","ok","report"?}; the report is there once
/// it has ended, and is the kind's own (database_reports.hpp).
void append_json(std::string& out, const job_state& state);

}  // namespace understudy::app
