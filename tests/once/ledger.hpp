// An application's database for tests of once(): a file with a table of effects, and connections.
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <memory>
#include <string>

#include "understudy/context.hpp"
#include "understudy/once_sqlite.hpp"

namespace understudy::test {

/// The context of an attempt of a stored call; an empty ticket: of a direct call.
[[nodiscard]] context attempt_of(const std::string& ticket);

/// A folder of its own with a database file in WAL mode; gone with the object.
class ledger_file {
 public:
  ledger_file();
  ~ledger_file();
  ledger_file(const ledger_file&) = delete;
  ledger_file& operator=(const ledger_file&) = delete;
  [[nodiscard]] std::string path() const { return folder_ + "/ledger.db"; }

 private:
  std::string folder_;
};

/// One connection to a ledger, and once() on it. One thread at a time.
class ledger {
 public:
  explicit ledger(const std::string& file,
                  std::chrono::milliseconds busy_wait = std::chrono::seconds{60});

  [[nodiscard]] once_sqlite& database() { return *once_; }
  [[nodiscard]] sqlite3* handle() { return connection_.get(); }

  /// std::runtime_error with SQLite's sentence.
  void run(const std::string& sql);
  /// The first column of the first row.
  [[nodiscard]] std::int64_t number(const std::string& sql);
  /// Two rows of one effect: what is seen of one without the other was torn.
  void take_effect(const std::string& ticket);

  /// How often a call took effect.
  [[nodiscard]] std::int64_t effects(const std::string& ticket);
  /// Rows of understudy_once.
  [[nodiscard]] std::int64_t rows() { return number("SELECT count(*) FROM understudy_once"); }

 private:
  std::unique_ptr<sqlite3, decltype(&::sqlite3_close)> connection_{nullptr, &::sqlite3_close};
  std::unique_ptr<once_sqlite> once_;
};

}  // namespace understudy::test
