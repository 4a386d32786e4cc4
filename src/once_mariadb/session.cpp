// One call's transaction: its ticket, its work, its commit.
#include <mysqld_error.h>

#include <charconv>
#include <stdexcept>

#include "once_mariadb/connection.hpp"
#include "once_mariadb/tables.hpp"

namespace understudy {
namespace {

using std::chrono::milliseconds;
using std::chrono::system_clock;

std::string unix_ms(system_clock::time_point when) {
  return std::to_string(std::chrono::duration_cast<milliseconds>(when.time_since_epoch()).count());
}

/// What a `write` endpoint says of a statement that it has not forwarded.
bool was_not_executed(const detail::mariadb_connection& line) {
  return line.number() == ER_CONNECTION_KILLED &&
         line.text().find("not executed") != std::string::npos;
}

bool is_read_only(const detail::mariadb_connection& line) {
  return line.number() == ER_OPTION_PREVENTS_STATEMENT &&
         line.text().find("read-only") != std::string::npos;
}

std::string text_of(const mariadb_value& value, const detail::mariadb_connection& line) {
  if (const auto* const text = std::get_if<std::string_view>(&value)) return line.quoted(*text);
  if (const auto* const number = std::get_if<std::int64_t>(&value)) return std::to_string(*number);
  if (const auto* const number = std::get_if<double>(&value)) {
    char digits[32];
    const auto end = std::to_chars(digits, digits + sizeof digits, *number);
    return {digits, end.ptr};
  }
  return "NULL";
}

std::string filled(std::string_view sql, std::initializer_list<mariadb_value> values,
                   const detail::mariadb_connection& line) {
  std::string out;
  const auto* next = values.begin();
  for (const char c : sql) {
    if (c != '?') {
      out += c;
      continue;
    }
    if (next == values.end()) throw std::invalid_argument("A statement has more ? than values");
    out += text_of(*next++, line);
  }
  if (next != values.end()) throw std::invalid_argument("A statement has fewer ? than values");
  return out;
}

}  // namespace

mariadb_session::mariadb_session(const mariadb_options& options)
    : options_(options), connection_(std::make_unique<detail::mariadb_connection>()) {}

mariadb_session::~mariadb_session() = default;

void mariadb_session::connect() {
  fate_ = fate::fine;
  work_began_ = false;
  unanswered_ = false;
  found_ = false;
  durability_ = durability::local;
  if (connection_->usable()) return;
  const auto until = std::min(deadline_, std::chrono::steady_clock::now() + options_.connect_max);
  if (connection_->connect(options_, until)) return;
  const unsigned number = connection_->number();
  // Of those no try will get another answer; all else may be a server that starts or ends.
  const bool for_good = number == ER_ACCESS_DENIED_ERROR || number == ER_BAD_DB_ERROR ||
                        number == ER_DBACCESS_DENIED_ERROR;
  if (!for_good) fate_ = fate::lost;
  fail();
}

void mariadb_session::fail() const {
  throw mariadb_error(connection_->number(), connection_->text());
}

void mariadb_session::begin_reading() {
  if (connection_->run("START TRANSACTION READ ONLY", deadline_)) return;
  judge();
  fail();
}

/// Takes in what a failed statement has done to the transaction.
void mariadb_session::judge() {
  const unsigned number = connection_->number();
  if (is_read_only(*connection_)) connection_->close();  // the way may lead elsewhere soon
  if (!connection_->open()) {
    fate_ = fate::lost;
  } else if (number == ER_LOCK_DEADLOCK) {
    fate_ = fate::deadlock;
  } else if (number == ER_LOCK_WAIT_TIMEOUT) {
    // Some servers roll back all of it then, others the statement alone.
    fate_ = fate::locked;
  }
}

std::vector<mariadb_row> mariadb_session::run(std::string_view sql,
                                              std::initializer_list<mariadb_value> values) {
  // Where the work has caught the error and goes on, each statement would commit by itself.
  if (fate_ != fate::fine) throw mariadb_error(0, "the transaction is over");
  const bool began = connection_->in_transaction();
  if (!connection_->run(filled(sql, values, *connection_), deadline_)) {
    judge();
    fail();
  }
  if (began && !connection_->in_transaction()) {
    fate_ = fate::ended;
    throw mariadb_error(0, "the work ended its transaction");
  }
  return std::move(connection_->rows());
}

std::uint64_t mariadb_session::rows_changed() const {
  return connection_->changed();
}

std::int64_t mariadb_session::last_id() const {
  return static_cast<std::int64_t>(connection_->last_id());
}

// In one round trip. A concurrent attempt of the same call waits at the INSERT for this one's end.
once_database::started mariadb_session::start(const std::string& ticket,
                                              system_clock::time_point now) {
  std::string sql = std::string(detail::ask_standing) + "; START TRANSACTION";
  if (!ticket.empty()) {
    sql += "; INSERT INTO understudy_once (ticket, done_ms) VALUES (" +
           connection_->quoted(ticket) + ", " + unix_ms(now) + ")";
  }
  bool begun = connection_->run(sql, deadline_);
  if (!begun && connection_->number() == ER_NO_SUCH_TABLE) {
    roll_back();
    begun = create_tables() && connection_->run(sql, deadline_);
  }
  before_ = read_standing().value_or(standing());
  if (begun) {
    work_began_ = before_.on || !options_.require_replica;
    if (work_began_) return {};
    roll_back();
    throw rpc_error(code::overloaded, "No replica acknowledges commits; nothing was done",
                    R"({"retry":true})");
  }
  if (connection_->number() != ER_DUP_ENTRY) {
    judge();
    const auto problem = mariadb_error(connection_->number(), connection_->text());
    roll_back();
    if (fate_ == fate::locked || fate_ == fate::deadlock) return {start_kind::busy, std::nullopt};
    throw mariadb_error(problem);
  }
  const std::string find =
      "SELECT reply FROM understudy_once WHERE ticket = " + connection_->quoted(ticket);
  if (!connection_->run(find, deadline_)) {
    judge();
    fail();
  }
  const auto rows = std::move(connection_->rows());
  roll_back();
  // The row that was in the way is forgotten, or was rolled back: begin again.
  if (rows.empty()) {
    fate_ = fate::deadlock;
    return {start_kind::busy, std::nullopt};
  }
  found_ = true;
  return {start_kind::repeat, rows[0][0]};
}

void mariadb_session::store_reply(const std::string& ticket, const std::string& reply) {
  run("UPDATE understudy_once SET reply = ? WHERE ticket = ?", {reply, ticket});
  if (rows_changed() != 1) {
    throw rpc_error(code::internal_error, "The call's row vanished within the work");
  }
}

once_database::commit_end mariadb_session::commit() {
  if (fate_ == fate::ended) throw mariadb_error(0, "the work ended its transaction");
  if (fate_ != fate::fine) return commit_end::refused;
  // The proof is no part of this text: the answer must be the commit's alone.
  if (connection_->run("COMMIT", deadline_)) {
    durability_ = before_.on ? prove(before_) : durability::local;
    return commit_end::committed;
  }
  const unsigned number = connection_->number();
  if (was_not_executed(*connection_) || is_read_only(*connection_) || number == ER_LOCK_DEADLOCK) {
    judge();
    return commit_end::refused;
  }
  unanswered_ = true;
  connection_->close();
  return commit_end::unknown;
}

// Also after an error, which does not say whether the server has rolled back by itself.
void mariadb_session::roll_back() noexcept {
  try {
    if (!connection_->in_transaction()) return;
    if (!connection_->run("ROLLBACK", deadline_)) connection_->close();
  } catch (...) {
    connection_->close();  // and the server rolls back
  }
}

std::size_t mariadb_session::purge(system_clock::time_point before, std::size_t rows_max) {
  const std::string sql = "DELETE FROM understudy_once WHERE done_ms < " + unix_ms(before) +
                          " ORDER BY done_ms LIMIT " + std::to_string(rows_max);
  if (connection_->run(sql, deadline_)) return connection_->changed();
  if (connection_->number() == ER_LOCK_WAIT_TIMEOUT || connection_->number() == ER_LOCK_DEADLOCK) {
    return 0;
  }
  fail();
}

}  // namespace understudy
