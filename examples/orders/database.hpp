// A thin C++ face of SQLite: one connection, prepared statements, errors as sentences.
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

/// One connection to a file in WAL mode, for one thread at a time.
class database {
 public:
  /// Every commit is on disk when it returns (synchronous=FULL). Nothing is ever checkpointed but
  /// by checkpoint(): neither as the WAL grows nor at the end. Other processes' locks are waited
  /// for, up to 2 s. Throws std::runtime_error with a sentence.
  explicit database(const std::string& file);

  void run(const char* sql);
  /// Moves the WAL into the database file and empties it; does not where another connection reads.
  void checkpoint();
  /// Pages in the WAL after this connection's last commit.
  [[nodiscard]] int wal_pages() const { return *wal_pages_; }
  [[nodiscard]] std::int64_t last_id() const { return ::sqlite3_last_insert_rowid(handle_.get()); }
  [[nodiscard]] sqlite3* handle() const { return handle_.get(); }

 private:
  std::unique_ptr<int> wal_pages_ = std::make_unique<int>(0);  // where SQLite's hook writes
  std::unique_ptr<sqlite3, decltype(&::sqlite3_close)> handle_{nullptr, &::sqlite3_close};
};

/// A prepared statement, used again and again. Parameters count from 1, columns from 0.
class statement {
 public:
  statement(database& on, const char* sql);

  statement& bind(int parameter, std::int64_t value);
  /// The text must live until reset().
  statement& bind(int parameter, std::string_view value);
  /// True while there is a row.
  bool step();
  void reset() { ::sqlite3_reset(prepared_.get()); }
  [[nodiscard]] std::int64_t integer(int column) const;
  [[nodiscard]] std::string text(int column) const;

 private:
  database& on_;
  std::unique_ptr<sqlite3_stmt, decltype(&::sqlite3_finalize)> prepared_{nullptr,
                                                                         &::sqlite3_finalize};
};
