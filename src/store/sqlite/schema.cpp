#include "store/sqlite/schema.hpp"

#include <array>

namespace understudy::store::sqlite {
namespace {

// A call that ended is in `done` or `dead`. One that waits is in `live`; so is one that runs,
// unless its first claim is in the commit that accepted it: then `claim` alone has it. What is
// written once (`call`, `done`, `dead`, `print`) is apart from what changes, which is narrow; and
// what is said of many calls in one commit (`claim`, `ended`) is one row. Order and time are not
// in the file: the schedule in memory is made of `live` at a start.
constexpr const char* version_1 = R"(
CREATE TABLE service(
  service INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, paused INT NOT NULL DEFAULT 0,
  accepted INT NOT NULL DEFAULT 0, waiting INT NOT NULL DEFAULT 0, running INT NOT NULL DEFAULT 0,
  done INT NOT NULL DEFAULT 0, dead INT NOT NULL DEFAULT 0, cancelled INT NOT NULL DEFAULT 0,
  expired INT NOT NULL DEFAULT 0, attempts INT NOT NULL DEFAULT 0,
  -- of those above: forgotten by now
  purged_done INT NOT NULL DEFAULT 0, purged_dead INT NOT NULL DEFAULT 0,
  purged_cancelled INT NOT NULL DEFAULT 0, purged_expired INT NOT NULL DEFAULT 0) STRICT;
CREATE TABLE call(
  id INTEGER PRIMARY KEY, service INT NOT NULL, method TEXT NOT NULL, params TEXT NOT NULL,
  context TEXT NOT NULL, mode INT NOT NULL, priority INT NOT NULL, on_unknown INT NOT NULL,
  on_dead INT NOT NULL, attempts_max INT NOT NULL, created INT NOT NULL, deadline INT NOT NULL,
  line TEXT NOT NULL, key TEXT NOT NULL, webhook TEXT NOT NULL, trace TEXT NOT NULL,
  scope TEXT NOT NULL,
  lifetime INT NOT NULL -- from its acceptance to its first deadline: a retry has as much again
  ) STRICT;
-- The columns: live_call.hpp.
CREATE TABLE live(
  id INTEGER PRIMARY KEY, service INT NOT NULL, rank INT NOT NULL, due INT NOT NULL,
  deadline INT NOT NULL, attempts INT NOT NULL, flags INT NOT NULL, line_seq INT NOT NULL,
  settled INT NOT NULL) STRICT;
-- What was claimed in one commit; which of it is open: claim_log.hpp. ids: id_list.hpp.
CREATE TABLE claim(batch INTEGER PRIMARY KEY, ids BLOB NOT NULL) STRICT;
-- Calls with an order that are not over; the first of a line alone is ready, due later or running.
CREATE TABLE line(
  service INT NOT NULL, line TEXT NOT NULL, seq INT NOT NULL, id INT NOT NULL,
  PRIMARY KEY(service, line, seq)) STRICT, WITHOUT ROWID;
-- What the last attempt of a call that is not over left.
CREATE TABLE last(id INTEGER PRIMARY KEY, server TEXT NOT NULL, payload TEXT NOT NULL) STRICT;
CREATE TABLE done(
  id INTEGER PRIMARY KEY, service INT NOT NULL, state INT NOT NULL, error INT NOT NULL,
  attempts INT NOT NULL, finished INT NOT NULL, server TEXT NOT NULL,
  payload TEXT NOT NULL) STRICT;
CREATE TABLE dead(
  id INTEGER PRIMARY KEY, service INT NOT NULL, reason INT NOT NULL, attempts INT NOT NULL,
  flags INT NOT NULL, line_seq INT NOT NULL, finished INT NOT NULL, server TEXT NOT NULL,
  payload TEXT NOT NULL) STRICT;
CREATE INDEX dead_service ON dead(service, id);
-- What became final in one commit, in the order of commits: that in which it is forgotten.
CREATE TABLE ended(place INTEGER PRIMARY KEY, finished INT NOT NULL, ids BLOB NOT NULL) STRICT;
-- A random key in an index would cost a page for each call: they are found in memory.
CREATE TABLE print(id INTEGER PRIMARY KEY, key BLOB NOT NULL, content BLOB NOT NULL) STRICT;
INSERT INTO meta VALUES('term', 0), ('id_reserved', 0), ('clean', 1);
)";

// Version n + 1 is made of version n by the n-th.
constexpr std::array migrations = {version_1};

std::string text_of(connection& db, const char* sql) {
  statement select(db, sql);
  auto row = select.query();
  return row.next() ? row.text(0) : std::string();
}

}  // namespace

