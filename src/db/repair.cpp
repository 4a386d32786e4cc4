// A node whose log ends otherwise than the primary's: the end is kept in a file and taken back.
//
// All is taken back in one transaction, which also notes (in a table of the node's own) what is to
// follow: so it is done once, whenever it is interrupted.
#include <fmt/format.h>

#include <fstream>
#include <optional>

#include "db/files.hpp"
#include "db/local_node.hpp"
#include "db/sql.hpp"

namespace understudy::db {

namespace fs = std::filesystem;

namespace {

constexpr const char* make_repair_table =
    "CREATE TABLE IF NOT EXISTS understudy_local.repair ("
    "id TINYINT UNSIGNED NOT NULL PRIMARY KEY, ended_at VARCHAR(64) NOT NULL, "
    "common VARCHAR(64) NOT NULL, state TEXT NOT NULL) ENGINE=InnoDB";

/// What was taken back, and not yet out of the log.
struct taken_back {
  std::string ended_at;
  std::string common;
  std::string state;
};

std::string read_taken_back(local_node& node, session& on, std::optional<taken_back>& into) {
  const reply answer = on.run(
      "SELECT ended_at, common, state FROM understudy_local.repair WHERE id=1", node.deadline());
  if (is_missing(answer.failed)) return {};
  if (!answer.ok()) return sentence(answer.failed);
  const table& rows = answer.tables.at(0);
  if (rows.rows.empty()) return {};
  into = taken_back{std::string(rows.first(0, 0)), std::string(rows.first(0, 1)),
                    std::string(rows.first(0, 2))};
  return {};
}

/// The log begins anew after what both have.
std::string restart_log(local_node& node, session& on, const taken_back& what) {
  node.tell("reset");
  std::string failed =
      node.run(on, fmt::format("RESET SLAVE ALL;RESET MASTER;SET GLOBAL gtid_binlog_state={};"
                               "SET GLOBAL gtid_slave_pos={};DELETE FROM understudy_local.repair",
                               db::quoted(what.state), db::quoted(what.common)));
  return failed.empty() ? node.note_repairing(false) : failed;
}

/// What another start or an agent that is gone left to be done. `done`: it was.
std::string go_on(local_node& node, session& on, bool& done) {
  std::optional<taken_back> left;
  if (std::string f = read_taken_back(node, on, left); !f.empty()) return f;
  if (!left) return node.note_repairing(false);
  std::string written;
  if (std::string f = node.ask(on, "SELECT @@global.gtid_binlog_pos", written); !f.empty()) {
    return f;
  }
  if (!written.empty() && written != left->ended_at && written != left->common) {
    // It has gone on since: this was of another time.
    if (std::string f = node.run(on, "DELETE FROM understudy_local.repair"); !f.empty()) return f;
    return node.note_repairing(false);
  }
  done = true;
  return restart_log(node, on, *left);
}

/// The engine does this by itself, and logs nothing of it.
std::string refuse_cascades(local_node& node, session& on, const divergence& what) {
  std::string names;
  for (const log_group& group : what.tail) {
    for (const std::string& each : group.tables) {
      const std::string name = db::quoted(each);
      if (names.find(name) == std::string::npos) names += (names.empty() ? "" : ",") + name;
    }
  }
  if (names.empty()) return {};
  std::string found;
  std::string failed = node.ask(
      on,
      "SELECT CONCAT(UNIQUE_CONSTRAINT_SCHEMA,'.',REFERENCED_TABLE_NAME) FROM "
      "information_schema.REFERENTIAL_CONSTRAINTS WHERE (DELETE_RULE IN ('CASCADE','SET NULL') OR "
      "UPDATE_RULE IN ('CASCADE','SET NULL')) AND "
      "CONCAT(UNIQUE_CONSTRAINT_SCHEMA,'.',REFERENCED_TABLE_NAME) IN (" +
          names + ") LIMIT 1",
      found);
  if (failed.empty() && !found.empty()) {
    failed = "changes of " + found + " may have changed other tables (foreign keys that cascade)";
  }
  return failed;
}

std::string refuse_what_stays(local_node& node, session& on, const divergence& what) {
  if (what.common.empty()) return "it and the primary have no transaction in common";
  for (const log_group& group : what.tail) {
    if (!group.rows_only) {
      return core::to_string(group.id) +
             " can not be taken back: it changes more than rows, or does not say how they were";
    }
  }
  return refuse_cascades(node, on, what);
}

/// Adds what takes back one file, without the ends of its transactions.
std::string add_file(const fs::path& from, std::ofstream& to) {
  std::ifstream in(from, std::ios::binary);
  for (std::string line; std::getline(in, line);) {
    // Rows are in base64, and statements behind "#Q> ": a line of nobody's begins like these.
    const bool ends = line == "COMMIT" || line == "START TRANSACTION/*!*/;" ||
                      line == "START TRANSACTION" || line == "COMMIT/*!*/;" ||
                      line.starts_with("ROLLBACK");
    // Not within a transaction, and not needed.
    if (line.starts_with("/*!100001 SET @@SESSION.")) continue;
    if (!ends) {
      to << line << '\n';
    } else if (line.ends_with(';')) {
      to << "DO 0" << line.substr(line.find_first_of("/;")) << '\n';
    } else {
      to << "DO 0\n";
    }
  }
  return in.bad() ? "can not read " + from.string() : std::string();
}

std::string write_undoing(local_node& node, const divergence& what, const fs::path& into) {
  std::ofstream out(into, std::ios::binary | std::ios::trunc);
  out << "SET SESSION sql_log_bin=0;\nSTART TRANSACTION;\n";
  const fs::path part = node.folder() / "repair.part";
  // The program turns round what is within a file, not the files.
  for (std::size_t i = what.files.size(); i-- > 0;) {
    const core::gtid from = i == 0 ? what.common : core::gtid{};
    if (std::string f =
            node.run_tool(node.read_log({"--flashback"}, from, {}, {what.files[i]}), {}, part);
        !f.empty()) {
      return f;
    }
    if (std::string f = add_file(part, out); !f.empty()) return f;
  }
  out << fmt::format("REPLACE INTO understudy_local.repair VALUES (1,{},{},{});\nCOMMIT;\n",
                     db::quoted(core::to_string(what.tail.back().id)),
                     db::quoted(core::to_string(what.common)),
                     db::quoted(core::to_string(what.at_common)));
  out.close();
  std::error_code ignored;
  fs::remove(part, ignored);
  return out.good() ? std::string() : "can not write " + into.string();
}

std::string take_back(local_node& node, session& on, const divergence& what) {
  if (std::string f = node.run(on, make_repair_table); !f.empty()) return f;
  const fs::path undo = node.folder() / "repair.sql";
  node.tell("flashback");
  if (std::string f = write_undoing(node, what, undo); !f.empty()) return f;
  if (std::string f = node.note_repairing(true); !f.empty()) return f;
  std::vector<std::string> words = node.command("mariadb");
  for (const char* const each :
       {"--skip-reconnect", "--binary-mode", "--batch", "--max-allowed-packet=1073741824"}) {
    words.emplace_back(each);
  }
  std::string failed = node.run_tool(words, undo, {});
  std::error_code ignored;
  fs::remove(undo, ignored);
  // Whether it was committed is for the table to say, also where the program was lost.
  bool done = false;
  if (std::string f = go_on(node, on, done); !f.empty()) return failed.empty() ? f : failed;
  if (done) return {};
  return failed.empty() ? "what was to be taken back was not" : failed;
}

}  // namespace

std::string finish_repair(local_node& node) {
  session on(node.stop);
  bool done = false;
  if (std::string f = node.connect(on); !f.empty()) return f;
  return go_on(node, on, done);
}

namespace {

/// With nothing to take back, and its place right, it would be told the same again for ever.
std::string check_reach(local_node& node, session& on, const core::sight& now) {
  constexpr unsigned no_common_log = 1236;
  if (now.receive_error != no_common_log) return {};
  std::string right;
  if (std::string f =
          node.ask(on, "SELECT @@global.gtid_slave_pos=@@global.gtid_binlog_pos", right);
      !f.empty()) {
    return f;
  }
  if (right != "1") return {};
  return "there is nothing to take back: the other's log does not reach back to where it is";
}

}  // namespace

std::string repair_from(local_node& node, core::node_id primary) {
  session on(node.stop);
  core::sight now;
  if (std::string f = node.connect(on); !f.empty()) return f;
  if (std::string f = node.see(on, now); !f.empty()) return f;
  if (!now.read_only || now.semi_sync) return "it is a primary: it has to be started as a replica";
  bool done = false;
  if (std::string f = go_on(node, on, done); !f.empty() || done) return f;
  core::history other;
  if (std::string f = node.state_of(primary, other); !f.empty()) return f;
  if (now.replica) {
    if (std::string f = node.run(on, "STOP SLAVE"); !f.empty()) return f;
  }
  divergence what;
  if (std::string f = find_divergence(data_folder(node.folder()), other, what); !f.empty()) {
    return f;
  }
  if (what.tail.empty()) {
    if (std::string f = check_reach(node, on, now); !f.empty()) return f;
    return node.run(on, "RESET SLAVE ALL;SET GLOBAL gtid_slave_pos=@@global.gtid_binlog_pos");
  }
  // Before anything that may fail: a clone, which comes next then, deletes it.
  if (std::string f = node.write_tool_settings(); !f.empty()) return f;
  if (std::string f = keep_tail(node, what); !f.empty()) return f;
  if (std::string f = refuse_what_stays(node, on, what); !f.empty()) return f;
  return take_back(node, on, what);
}

}  // namespace understudy::db
