// A cluster gets another secret, while it works.
#include <fmt/format.h>

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <thread>
#include <utility>

#include "app/database/database_reports.hpp"
#include "app/database/database_works.hpp"
#include "db/accounts.hpp"
#include "db/tool.hpp"

namespace understudy::app {

namespace {

using std::chrono::steady_clock;

constexpr std::chrono::minutes rotation_max{5};
/// Of one thing that is done for it by the database's own thread.
constexpr std::chrono::seconds step_max{15};
/// Between two looks at something.
constexpr std::chrono::milliseconds rest{50};

// What another thread says.
class word {
 public:
  void say(std::string what) {
    const std::lock_guard lock(mutex_);
    said_ = std::move(what);
    changed_.notify_all();
  }
  [[nodiscard]] std::string wait(const db::interrupt& stop) {
    const auto until = steady_clock::now() + step_max;
    std::unique_lock lock(mutex_);
    while (!said_) {
      if (db::stopped(&stop)) return db::cancelled;
      if (steady_clock::now() > until) return "there was no answer in time";
      changed_.wait_for(lock, rest);
    }
    return *said_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<std::string> said_;
};

std::string name_of(core::node_id node) {
  return fmt::format("node {}", core::number_of(node));
}

/// What is done on the job's thread.
class rotation {
 public:
  rotation(database_job& job, database::doer there) : job_(job), there_(std::move(there)) {}

  [[nodiscard]] std::string on_database(database::deed what) {
    const auto said = std::make_shared<word>();
    there_(std::move(what), [said](std::string why) { said->say(std::move(why)); });
    return said->wait(job_.interrupted());
  }
  /// Waits until `so` says nothing against it.
  [[nodiscard]] std::string wait_until(const std::function<std::string(database&)>& so) {
    const auto until = steady_clock::now() + step_max;
    for (;;) {
      const std::string why = on_database(
          [so](database& of, const std::function<void(std::string)>& done) { done(so(of)); });
      if (why.empty() || steady_clock::now() > until || db::stopped(&job_.interrupted())) {
        return why;
      }
      std::this_thread::sleep_for(rest);
    }
  }
  /// One after the other: the others acknowledge meanwhile.
  [[nodiscard]] std::string renew(core::node_id node) {
    std::string why = on_database([node](database& of, std::function<void(std::string)> done) {
      of.renew_receiver(node, std::move(done));
    });
    if (!why.empty()) return why;
    return wait_until([node](database& of) -> std::string {
      const core::sight* const seen = of.seen(node);
      const bool receives = seen != nullptr && seen->receiving == core::receiver::running;
      return receives ? "" : "it does not receive again";
    });
  }

 private:
  database_job& job_;
  database::doer there_;
};

db::rotation_task task_of(const database& of, const cluster_secret& next) {
  db::rotation_task out;
  out.all = of.members();
  out.primary = of.known()->primary;
  out.supervisor = next.supervisor;
  out.replication = next.replication;
  return out;
}

std::string objection(const database& of) {
  const core::topology* const known = of.known();
  if (known == nullptr) return "There is no cluster yet.";
  if (known->phase != core::phase::stable && known->phase != core::phase::solo) {
    return "There is no primary that serves now: wait until there is.";
  }
  if (!of.leads()) return "Another gateway supervises: ask that one.";
  return {};
}

database_job::outcome outcome_of(const std::vector<std::string>& obstacles) {
  const std::string failed =
      obstacles.empty() ? ""
                        : "the old secret is as good as before: try again when nothing is in "
                          "the way";
  return {obstacles.empty(), rotation_report(obstacles, failed)};
}

}  // namespace

std::string begin_rotation(database& of, const std::string& file) {
  if (std::string why = objection(of); !why.empty()) return why;
  cluster_secret next;
  try {
    next = read_cluster_secret(file);
  } catch (const std::runtime_error& error) {
    return error.what();
  }
  std::vector<core::node_id> replicas;
  for (const core::node_entry& each : of.known()->nodes) {
    if (each.id != of.known()->primary) replicas.push_back(each.id);
  }
  return of.begin("rotate-password", [task = task_of(of, next), replicas, next,
                                      there = of.from_afar()](database_job& job) mutable {
    task.stop = &job.interrupted();
    task.deadline = steady_clock::now() + rotation_max;
    job.tell({"accounts", "", 0, replicas.size(), 0});
    std::vector<std::string> obstacles = db::begin_rotation(task);
    if (!obstacles.empty()) return outcome_of(obstacles);
    rotation work(job, std::move(there));
    const std::string told =
        work.on_database([next](database& one, const std::function<void(std::string)>& done) {
          one.use_passwords(next);
          done({});
        });
    if (!told.empty()) return outcome_of({told});
    std::size_t done = 0;
    for (const core::node_id each : replicas) {
      job.tell({"replicas", name_of(each), done++, replicas.size(), 0});
      const std::string why = work.renew(each);
      if (!why.empty()) return outcome_of({name_of(each) + ": " + why});
    }
    return outcome_of({});
  });
}

std::string end_rotation(database& of) {
  if (std::string why = objection(of); !why.empty()) return why;
  cluster_secret file;
  try {
    file = read_cluster_secret(of.config().password_file);
  } catch (const std::runtime_error& error) {
    return error.what();
  }
  if (file.supervisor != of.secret().supervisor ||
      file.supervisor != of.members().supervisor.password) {
    return fmt::format(
        "This gateway does not use what is in {}: put the new secret there, on all hosts, and "
        "reload "
        "agents and gateways (SIGHUP).",
        of.config().password_file);
  }
  std::vector<core::node_id> nodes;
  for (const database_node_config& each : of.config().nodes) nodes.push_back(each.id);
  return of.begin("rotate-password", [task = task_of(of, file), nodes,
                                      there = of.from_afar()](database_job& job) mutable {
    task.stop = &job.interrupted();
    task.deadline = steady_clock::now() + rotation_max;
    rotation work(job, std::move(there));
    std::vector<std::string> obstacles;
    for (const core::node_id each : nodes) {
      job.tell({"agents", name_of(each), 0, 0, 0});
      const std::string why =
          work.on_database([each](database& one, std::function<void(std::string)> done) {
            one.ask_agent(each, std::move(done));
          });
      if (!why.empty()) obstacles.push_back(name_of(each) + ": its agent: " + why);
    }
    if (!obstacles.empty()) return outcome_of(obstacles);
    job.tell({"accounts", "", 0, 0, 0});
    return outcome_of(db::finish_rotation(task));
  });
}

}  // namespace understudy::app
