#include "database.hpp"

#include <chrono>
#include <stdexcept>
#include <thread>

namespace {

[[noreturn]] void fail(sqlite3* handle, const std::string& what) {
  throw std::runtime_error(what + ": " + ::sqlite3_errmsg(handle) + ".");
}

int count_wal_pages(void* counter, sqlite3*, const char*, int pages) {
  *static_cast<int*>(counter) = pages;
  return SQLITE_OK;
}

// SQLite's own way of waiting sleeps up to 100 ms between two tries: beside a process that writes
// all the time it finds the lock taken for seconds. A commit takes about a millisecond.
int wait_for_lock(void* /*unused*/, int tries) {
  constexpr std::chrono::microseconds pause{500};
  constexpr std::chrono::seconds longest{2};
  if (tries * pause >= longest) return 0;
  std::this_thread::sleep_for(pause);
  return 1;
}

}  // namespace

database::database(const std::string& file) {
  sqlite3* opened = nullptr;
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
  const int error = ::sqlite3_open_v2(file.c_str(), &opened, flags, nullptr);
  handle_.reset(opened);
  if (error != SQLITE_OK) fail(opened, "Cannot open the database " + file);
  ::sqlite3_busy_handler(opened, &wait_for_lock, nullptr);
  ::sqlite3_db_config(opened, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
  run("PRAGMA journal_mode=WAL");
  run("PRAGMA synchronous=FULL");
  // It takes the hook's place, so it comes first.
  run("PRAGMA wal_autocheckpoint=0");
  ::sqlite3_wal_hook(opened, &count_wal_pages, wal_pages_.get());
}

void database::run(const char* sql) {
  if (::sqlite3_exec(handle_.get(), sql, nullptr, nullptr, nullptr) != SQLITE_OK) {
    fail(handle_.get(), std::string("The database refused \"") + sql + "\"");
  }
}

void database::checkpoint() {
  const int result = ::sqlite3_wal_checkpoint_v2(handle_.get(), nullptr, SQLITE_CHECKPOINT_TRUNCATE,
                                                 nullptr, nullptr);
  if (result == SQLITE_BUSY) return;
  if (result != SQLITE_OK) fail(handle_.get(), "The WAL could not be moved into the database");
  *wal_pages_ = 0;
}

statement::statement(database& on, const char* sql) : on_(on) {
  sqlite3_stmt* prepared = nullptr;
  if (::sqlite3_prepare_v3(on.handle(), sql, -1, SQLITE_PREPARE_PERSISTENT, &prepared, nullptr) !=
      SQLITE_OK) {
    fail(on.handle(), std::string("The database refused \"") + sql + "\"");
  }
  prepared_.reset(prepared);
}

statement& statement::bind(int parameter, std::int64_t value) {
  ::sqlite3_bind_int64(prepared_.get(), parameter, value);
  return *this;
}

statement& statement::bind(int parameter, std::string_view value) {
  ::sqlite3_bind_text(prepared_.get(), parameter, value.data(), static_cast<int>(value.size()),
                      SQLITE_STATIC);
  return *this;
}

bool statement::step() {
  const int result = ::sqlite3_step(prepared_.get());
  if (result == SQLITE_ROW) return true;
  if (result == SQLITE_DONE) return false;
  reset();
  fail(on_.handle(), "The database failed");
}

std::int64_t statement::integer(int column) const {
  return ::sqlite3_column_int64(prepared_.get(), column);
}

std::string statement::text(int column) const {
  const auto* bytes = reinterpret_cast<const char*>(::sqlite3_column_text(prepared_.get(), column));
  const auto length = static_cast<std::size_t>(::sqlite3_column_bytes(prepared_.get(), column));
  return bytes == nullptr ? std::string() : std::string(bytes, length);
}
