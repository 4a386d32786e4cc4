#include "db/adopt.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <chrono>

#include "db/adopt_inspector.hpp"
#include "db/local_node.hpp"
#include "db/sql.hpp"

namespace understudy::db {

namespace {

constexpr std::string_view version_adopted = "10.11.";
constexpr std::chrono::seconds enough(60);
constexpr std::size_t names_told = 20;

/// Only connections of afterwards have what was set for all.
bool is_of_sessions(std::string_view setting) {
  return setting == "binlog_format" || setting == "binlog_row_image" ||
         setting == "gtid_domain_id" || setting == "enforce_storage_engine";
}

std::string set_global(std::string_view name) {
  const auto& all = required_settings();
  const auto at = std::find_if(all.begin(), all.end(),
                               [&](const required_setting& each) { return each.name == name; });
  const bool number = at->value.find_first_not_of("0123456789") == std::string_view::npos;
  return fmt::format("SET GLOBAL {}={}", name,
                     number ? std::string(at->value) : db::quoted(at->value));
}

}  // namespace

std::uint64_t number_in(std::string_view text) {
  std::uint64_t out = 0;
  std::from_chars(text.data(), text.data() + text.size(), out);
  return out;
}

table inspector::ask(std::string_view sql) {
  if (!out_.failed.empty()) return {};
  reply answer = on_.run(sql, until());
  if (!answer.ok()) {
    out_.failed = "it could not be looked at: " + sentence(answer.failed);
    return {};
  }
  return answer.tables.empty() ? table() : std::move(answer.tables.back());
}

std::string inspector::names_of(const table& rows) {
  std::string out;
  for (std::size_t i = 0; i < rows.rows.size() && i < names_told; ++i) {
    if (i > 0) out += ", ";
    out += rows.first(i);
  }
  if (rows.rows.size() > names_told) {
    out += fmt::format(" and {} more", rows.rows.size() - names_told);
  }
  return out;
}

bool inspector::begin() {
  if (const fault f = on_.connect(task_.at, task_.administrator, until()); f) {
    out_.failed = "it can not be reached: " + sentence(f);
    return false;
  }
  out_.version = ask("SELECT VERSION()").first();
  const bool maria = out_.version.find("MariaDB") != std::string::npos;
  if (out_.failed.empty() && !(maria && out_.version.starts_with(version_adopted))) {
    find(adopt_weight::blocks, "version",
         fmt::format(
             "this is {} {}, and MariaDB 10.11 is what a cluster runs: {}",
             maria ? "MariaDB" : "MySQL or something like it", out_.version,
             maria ? "install that version here first" : "move the data to such a server first"));
    return false;
  }
  static_cast<void>(ask(session_start()));
  const table all = ask("SHOW GLOBAL VARIABLES");
  for (std::size_t i = 0; i < all.rows.size(); ++i) {
    variables_.emplace(all.first(i), all.first(i, 1));
  }
  if (setting("wsrep_on") == "ON") {
    find(adopt_weight::blocks, "wsrep_on",
         "it is a node of a Galera cluster: its data has to be moved to a server that is none");
  }
  return out_.failed.empty();
}

void inspector::check_settings() {
  const std::vector<unsafe_setting> unsafe = unsafe_settings(variables_);
  std::string open_sessions;
  for (const unsafe_setting& each : unsafe) {
    const std::string is =
        fmt::format("{} is {} and must be {}: {}", each.name,
                    each.value.empty() ? "empty" : each.value, each.must_be, each.why);
    // Switched off when it was started, it can not be switched at all.
    const bool fixed = each.restart || each.value == "DISABLED";
    if (fixed) {
      find(adopt_weight::restart, each.name, is);
      continue;
    }
    find(adopt_weight::fixable, each.name, is);
    out_.statements.push_back(set_global(each.name));
    if (is_of_sessions(each.name)) {
      open_sessions += (open_sessions.empty() ? "" : ", ") + each.name;
    }
  }
  if (!unsafe.empty()) {
    out_.settings = "[mariadbd]\n" + common_settings();
    if (setting("server_id") == "0") out_.settings += "server_id = 1\n";
  }
  if (!open_sessions.empty()) {
    find(adopt_weight::warns, "sessions",
         "connections that are open now keep their own " + open_sessions +
             ": let the application connect again after it was set, and before the server is "
             "adopted");
  }
}

void inspector::check_network() {
  const std::string bind = setting("bind_address");
  const bool all = bind.empty() || bind == "*" || bind == "0.0.0.0" || bind == "::";
  if (setting("skip_networking") != "ON" &&
      (all || task_.address.empty() || bind == task_.address)) {
    return;
  }
  if (out_.settings.empty()) out_.settings = "[mariadbd]\n" + common_settings();
  out_.settings += "skip_networking = OFF\nbind_address = " +
                   (task_.address.empty() ? "0.0.0.0" : task_.address) + "\n";
  find(adopt_weight::restart, "bind_address",
       fmt::format("it listens at {} and not at {}, where the other nodes reach it",
                   setting("skip_networking") == "ON" ? "no address" : bind,
                   task_.address.empty() ? "0.0.0.0" : task_.address));
}

void inspector::check_place() {
  adopt_place& place = out_.place;
  place.data = setting("datadir");
  place.socket = setting("socket");
  if (!place.socket.empty() && place.socket.front() != '/')
    place.socket = place.data + place.socket;
  place.error_log = setting("log_error");
  place.binary_log = setting("log_bin_basename");
  place.bytes =
      number_in(ask("SELECT CAST(IFNULL(SUM(DATA_LENGTH+INDEX_LENGTH),0) AS UNSIGNED) FROM "
                    "information_schema.TABLES WHERE TABLE_TYPE='BASE TABLE'")
                    .first());
  if (!place.binary_log.empty() && place.binary_log != place.data + "bin") {
    find(
        adopt_weight::warns, "log_bin",
        fmt::format("its binary log is {}, and a node's is {}bin: with the name its history begins "
                    "anew, so that positions of replicas and backups of before mean nothing there",
                    place.binary_log, place.data));
  }
  if (!place.data.ends_with("/data/")) {
    find(
        adopt_weight::warns, "datadir",
        fmt::format("its data is in {}, and an agent that owns a server has it in one folder, with "
                    "`data` in it: give the node `copies` instead of an agent; or stop the server, "
                    "and move its data there (a rename, on the same file system)",
                    place.data));
  }
  for (const char* const folder :
       {"innodb_data_home_dir", "innodb_log_group_home_dir", "innodb_undo_directory"}) {
    const std::string where = setting(folder);
    if (where.empty() || where == "./" || where == "." || where == place.data) continue;
    find(adopt_weight::blocks, folder,
         fmt::format("{} is {}: an agent replaces the data folder ({}) as a whole, so everything "
                     "has to be in it",
                     folder, where, place.data));
  }
  for (const char* const way : {"encrypt_binlog", "innodb_encrypt_tables", "innodb_encrypt_log"}) {
    if (setting(way) == "OFF" || setting(way).empty()) continue;
    find(adopt_weight::blocks, way,
         fmt::format("{} is {}: what is encrypted can be neither repaired nor copied to another "
                     "node by an agent; switch it off",
                     way, setting(way)));
  }
}

bool adopt_report::has(adopt_weight weight) const {
  return std::any_of(findings.begin(), findings.end(),
                     [&](const adopt_finding& each) { return each.weight == weight; });
}

bool adopt_report::ready() const {
  return failed.empty() && !has(adopt_weight::blocks) && !has(adopt_weight::restart) &&
         !has(adopt_weight::fixable);
}

adopt_report inspect(const adopt_task& task) {
  return inspector(task).look();
}

std::vector<std::string> adopt_fix(const adopt_task& task,
                                   const std::vector<std::string>& statements) {
  const auto until = [&] {
    return std::min(task.deadline, std::chrono::steady_clock::now() + enough);
  };
  session on(task.stop);
  fault failed = on.connect(task.at, task.administrator, until());
  if (!failed) failed = on.run(session_start(), until()).failed;
  if (failed) return {"it can not be reached: " + sentence(failed)};
  std::vector<std::string> out;
  for (const std::string& each : statements) {
    if (const fault f = on.run(each, until()).failed; f) {
      out.push_back(fmt::format("{} failed: {}", each, sentence(f)));
    }
  }
  return out;
}

}  // namespace understudy::db
