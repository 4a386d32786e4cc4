// What a replica had received before a restart, and not applied: it is in the relay log's files,
// and the next start of replication deletes them.
#include <fmt/format.h>

#include <system_error>

#include "db/local_node.hpp"
#include "db/sql.hpp"

namespace understudy::db {

namespace fs = std::filesystem;

namespace {

/// The last position that is applied. A salvage that was interrupted has moved the log's alone, and
/// a primary's log is ahead of where it once was as a replica.
std::string applied_by(local_node& node, session& on, const core::sight& now, core::gtid& into) {
  std::string text;
  if (std::string f = node.ask(on, "SELECT @@global.gtid_slave_pos", text); !f.empty()) return f;
  const auto place = core::parse_gtid(text);
  if (!place) return "it receives another domain than 0";
  into = place->seq > now.written.seq ? *place : now.written;
  return {};
}

/// The last whole transaction in the relay log.
std::string last_received(const std::vector<fs::path>& files, const core::gtid& applied,
                          core::gtid& last) {
  last = applied;
  std::string gap;
  log_visitor visitor;
  visitor.group = [&](const log_group& group) {
    if (group.id.seq <= last.seq) return true;
    if (!last.empty() && group.id.seq != last.seq + 1) {
      gap = fmt::format("the relay log has a gap between {} and {}", core::to_string(last),
                        core::to_string(group.id));
      return false;
    }
    last = group.id;
    return true;
  };
  std::string failed = read_groups(files, visitor);
  return failed.empty() ? gap : failed;
}

std::string apply(local_node& node, session& on, const std::vector<fs::path>& files,
                  const core::gtid& from, const core::gtid& to) {
  if (std::string f = node.write_tool_settings(); !f.empty()) return f;
  const fs::path tail = node.folder() / "salvage.part";
  if (std::string f = copy_groups(files, from, to, tail); !f.empty()) return f;
  // An event may be as large as a replica may receive.
  std::string packet;
  if (std::string f = node.ask(on, "SELECT @@global.max_allowed_packet", packet); !f.empty()) {
    return f;
  }
  if (std::string f = node.run(on, "SET GLOBAL max_allowed_packet=1073741824"); !f.empty()) {
    return f;
  }
  connected_pair pipe;
  if (!pipe.good()) return "no pipe could be made";
  child_options reading;
  reading.command = node.read_log({}, {}, {}, {tail});
  reading.output_fd = pipe.out();
  child_options writing;
  writing.command = node.command("mariadb");
  // On another connection it would not be what the statements before have set.
  for (const char* const each :
       {"--skip-reconnect", "--binary-mode", "--batch", "--max-allowed-packet=1073741824"}) {
    writing.command.emplace_back(each);
  }
  writing.input_fd = pipe.in();
  tool reader(reading, node.tool_log("mariadb-binlog"));
  tool writer(writing, node.tool_log("mariadb"));
  pipe.close_in();
  pipe.close_out();
  std::string failed = wait_all({&reader, &writer}, node.stop, [&] { node.tell("apply"); });
  if (std::string f = node.run(on, "SET GLOBAL max_allowed_packet=" + packet);
      failed.empty() && !f.empty()) {
    failed = f;
  }
  std::error_code ignored;
  fs::remove(tail, ignored);
  return failed;
}

}  // namespace

std::string salvage_relay(local_node& node) {
  session on(node.stop);
  core::sight now;
  if (std::string f = node.connect(on); !f.empty()) return f;
  if (std::string f = node.see(on, now); !f.empty()) return f;
  if (!now.read_only || now.semi_sync) return "it is a primary";
  if (now.receiving != core::receiver::stopped || now.applying) {
    return "replication runs: what it had received before has been applied, or deleted";
  }
  const fs::path data = data_folder(node.folder());
  const auto files = now.replica ? files_of_log(data / "relay.index") : std::vector<fs::path>();
  if (!files.empty()) {
    core::gtid from;
    core::gtid to;
    if (std::string f = applied_by(node, on, now, from); !f.empty()) return f;
    if (std::string f = last_received(files, from, to); !f.empty()) return f;
    if (to != from) {
      if (std::string f = apply(node, on, files, from, to); !f.empty()) return f;
    }
    if (std::string f = node.see(on, now); !f.empty()) return f;
    if (!now.state.holds(to)) {
      return fmt::format("{} is in the relay log and was not applied", core::to_string(to));
    }
    // What was applied by a session moves the log's position alone.
    if (std::string f = node.run(on, "SET GLOBAL gtid_slave_pos=@@global.gtid_binlog_pos");
        !f.empty()) {
      return f;
    }
  }
  return node.run(on, note_salvaged(now.start));
}

}  // namespace understudy::db
