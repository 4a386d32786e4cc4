#include "store/sqlite/database.hpp"

namespace understudy::store::sqlite {

connection::connection(const std::string& file, access how, const std::string& vfs) {
  sqlite3* opened = nullptr;
  const int flags =
      SQLITE_OPEN_NOMUTEX |
      (how == access::read ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
  const int code =
      ::sqlite3_open_v2(file.c_str(), &opened, flags, vfs.empty() ? nullptr : vfs.c_str());
  handle_.reset(opened);
  if (code != SQLITE_OK) {
    throw error(code, opened == nullptr ? ::sqlite3_errstr(code) : ::sqlite3_errmsg(opened));
  }
  ::sqlite3_extended_result_codes(opened, 1);
  // The one that writes checkpoints when it decides to; after an I/O error nobody must.
  ::sqlite3_db_config(opened, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
}

void connection::run(const char* sql) {
  const int code = ::sqlite3_exec(handle_.get(), sql, nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) fail(code);
}

void connection::fail(int code) const {
  const int extended = ::sqlite3_extended_errcode(handle_.get());
  // A text and a code of one moment: the code of the call counts where they are of two.
  if ((extended & 0xff) == (code & 0xff)) code = extended;
  throw error(code,
              std::string(::sqlite3_errmsg(handle_.get())) + " (" + std::to_string(code) + ")");
}

statement::statement(const connection& on, const char* sql) : on_(&on) {
  sqlite3_stmt* prepared = nullptr;
  const int code =
      ::sqlite3_prepare_v3(on.handle(), sql, -1, SQLITE_PREPARE_PERSISTENT, &prepared, nullptr);
  if (code != SQLITE_OK) on.fail(code);
  prepared_.reset(prepared);
}

}  // namespace understudy::store::sqlite