void prepare(connection& db, std::size_t cache_bytes) {
  ::sqlite3_busy_timeout(db.handle(), 2000);
  db.run(("PRAGMA page_size=" + std::to_string(page_bytes)).c_str());
  db.run(
      "PRAGMA trusted_schema=OFF; PRAGMA mmap_size=0;"
      "PRAGMA temp_store=MEMORY; PRAGMA wal_autocheckpoint=0; PRAGMA synchronous=FULL;");
  db.run(("PRAGMA journal_size_limit=" + std::to_string(wal_kept)).c_str());
  db.run(("PRAGMA cache_size=-" + std::to_string(cache_bytes / 1024)).c_str());
  if (text_of(db, "PRAGMA journal_mode=WAL") != "wal") {
    throw std::runtime_error("the file system of the call store does not allow a WAL");
  }
  db.run("PRAGMA wal_checkpoint(TRUNCATE)");
}

std::size_t reserve_wal(connection& db, std::size_t bytes) {
  sqlite3_file* wal = nullptr;
  const int found = ::sqlite3_file_control(db.handle(), "main", SQLITE_FCNTL_JOURNAL_POINTER, &wal);
  if (found != SQLITE_OK || wal == nullptr || wal->pMethods == nullptr) return 0;
  // A hint counts where there is a chunk size; that also rounds up each truncation, so it goes.
  auto chunk = static_cast<int>(bytes);
  auto size = static_cast<sqlite3_int64>(bytes);
  const auto control = wal->pMethods->xFileControl;
  int code = control(wal, SQLITE_FCNTL_CHUNK_SIZE, &chunk);
  if (code == SQLITE_OK) code = control(wal, SQLITE_FCNTL_SIZE_HINT, &size);
  chunk = 0;
  control(wal, SQLITE_FCNTL_CHUNK_SIZE, &chunk);
  if (code == SQLITE_OK) return bytes;
  // A part of it would be of little use, and is needed elsewhere.
  wal->pMethods->xTruncate(wal, 0);
  return 0;
}

void migrate(connection& db, const std::string& tag) {
  db.run("BEGIN IMMEDIATE");
  std::size_t version = 0;
  if (text_of(db, "SELECT count(*) FROM sqlite_master") == "0") {
    db.run("CREATE TABLE meta(name TEXT PRIMARY KEY, value ANY) WITHOUT ROWID, STRICT");
  } else if (text_of(db, "SELECT count(*) FROM sqlite_master WHERE name='meta'") == "0") {
    throw std::runtime_error("the file is a database of something else than calls");
  } else {
    version = static_cast<std::size_t>(meta_integer(db, "schema"));
  }
  if (version > migrations.size()) {
    throw std::runtime_error("the call store was written by a newer version (its schema is " +
                             std::to_string(version) + ", this version knows " +
                             std::to_string(migrations.size()) + "): start that one");
  }
  const bool fresh = version == 0;
  for (; version < migrations.size(); ++version) {
    db.run(migrations[version]);
    set_meta(db, "schema", static_cast<std::int64_t>(version + 1));
  }
  if (fresh) statement(db, "INSERT INTO meta VALUES('tag', ?)").run(std::string_view(tag));
  db.run("COMMIT");
}

std::int64_t meta_integer(connection& db, const char* name) {
  statement select(db, "SELECT value FROM meta WHERE name=?");
  auto row = select.query(std::string_view(name));
  return row.next() ? row.integer(0) : 0;
}

void set_meta(connection& db, const char* name, std::int64_t value) {
  statement(db, "INSERT OR REPLACE INTO meta VALUES(?, ?)").run(std::string_view(name), value);
}

std::string meta_text(connection& db, const char* name) {
  statement select(db, "SELECT value FROM meta WHERE name=?");
  auto row = select.query(std::string_view(name));
  return row.next() ? row.text(0) : std::string();
}

}  // namespace understudy::store::sqlite
