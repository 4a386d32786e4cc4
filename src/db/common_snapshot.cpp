#include "db/common_snapshot.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <thread>

#include "db/grants.hpp"
#include "db/local_node.hpp"
#include "db/look.hpp"
#include "db/sql.hpp"

namespace understudy::db {

namespace {

using std::chrono::steady_clock;

constexpr unsigned attempts_max = 3;
/// For what takes a server no time.
constexpr std::chrono::seconds quick(5);

double seconds(core::duration time) {
  return std::max(0.001, std::chrono::duration<double>(time).count());
}

fault ask(session& on, std::string_view sql, core::time_point deadline, std::string& into) {
  const reply answer = on.run(sql, deadline);
  if (!answer.ok()) return answer.failed;
  into = answer.tables.empty() ? std::string() : std::string(answer.tables.back().first());
  return {};
}

/// The server ends statements that nobody waits for any more, and reads a snapshot as of the moment
/// in which it was made. The transaction may wait as long as other nodes take.
std::string reader_start(core::duration statement_max) {
  return fmt::format(
      "{}, wait_timeout=600, idle_transaction_timeout=0, idle_readonly_transaction_timeout=0, "
      "idle_write_transaction_timeout=0, max_statement_time={:.3f};"
      "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ",
      session_start(), seconds(statement_max));
}

class snapshot_maker {
 public:
  explicit snapshot_maker(const verify_task& task) : task_(task) {}

  common_snapshot make() {
    begin();
    while (out_.failed.empty() && !attempt()) {
    }
    return std::move(out_);
  }

 private:
  [[nodiscard]] snapshot_node& primary() { return out_.nodes.front(); }
  [[nodiscard]] core::time_point until(core::duration enough) const {
    return statement_deadline(task_, enough);
  }
  void fail(std::string why) {
    if (out_.failed.empty()) out_.failed = std::move(why);
  }
  /// Replicas that take part.
  [[nodiscard]] std::vector<snapshot_node*> replicas() {
    std::vector<snapshot_node*> out;
    for (std::size_t i = 1; i < out_.nodes.size(); ++i) {
      if (out_.nodes[i].why.empty()) out.push_back(&out_.nodes[i]);
    }
    return out;
  }
  [[nodiscard]] std::vector<snapshot_node*> everyone() {
    std::vector<snapshot_node*> out = replicas();
    out.push_back(&primary());
    return out;
  }

  void begin();
  [[nodiscard]] bool reconnect(snapshot_node& node);
  void check_place(snapshot_node& node);
  /// True: it is over, one way or the other.
  [[nodiscard]] bool attempt();
  [[nodiscard]] std::string hold_commits(session& locker, core::gtid& at);
  void open_at(snapshot_node& node, const core::gtid& at, core::time_point end);
  void confirm(snapshot_node& node);

