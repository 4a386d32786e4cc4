#include "db/grants.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "db/sql.hpp"

namespace understudy::db {

namespace {

/// One name that the server shows is not the one that GRANT knows it by here.
std::string_view plain_name(std::string_view shown) {
  return shown == "SLAVE MONITOR" ? "REPLICA MONITOR" : shown;
}

fault missing_of(session& on, std::string_view grantee, const std::vector<std::string_view>& needed,
                 core::time_point deadline, std::vector<std::string>& into) {
  const reply answer = on.run(
      fmt::format("SELECT PRIVILEGE_TYPE FROM information_schema.USER_PRIVILEGES WHERE GRANTEE={}",
                  grantee),
      deadline);
  if (!answer.ok()) return answer.failed;
  std::set<std::string_view> has;
  const table& rows = answer.tables.at(0);
  for (std::size_t i = 0; i < rows.rows.size(); ++i) has.insert(plain_name(rows.first(i)));
  into.clear();
  for (const std::string_view each : needed) {
    if (!has.contains(each)) into.emplace_back(each);
  }
  return {};
}

}  // namespace

const std::vector<std::string_view>& grants_to_supervise() {
  // An account that may change all accounts may do everything; those that read are named all the
  // same, so that nothing has to be taken first.
  static const std::vector<std::string_view> all{"SUPER",
                                                 "RELOAD",
                                                 "PROCESS",
                                                 "REPLICATION SLAVE ADMIN",
                                                 "REPLICATION MASTER ADMIN",
                                                 "REPLICA MONITOR",
                                                 "BINLOG MONITOR",
                                                 "BINLOG ADMIN",
                                                 "READ_ONLY ADMIN",
                                                 "CONNECTION ADMIN",
                                                 "CREATE USER",
                                                 "REPLICATION SLAVE",
                                                 "SELECT",
                                                 "SHOW VIEW",
                                                 "TRIGGER",
                                                 "EVENT"};
  return all;
}

const std::vector<std::string_view>& grants_to_verify() {
  static const std::vector<std::string_view> all{"RELOAD",  "PROCESS", "REPLICA MONITOR", "SELECT",
                                                 "TRIGGER", "EVENT",   "SHOW VIEW",       "SUPER"};
  return all;
}

fault missing_grants(session& on, const std::vector<std::string_view>& needed,
                     core::time_point deadline, std::vector<std::string>& into) {
  return missing_of(on,
                    "CONCAT(QUOTE(SUBSTRING_INDEX(CURRENT_USER(),'@',1)),'@',"
                    "QUOTE(SUBSTRING_INDEX(CURRENT_USER(),'@',-1)))",
                    needed, deadline, into);
}

fault missing_grants_of(session& on, std::string_view user,
                        const std::vector<std::string_view>& needed, core::time_point deadline,
                        std::vector<std::string>& into) {
  return missing_of(on, fmt::format("CONCAT(QUOTE({}),'@',QUOTE('%'))", db::quoted(user)), needed,
                    deadline, into);
}

std::string grant_statement(const std::vector<std::string>& missing, std::string_view user) {
  return fmt::format("SET sql_log_bin=0; GRANT {} ON *.* TO {}@'%' WITH GRANT OPTION;",
                     fmt::join(missing, ", "), db::quoted(user));
}

}  // namespace understudy::db
