#include "understudy/once_sqlite.hpp"

#include <sqlite3.h>

#include <thread>

namespace understudy {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;
using std::chrono::system_clock;

std::int64_t unix_ms(system_clock::time_point when) {
  return std::chrono::duration_cast<milliseconds>(when.time_since_epoch()).count();
}

/// Extended codes carry the plain one in their last byte.
int plain(int result) {
  return result & 0xff;
}

}  // namespace

void once_sqlite::finalize::operator()(sqlite3_stmt* prepared) const noexcept {
  ::sqlite3_finalize(prepared);
}

/// One use of a prepared statement. Texts must live as long.
class once_sqlite::execution {
 public:
  explicit execution(const statement& prepared) : prepared_(prepared.get()) {}
  // Text that was bound is the caller's, and gone soon: nothing of it stays.
  ~execution() {
    ::sqlite3_reset(prepared_);
    ::sqlite3_clear_bindings(prepared_);
  }
  execution(const execution&) = delete;
  execution& operator=(const execution&) = delete;

  execution& bind(int parameter, const std::string& text) {
    ::sqlite3_bind_text64(prepared_, parameter, text.data(), text.size(), SQLITE_STATIC,
                          SQLITE_UTF8);
    return *this;
  }
  execution& bind(int parameter, std::int64_t value) {
    ::sqlite3_bind_int64(prepared_, parameter, value);
    return *this;
  }
  int step() { return ::sqlite3_step(prepared_); }

  [[nodiscard]] std::optional<std::string> text() const {
    if (::sqlite3_column_type(prepared_, 0) == SQLITE_NULL) return std::nullopt;
    const auto* const bytes = static_cast<const char*>(::sqlite3_column_blob(prepared_, 0));
    const auto size = static_cast<std::size_t>(::sqlite3_column_bytes(prepared_, 0));
    return std::string(bytes, size);
  }

 private:
  sqlite3_stmt* prepared_;
};

once_sqlite::once_sqlite(sqlite3* connection, milliseconds busy_wait)
    : connection_(connection),
      busy_wait_(busy_wait),
      begin_(prepare("BEGIN IMMEDIATE")),
      insert_(prepare("INSERT INTO understudy_once (ticket, done_ms) VALUES (?1, ?2)"
                      " ON CONFLICT DO NOTHING")),
      find_(prepare("SELECT reply FROM understudy_once WHERE ticket = ?1")),
      reply_(prepare("UPDATE understudy_once SET reply = ?2 WHERE ticket = ?1")),
      commit_(prepare("COMMIT")),
      roll_back_(prepare("ROLLBACK")),
      purge_(prepare("DELETE FROM understudy_once WHERE ticket IN (SELECT ticket"
                     " FROM understudy_once WHERE done_ms < ?1 ORDER BY done_ms LIMIT ?2)")) {}

once_sqlite::~once_sqlite() = default;

once_sqlite::statement once_sqlite::prepare(const char* sql) {
  sqlite3_stmt* prepared = nullptr;
  if (::sqlite3_prepare_v3(connection_, sql, -1, SQLITE_PREPARE_PERSISTENT, &prepared, nullptr) !=
      SQLITE_OK) {
    fail("cannot be used for once");
  }
  return statement(prepared);
}

void once_sqlite::fail(const char* what) {
  throw rpc_error(code::internal_error,
                  std::string("The database ") + what + ": " + ::sqlite3_errmsg(connection_));
}

// A pause of SQLite's own kind grows to 100 ms; a commit takes about one.
int once_sqlite::run_patiently(const statement& prepared) {
  constexpr std::chrono::microseconds pause{500};
  const auto give_up = steady_clock::now() + busy_wait_;
  while (true) {
    const int result = execution(prepared).step();
    if (plain(result) != SQLITE_BUSY || steady_clock::now() >= give_up) return result;
    std::this_thread::sleep_for(pause);
  }
}

// IMMEDIATE takes the lock of all writers at once: whoever comes second waits here, and has done
// nothing yet that could be too late.
once_database::started once_sqlite::start(const std::string& ticket, system_clock::time_point now) {
  const int begun = run_patiently(begin_);
  if (plain(begun) == SQLITE_BUSY) return {start_kind::busy, std::nullopt};
  if (begun != SQLITE_DONE) fail("could not begin a transaction");
  if (ticket.empty()) return {};
  const int inserted = execution(insert_).bind(1, ticket).bind(2, unix_ms(now)).step();
  if (inserted == SQLITE_DONE && ::sqlite3_changes(connection_) == 1) return {};
  std::optional<std::string> reply;
  int found = inserted;
  if (inserted == SQLITE_DONE) {
    execution row(find_);
    found = row.bind(1, ticket).step();
    if (found == SQLITE_ROW) reply = row.text();
  }
  const std::string problem = ::sqlite3_errmsg(connection_);
  roll_back();
  if (found == SQLITE_ROW) return {start_kind::repeat, std::move(reply)};
  throw rpc_error(code::internal_error, "The database could not note the call: " + problem);
}

void once_sqlite::store_reply(const std::string& ticket, const std::string& reply) {
  if (execution(reply_).bind(1, ticket).bind(2, reply).step() != SQLITE_DONE) {
    fail("could not store the reply");
  }
  // SQLite rolls back by itself where there is no room, and a handler may not notice.
  if (::sqlite3_changes(connection_) != 1) {
    throw rpc_error(code::internal_error, "The call's row vanished within the work");
  }
}

once_database::commit_end once_sqlite::commit() {
  const int result = run_patiently(commit_);
  if (result == SQLITE_DONE) return commit_end::committed;
  if (plain(result) == SQLITE_BUSY) return commit_end::refused;
  // A constraint that is checked at the end: the transaction is still open.
  if (plain(result) == SQLITE_CONSTRAINT) fail("refused the commit");
  return commit_end::unknown;
}

void once_sqlite::roll_back() noexcept {
  if (::sqlite3_get_autocommit(connection_) == 0) (void)execution(roll_back_).step();
}

std::size_t once_sqlite::purge(system_clock::time_point before, std::size_t rows_max) {
  execution all(purge_);
  const int result =
      all.bind(1, unix_ms(before)).bind(2, static_cast<std::int64_t>(rows_max)).step();
  if (plain(result) == SQLITE_BUSY) return 0;
  if (result != SQLITE_DONE) fail("could not forget old calls");
  return static_cast<std::size_t>(::sqlite3_changes(connection_));
}

}  // namespace understudy
