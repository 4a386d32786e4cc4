// once() on SQLite. Link to understudy::once_sqlite; nothing else of the library needs SQLite.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "understudy/once.hpp"

struct sqlite3;
struct sqlite3_stmt;

namespace understudy {

/// The connection is the application's: it makes its own writes through it, in once()'s `work`. It
/// must outlive this object, and have the table. For real safety it is in WAL mode with
/// synchronous=FULL, and its file on a local disk.
class once_sqlite final : public once_database {
 public:
  /// Creates the table where it is missing; runs in the application's own transaction or alone.
  static constexpr const char* schema =
      "CREATE TABLE IF NOT EXISTS understudy_once (ticket TEXT NOT NULL PRIMARY KEY,"
      " done_ms INTEGER NOT NULL, reply TEXT) WITHOUT ROWID;"
      "CREATE INDEX IF NOT EXISTS understudy_once_done ON understudy_once (done_ms)";

  /// `busy_wait`: how long a lock of another connection is waited for; SQLite has one for all
  /// writers. A busy handler of the connection may make it longer. rpc_error -32603 without a
  /// table.
  explicit once_sqlite(sqlite3* connection,
                       std::chrono::milliseconds busy_wait = std::chrono::seconds{2});
  ~once_sqlite() override;
  once_sqlite(const once_sqlite&) = delete;
  once_sqlite& operator=(const once_sqlite&) = delete;

  [[nodiscard]] started start(const std::string& ticket,
                              std::chrono::system_clock::time_point now) override;
  void store_reply(const std::string& ticket, const std::string& reply) override;
  [[nodiscard]] commit_end commit() override;
  void roll_back() noexcept override;
  std::size_t purge(std::chrono::system_clock::time_point before, std::size_t rows_max) override;

 private:
  struct finalize {
    void operator()(sqlite3_stmt* prepared) const noexcept;
  };
  using statement = std::unique_ptr<sqlite3_stmt, finalize>;
  class execution;

  statement prepare(const char* sql);
  /// Runs a statement without rows until it is not busy, or the wait is over: SQLite's code.
  int run_patiently(const statement& prepared);
  [[noreturn]] void fail(const char* what);

  sqlite3* connection_;
  std::chrono::milliseconds busy_wait_;
  statement begin_;
  statement insert_;
  statement find_;
  statement reply_;
  statement commit_;
  statement roll_back_;
  statement purge_;
};

}  // namespace understudy
