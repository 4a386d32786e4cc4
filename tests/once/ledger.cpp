#include "once/ledger.hpp"

#include <filesystem>
#include <stdexcept>

namespace understudy::test {

context attempt_of(const std::string& ticket) {
  const auto peer = std::make_shared<const std::string>("127.0.0.1:1");
  if (ticket.empty()) return {"[]", "LedgerInterface@add", peer};
  return {R"({"understudy":{"call":)" + to_json_text(ticket) + R"(,"attempt":1,"key":"k"}})",
          "LedgerInterface@add", peer};
}

ledger_file::ledger_file() {
  std::string pattern = (std::filesystem::temp_directory_path() / "ledger-XXXXXX").string();
  if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("No folder for the test.");
  folder_ = pattern;
}

ledger_file::~ledger_file() {
  std::filesystem::remove_all(folder_);
}

ledger::ledger(const std::string& file, std::chrono::milliseconds busy_wait) {
  sqlite3* opened = nullptr;
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
  const int error = ::sqlite3_open_v2(file.c_str(), &opened, flags, nullptr);
  connection_.reset(opened);
  if (error != SQLITE_OK) throw std::runtime_error("The ledger cannot be opened.");
  ::sqlite3_busy_timeout(opened, 60000);  // for what the test does itself
  run("PRAGMA journal_mode=WAL");
  run("PRAGMA wal_autocheckpoint=0");  // beside other writers it is not safe in this SQLite
  run("CREATE TABLE IF NOT EXISTS effects (ticket TEXT, half INTEGER)");
  run(once_sqlite::schema);
  ::sqlite3_busy_timeout(opened, 0);
  once_ = std::make_unique<once_sqlite>(opened, busy_wait);
}

void ledger::run(const std::string& sql) {
  if (::sqlite3_exec(connection_.get(), sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) {
    throw std::runtime_error(::sqlite3_errmsg(connection_.get()));
  }
}

std::int64_t ledger::number(const std::string& sql) {
  sqlite3_stmt* prepared = nullptr;
  if (::sqlite3_prepare_v2(connection_.get(), sql.c_str(), -1, &prepared, nullptr) != SQLITE_OK) {
    throw std::runtime_error(::sqlite3_errmsg(connection_.get()));
  }
  const std::unique_ptr<sqlite3_stmt, decltype(&::sqlite3_finalize)> row(prepared,
                                                                         &::sqlite3_finalize);
  if (::sqlite3_step(prepared) != SQLITE_ROW) throw std::runtime_error("No row: " + sql);
  return ::sqlite3_column_int64(prepared, 0);
}

void ledger::take_effect(const std::string& ticket) {
  run("INSERT INTO effects VALUES ('" + ticket + "', 1)");
  run("INSERT INTO effects VALUES ('" + ticket + "', 2)");
}

std::int64_t ledger::effects(const std::string& ticket) {
  const std::string of = "SELECT count(*) FROM effects WHERE ticket = '" + ticket + "' AND half = ";
  const auto first = number(of + "1");
  if (first != number(of + "2")) throw std::runtime_error("An effect is torn: " + ticket);
  return first;
}

}  // namespace understudy::test
