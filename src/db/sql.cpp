#include "db/sql.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "db/grants.hpp"
#include "db/native_password.hpp"

namespace understudy::db {

std::string quoted(std::string_view text) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'' || c == '\\') out += '\\';
    out += c;
  }
  return out + "'";
}

namespace {

/// Sessions of a supervisor that is gone with its host end by themselves in a minute. What they say
/// is in no log of the server: there are passwords in it.
constexpr std::string_view common_start =
    "sql_log_off=1, slow_query_log=0, lock_wait_timeout=1, innodb_lock_wait_timeout=1, "
    "wait_timeout=60, autocommit=1, "
    "sql_mode='STRICT_TRANS_TABLES,NO_ENGINE_SUBSTITUTION', time_zone='+00:00'";

/// The password itself is told to nobody's log.
std::string identified(std::string_view password) {
  if (password.empty()) return "IDENTIFIED BY ''";
  return fmt::format("IDENTIFIED BY PASSWORD '{}'", native_hash(password));
}

}  // namespace

std::string session_start() {
  return fmt::format("SET SESSION sql_log_bin=0, {}", common_start);
}

std::string writer_start() {
  return fmt::format("SET SESSION {}", common_start);
}

std::string refuse_if(std::string_view condition, std::string_view why) {
  return fmt::format(
      "IF {} THEN SIGNAL SQLSTATE '45000' SET MYSQL_ERRNO={}, MESSAGE_TEXT={}; END IF", condition,
      not_so, quoted(why));
}

std::string guarded(core::generation gen, std::uint64_t holder,
                    const std::vector<std::string>& statements) {
  const auto refusal = [](std::string_view condition, unsigned code, std::string_view why) {
    return fmt::format(
        "IF {} THEN SIGNAL SQLSTATE '45000' SET MYSQL_ERRNO={}, MESSAGE_TEXT={}; END IF; ",
        condition, code, quoted(why));
  };
  const std::uint64_t number = core::number_of(gen);
  std::string out = "BEGIN NOT ATOMIC ";
  // First what says most: whoever was told more has ended this holder, too.
  out += refusal(fmt::format("({})>{}", told_generation(), number), told_higher,
                 "the node was told a higher generation");
  out += refusal(fmt::format("IFNULL(IS_USED_LOCK('{}'),0)<>{}", fence_lock,
                             holder == 0 ? "CONNECTION_ID()" : std::to_string(holder)),
                 not_held, "the fence is not held");
  if (holder == 0) {
    // Nothing is written, and so nothing synced, where it is known.
    out +=
        fmt::format("UPDATE understudy_local.fence SET gen={0} WHERE id=1 AND gen<{0}; ", number);
  }
  for (const std::string& each : statements) out += each + "; ";
  return out + "END";
}

std::string make_fence_table() {
  return "CREATE DATABASE IF NOT EXISTS understudy_local;"
         "CREATE TABLE IF NOT EXISTS understudy_local.fence ("
         "id TINYINT UNSIGNED NOT NULL PRIMARY KEY, gen BIGINT UNSIGNED NOT NULL, "
         "salvaged BIGINT UNSIGNED NOT NULL) ENGINE=InnoDB;"
         "INSERT IGNORE INTO understudy_local.fence VALUES (1,0,0)";
}

std::string what_was_told() {
  return "SELECT gen, salvaged FROM understudy_local.fence WHERE id=1";
}

std::string note_salvaged(std::uint64_t start) {
  return fmt::format("UPDATE understudy_local.fence SET salvaged={} WHERE id=1", start);
}

std::string make_receiver_table() {
  return "CREATE TABLE IF NOT EXISTS understudy_local.receiver (id TINYINT UNSIGNED NOT NULL "
         "PRIMARY "
         "KEY, password VARCHAR(64) NOT NULL) ENGINE=InnoDB";
}

std::string note_receiver(std::string_view password) {
  return fmt::format("REPLACE INTO understudy_local.receiver VALUES (1,'{}')",
                     native_hash(password));
}

std::string noted_receiver() {
  return "SELECT password FROM understudy_local.receiver WHERE id=1";
}

std::string told_generation() {
  return "SELECT gen FROM understudy_local.fence WHERE id=1";
}

std::string supervisor_account(const login& supervisor) {
  const std::string name = quoted(supervisor.user) + "@'%'";
  return fmt::format(
      "CREATE USER IF NOT EXISTS {0} {1};\n"
      "GRANT {2} ON *.* TO {0} WITH GRANT OPTION;\n"
      "GRANT ALL ON understudy.* TO {0};\n"
      "GRANT ALL ON understudy_local.* TO {0};\n",
      name, identified(supervisor.password), fmt::join(grants_to_supervise(), ", "));
}

std::string replication_account(core::node_id node, std::string_view password) {
  const std::string name = quoted(replication_user(node)) + "@'%'";
  return fmt::format(
      "CREATE USER IF NOT EXISTS {0} {1};GRANT REPLICATION SLAVE "
      "ON *.* TO {0}",
      name, identified(password));
}

std::vector<std::string> replicated_ground(const members& all) {
  std::vector<std::string> out;
  for (const member& each : all.nodes) {
    out.push_back(replication_account(each.node, all.replication_password));
  }
  out.emplace_back("CREATE DATABASE IF NOT EXISTS understudy");
  out.emplace_back(
      "CREATE TABLE IF NOT EXISTS understudy.journal (epoch INT UNSIGNED NOT NULL PRIMARY KEY, "
      "node SMALLINT UNSIGNED NOT NULL, gen BIGINT UNSIGNED NOT NULL, solo BOOLEAN NOT NULL, "
      "opened_at DATETIME(6) NOT NULL, position VARCHAR(64) NOT NULL) ENGINE=InnoDB");
  return out;
}

std::string replication_accounts() {
  return "SELECT User FROM mysql.global_priv WHERE User LIKE 'repl\\_%'";
}

bool is_missing(const fault& failed) {
  constexpr unsigned no_such_database = 1049;
  constexpr unsigned no_such_table = 1146;
  return failed.what == trouble::answered &&
         (failed.code == no_such_database || failed.code == no_such_table);
}

std::vector<std::string> cut_account(core::node_id node, bool off) {
  const std::string name = quoted(replication_user(node)) + "@'%'";
  std::vector<std::string> out{
      fmt::format("ALTER USER IF EXISTS {} ACCOUNT {}", name, off ? "LOCK" : "UNLOCK")};
  if (off) out.push_back(fmt::format("KILL USER {}", quoted(replication_user(node))));
  return out;
}

}  // namespace understudy::db
