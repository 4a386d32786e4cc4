// What a server has, of all that a cluster can not carry on with.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "db/adopt_inspector.hpp"
#include "db/grants.hpp"
#include "db/local_node.hpp"
#include "db/native_password.hpp"
#include "db/sql.hpp"
#include "db/table_shape.hpp"

namespace understudy::db {

void inspector::check_domains(std::string_view what, const std::string& positions,
                              std::string_view remedy) {
  std::size_t at = 0;
  while (at < positions.size()) {
    const std::size_t comma = std::min(positions.find(',', at), positions.size());
    const std::string each = positions.substr(at, comma - at);
    at = comma + 1;
    if (!core::parse_gtid(each)) {
      find(adopt_weight::blocks, "history",
           fmt::format("{} has {}, which is of another domain than 0: {}", what, each, remedy));
      return;
    }
    const auto position = core::parse_gtid(each);
    if (position->server > core::node_number_max) {
      find(adopt_weight::blocks, "history",
           fmt::format("{} has {}: a cluster takes number {} for node {} of epoch {}; {}", what,
                       each, position->server, position->server % 1000, position->server / 1000,
                       remedy));
      return;
    }
  }
}

void inspector::check_history() {
  check_domains("its binary log", setting("gtid_binlog_state"),
                "begin a new one with RESET MASTER, once nothing replicates from it and no backup "
                "needs it");
  check_domains("what it has received", setting("gtid_slave_pos"),
                "forget it with SET GLOBAL gtid_slave_pos='', once it receives from nobody");
  if (setting("log_bin") == "ON" && setting("gtid_binlog_state").empty()) {
    find(
        adopt_weight::warns, "history",
        "its binary log has no transaction yet: the data from before is not in it, and other nodes "
        "get it as a copy");
  }
}

/// An empty node that receives from the very beginning of a log gets nothing of what was there
/// before, and nobody would notice until a row of that is changed. Of a log that begins later the
/// server says that it does not reach back, and a copy is made.
void inspector::check_beginning() {
  const bool blocked =
      std::any_of(out_.findings.begin(), out_.findings.end(), [](const adopt_finding& each) {
        return each.about == "history" && each.weight == adopt_weight::blocks;
      });
  if (setting("log_bin") != "ON" || blocked) return;
  const table logs = ask("SHOW BINARY LOGS");
  if (logs.rows.empty()) return;
  const table head = ask(fmt::format("SHOW BINLOG EVENTS IN {} LIMIT 2", db::quoted(logs.first())));
  for (std::size_t i = 0; i < head.rows.size(); ++i) {
    if (head.at(i, "Event_type") != "Gtid_list" || head.at(i, "Info") != "[]") continue;
    find(adopt_weight::fixable, "beginning",
         "its binary log goes back to the first transaction, so that an empty node could receive "
         "all of it and miss what was there before: the log has to begin later");
    if (setting("gtid_binlog_state").empty()) {
      out_.statements.push_back(
          fmt::format("SET GLOBAL gtid_binlog_state='0-{}-1'",
                      setting("server_id") == "0" ? std::string("1") : setting("server_id")));
    } else {
      out_.statements.emplace_back("FLUSH BINARY LOGS");
      out_.statements.emplace_back("PURGE BINARY LOGS BEFORE NOW() + INTERVAL 1 DAY");
    }
  }
}

void inspector::check_replication() {
  const table from = ask("SHOW ALL SLAVES STATUS");
  for (std::size_t i = 0; i < from.rows.size(); ++i) {
    find(adopt_weight::blocks, "replication",
         fmt::format(
             "it receives from {}:{}: when it has applied everything, and nothing is written "
             "there any more, STOP ALL SLAVES, then RESET SLAVE '{}' ALL",
             from.at(i, "Master_Host"), from.at(i, "Master_Port"), from.at(i, "Connection_name")));
  }
  const table to = ask(
      "SELECT CONCAT(USER,'@',HOST) FROM information_schema.PROCESSLIST WHERE COMMAND LIKE 'Binlog "
      "Dump%'");
  if (!to.rows.empty()) {
    find(adopt_weight::warns, "replicas",
         fmt::format(
             "others receive from it ({}): they are no nodes of the cluster, and after a "
             "takeover their primary is gone; stop them and let them become nodes, as copies",
             names_of(to)));
  }
}

void inspector::check_tables() {
  const table others = ask(
      fmt::format("SELECT CONCAT(TABLE_SCHEMA,'.',TABLE_NAME,' (',ENGINE,')') FROM "
                  "information_schema.TABLES WHERE TABLE_TYPE IN ('BASE TABLE','SYSTEM VERSIONED') "
                  "AND ENGINE<>'InnoDB' AND TABLE_SCHEMA NOT IN ({}) ORDER BY 1",
                  databases_apart()));
  if (!others.rows.empty()) {
    find(adopt_weight::blocks, "engines",
         fmt::format(
             "{} of its tables lose rows in a crash, and are not the same on all nodes after "
             "one: ALTER TABLE .. ENGINE=InnoDB, for {}",
             others.rows.size(), names_of(others)));
  }
  const table keyless = ask(
      fmt::format("SELECT CONCAT(t.TABLE_SCHEMA,'.',t.TABLE_NAME) FROM information_schema.TABLES t "
                  "WHERE t.TABLE_TYPE='BASE TABLE' AND t.TABLE_SCHEMA NOT IN ({}) AND NOT EXISTS "
                  "(SELECT 1 FROM "
                  "information_schema.STATISTICS s WHERE s.TABLE_SCHEMA=t.TABLE_SCHEMA AND "
                  "s.TABLE_NAME=t.TABLE_NAME AND s.INDEX_NAME='PRIMARY') ORDER BY 1",
                  databases_apart()));
  if (!keyless.rows.empty()) {
    find(adopt_weight::warns, "keys",
         fmt::format("{} of its tables have no primary key, so that a replica reads all of such a "
                     "table for each row that is changed: give one to {}",
                     keyless.rows.size(), names_of(keyless)));
  }
}

void inspector::check_transactions() {
  const table prepared = ask("XA RECOVER");
  if (!prepared.rows.empty()) {
    find(adopt_weight::blocks, "xa",
         fmt::format("{} XA transactions are prepared: end each with XA COMMIT or XA ROLLBACK",
                     prepared.rows.size()));
  }
  const table used = ask("SHOW GLOBAL STATUS LIKE 'Com_xa_start'");
  if (number_in(used.first(0, 1)) > 0) {
    find(adopt_weight::warns, "xa",
         "XA transactions have been used since it was started: one that is prepared when the "
         "primary "
         "dies is not carried over");
  }
  const table events =
      ask("SELECT CONCAT(db,'.',name) FROM mysql.event WHERE status='ENABLED' ORDER BY 1");
  if (!events.rows.empty()) {
    find(adopt_weight::warns, "events",
         fmt::format("{} events are on, and none runs in a cluster: call them from outside ({})",
                     events.rows.size(), names_of(events)));
  }
}

void inspector::check_names() {
  const table databases =
      ask("SELECT SCHEMA_NAME FROM information_schema.SCHEMATA WHERE SCHEMA_NAME IN "
          "('understudy','understudy_local')");
  if (!databases.rows.empty()) {
    find(adopt_weight::blocks, "names",
         fmt::format(
             "it has the databases of a cluster's own records ({}): it was a node of one; if "
             "that is over, drop them",
             names_of(databases)));
  }
  const table accounts =
      ask("SELECT CONCAT(User,'@',Host) FROM mysql.global_priv WHERE User REGEXP '^repl_[0-9]+$'");
  if (!accounts.rows.empty()) {
    find(adopt_weight::blocks, "names",
         fmt::format("accounts of this kind are for the nodes, and get other passwords: drop or "
                     "rename {}",
                     names_of(accounts)));
  }
}

void inspector::check_accounts() {
  check_supervisor();
  const table strong = ask(fmt::format(
      "SELECT DISTINCT GRANTEE FROM information_schema.USER_PRIVILEGES WHERE PRIVILEGE_TYPE IN "
      "('SUPER','READ_ONLY ADMIN') AND GRANTEE NOT LIKE '%@\\'localhost\\'' AND "
      "GRANTEE<>CONCAT(QUOTE({}),'@',QUOTE('%')) ORDER BY 1",
      db::quoted(task_.supervisor.user)));
  if (!strong.rows.empty()) {
    find(adopt_weight::warns, "accounts",
         fmt::format("these may write where nobody should (SUPER or READ_ONLY ADMIN), so that a "
                     "replica can come to differ; no application should log in so: {}",
                     names_of(strong)));
  }
  const table local =
      ask("SELECT User FROM mysql.global_priv WHERE Host='localhost' AND User='root' AND "
          "Priv LIKE '%unix_socket%'");
  if (local.rows.empty()) {
    find(adopt_weight::warns, "agent",
         "an agent that runs as root can not log in over the socket as root, which copies need: "
         "ALTER "
         "USER root@localhost IDENTIFIED VIA unix_socket, beside what it has (OR), or tell the "
         "agent "
         "another account");
  }
}

void inspector::check_supervisor() {
  const std::string_view user = task_.supervisor.user;
  const table there = ask(fmt::format(
      "SELECT User FROM mysql.global_priv WHERE User={} AND Host='%'", db::quoted(user)));
  std::vector<std::string> missing;
  if (!out_.failed.empty()) return;
  if (const fault f = missing_grants_of(on_, user, grants_to_supervise(), until(), missing); f) {
    out_.failed = sentence(f);
    return;
  }
  if (!there.rows.empty()) {
    session logs_in(task_.stop);
    constexpr unsigned access_denied = 1045;
    if (logs_in.connect(task_.at, task_.supervisor, until()).code == access_denied) {
      find(adopt_weight::fixable, "supervisor",
           fmt::format("the account {}@'%' does not take the supervisor's password", user));
      out_.statements.push_back(
          fmt::format("ALTER USER {}@'%' IDENTIFIED VIA mysql_native_password USING '{}'",
                      db::quoted(user), native_hash(task_.supervisor.password)));
    }
  }
  if (!there.rows.empty() && missing.empty()) return;
  find(adopt_weight::fixable, "supervisor",
       there.rows.empty()
           ? fmt::format("there is no account {}@'%' for the supervisor", user)
           : fmt::format("the account {}@'%' lacks {}", user, fmt::join(missing, ", ")));
  std::string all = supervisor_account(task_.supervisor);
  for (std::size_t end = all.find(";\n"); end != std::string::npos; end = all.find(";\n")) {
    out_.statements.push_back(all.substr(0, end));
    all.erase(0, end + 2);
  }
}

}  // namespace understudy::db