  const verify_task& task_;
  common_snapshot out_;
  core::time_point held_since_;
};

bool snapshot_maker::reconnect(snapshot_node& node) {
  const member* const where = task_.all.find(node.id);
  if (where == nullptr) {
    node.why = "it has no address";
    return false;
  }
  for (auto* each : {&node.reads, &node.now}) {
    if (*each == nullptr) *each = std::make_unique<session>(task_.stop);
    if ((*each)->usable()) continue;
    fault failed = (*each)->connect(where->at, task_.all.supervisor, until(quick));
    if (!failed) failed = (*each)->run(reader_start(task_.statement_max), until(quick)).failed;
    if (!failed) continue;
    node.why = sentence(failed);
    return false;
  }
  return true;
}

void snapshot_maker::check_place(snapshot_node& node) {
  if (!reconnect(node)) return;
  std::vector<std::string> missing;
  if (fault failed = missing_grants(*node.now, grants_to_verify(), until(quick), missing); failed) {
    node.why = sentence(failed);
    return;
  }
  if (!missing.empty()) {
    node.why = "its account lacks privileges; run as root on it: " +
               grant_statement(missing, task_.all.supervisor.user);
    return;
  }
  const look_result seen = look(*node.now, task_.all, until(quick));
  if (!seen.seen) {
    node.why = sentence(seen.failed);
  } else if (node.id == task_.primary) {
    if (seen.seen->replica) node.why = "it is a replica";
  } else if (!seen.seen->replica || seen.seen->follows != task_.primary) {
    node.why = "it does not follow the primary";
  } else if (!seen.seen->applying) {
    node.why = "its SQL thread does not run, so that it does not apply what it receives";
  } else if (seen.seen->receiving != core::receiver::running) {
    node.why = "it does not receive from the primary";
  }
}

void snapshot_maker::begin() {
  out_.nodes.emplace_back().id = task_.primary;
  for (const core::node_id each : task_.replicas) {
    if (each != task_.primary) out_.nodes.emplace_back().id = each;
  }
  for_each_at_once(everyone(), [this](snapshot_node& node) { check_place(node); });
  if (!primary().why.empty()) fail("the primary can not be read: " + primary().why);
  if (out_.failed.empty() && replicas().empty()) fail("there is no replica to compare with");
}

/// Each stage before the last lets commits through, and may wait for a second.
std::string snapshot_maker::hold_commits(session& locker, core::gtid& at) {
  const member* const where = task_.all.find(task_.primary);
  if (fault f = locker.connect(where->at, task_.all.supervisor, until(quick)); f) {
    return "the primary can not be read: " + sentence(f);
  }
  // Silent for a second, it is ended, and commits go on, whatever has become of us.
  const std::string start =
      fmt::format("{}, wait_timeout=1;BACKUP STAGE START;BACKUP STAGE FLUSH;BACKUP STAGE BLOCK_DDL",
                  session_start());
  fault failed = locker.run(start, until(quick)).failed;
  if (failed) return "a copy or a change of a table is under way: " + sentence(failed);
  held_since_ = steady_clock::now();
  // Also commits that wait for an acknowledgement are waited for here.
  const std::string hold = fmt::format(
      "SET SESSION max_statement_time={:.3f};BACKUP STAGE BLOCK_COMMIT;"
      "SELECT @@global.gtid_binlog_pos",
      seconds(task_.pause_max) / 2);
  std::string position;
  failed = ask(locker, hold, until(task_.pause_max), position);
  if (failed) {
    return "commits on the primary do not end in time, as where nobody acknowledges them: " +
           sentence(failed);
  }
  const auto read = core::parse_gtid(position);
  if (!read) return "the primary's log has another domain than 0";
  at = *read;
  return {};
}

void snapshot_maker::open_at(snapshot_node& node, const core::gtid& at, core::time_point end) {
  node.behind = false;
  // The server must stop waiting before we do, or the connection is lost.
  const core::duration left = (end - steady_clock::now()) * 3 / 4;
  std::string reached = "0";
  fault failed;
  if (node.id != task_.primary) {
    failed = ask(*node.reads,
                 fmt::format("SELECT MASTER_GTID_WAIT({},{:.3f})", db::quoted(core::to_string(at)),
                             seconds(left)),
                 end, reached);
  }
  if (!failed && reached == "0") {
    failed = node.reads->run("START TRANSACTION WITH CONSISTENT SNAPSHOT", end).failed;
  }
  if (!failed && reached == "0") return;
  node.behind = true;
  node.why = failed ? sentence(failed) : "it does not apply in time what the primary has written";
}

/// The server knows which position in its own log the snapshot has.
void snapshot_maker::confirm(snapshot_node& node) {
  if (!node.why.empty()) return;
  const reply where =
      node.reads->run("SHOW SESSION STATUS LIKE 'Binlog\\_snapshot\\_%'", until(quick));
  std::string file;
  std::string offset = "0";
  for (std::size_t i = 0; where.ok() && i < where.tables.at(0).rows.size(); ++i) {
    const table& row = where.tables[0];
    if (row.first(i) == "Binlog_snapshot_file") file = row.first(i, 1);
    if (row.first(i) == "Binlog_snapshot_position") offset = row.first(i, 1);
  }
  std::string position;
  fault failed = where.failed;
  if (!failed) {
    // It reads the log's file up to there.
    failed = ask(*node.now,
                 fmt::format("SELECT BINLOG_GTID_POS({},{})", db::quoted(file), db::quoted(offset)),
                 until(task_.statement_max), position);
  }
  const auto read = core::parse_gtid(position);
  if (!failed && read) {
    node.at = *read;
    node.behind = node.at != out_.at;
    if (node.behind) {
      node.why =
          fmt::format("its snapshot is of {} and not of {}", position, core::to_string(out_.at));
    }
    return;
  }
  node.behind = true;
  node.why = failed ? sentence(failed) : "its log has another domain than 0";
}

bool snapshot_maker::attempt() {
  ++out_.attempts;
  const bool last = out_.attempts >= attempts_max;
  for (snapshot_node* each : everyone()) {
    if (!reconnect(*each)) continue;
    each->at = {};
  }
  std::string position;
  if (fault f = ask(*primary().now, "SELECT @@global.gtid_binlog_pos", until(quick), position); f) {
    fail("the primary can not be read: " + sentence(f));
    return true;
  }
  // So that little is left to wait for in the pause.
  for_each_at_once(replicas(), [&](snapshot_node& node) {
    std::string reached;
    const fault f = ask(*node.now,
                        fmt::format("SELECT MASTER_GTID_WAIT({},{:.3f})", db::quoted(position),
                                    seconds(task_.patience)),
                        until(task_.patience + quick), reached);
    if (f) node.why = sentence(f);
    if (!f && reached != "0") node.why = "it is too far behind the primary";
  });
  if (replicas().empty()) {
    fail("no replica catches up");
    return true;
  }
  session locker(task_.stop);
  if (std::string f = hold_commits(locker, out_.at); !f.empty()) {
    if (last || stopped(task_.stop)) fail(f);
    return last;
  }
  const core::time_point end = until(task_.pause_max / 2);
  for_each_at_once(everyone(), [&](snapshot_node& node) { open_at(node, out_.at, end); });
  static_cast<void>(locker.run("BACKUP STAGE END", until(quick)));
  locker.close();
  out_.pause = steady_clock::now() - held_since_;
  for_each_at_once(everyone(), [this](snapshot_node& node) { confirm(node); });
  if (!primary().why.empty()) {
    if (last || stopped(task_.stop)) fail("the primary can not be read: " + primary().why);
    primary().why.clear();
    return last;
  }
  const bool good = std::none_of(out_.nodes.begin(), out_.nodes.end(),
                                 [](const snapshot_node& node) { return node.behind; });
  if (good || last) {
    if (replicas().empty()) fail("no replica has the primary's moment");
    return true;
  }
  // All of them again, for the primary has moved on.
  for (snapshot_node& each : out_.nodes) {
    if (each.behind) each.why.clear();
    each.behind = false;
  }
  return false;
}

}  // namespace

core::time_point statement_deadline(const verify_task& task, core::duration enough) {
  return std::min(task.deadline, steady_clock::now() + enough);
}

void for_each_at_once(std::vector<snapshot_node*> nodes,
                      const std::function<void(snapshot_node&)>& what) {
  std::vector<std::jthread> threads;
  for (snapshot_node* const each : nodes) {
    threads.emplace_back([&what, each] { what(*each); });
  }
}

common_snapshot take_common_snapshot(const verify_task& task) {
  return snapshot_maker(task).make();
}

}  // namespace understudy::db
