// Whether the tables of a call store agree with each other and with the counters.
#include <array>
#include <string>

#include "core/dice.hpp"
#include "store/sqlite/id_list.hpp"
#include "store/sqlite/reader.hpp"

namespace understudy::store::sqlite {

namespace {

struct rule {
  const char* broken;  ///< the ids that break it
  const char* sentence;
};

// A place in a line, and whether another is before it.
#define UNDERSTUDY_LINE_BEFORE \
  "(SELECT 1 FROM line p WHERE p.service=l.service AND p.line=l.line AND p.seq<l.seq)"

constexpr std::array rules = {
    rule{"SELECT c.id FROM call c WHERE"
         " EXISTS(SELECT 1 FROM live w WHERE w.id=c.id)"
         " + EXISTS(SELECT 1 FROM running r WHERE r.id=c.id AND r.stored=0)"
         " + EXISTS(SELECT 1 FROM done d WHERE d.id=c.id)"
         " + EXISTS(SELECT 1 FROM dead x WHERE x.id=c.id) <> 1",
         "is not in exactly one state"},
    rule{"SELECT w.id FROM live w LEFT JOIN call c ON c.id=w.id AND c.service=w.service"
         " AND c.deadline=w.deadline WHERE c.id IS NULL",
         "is not over, but there is no such call"},
    rule{"SELECT d.id FROM done d LEFT JOIN call c ON c.id=d.id WHERE c.id IS NULL",
         "is over, but there is no such call"},
    rule{"SELECT x.id FROM dead x LEFT JOIN call c ON c.id=x.id WHERE c.id IS NULL",
         "is dead, but there is no such call"},
    rule{"SELECT l.id FROM line l LEFT JOIN call c ON c.id=l.id AND c.line=l.line"
         " WHERE c.id IS NULL OR EXISTS(SELECT 1 FROM done d WHERE d.id=l.id)"
         " OR EXISTS(SELECT 1 FROM dead x WHERE x.id=l.id AND x.line_seq<>l.seq)",
         "has a place in a line, but is over"},
    rule{"SELECT c.id FROM call c LEFT JOIN line l ON l.id=c.id AND l.service=c.service"
         " AND l.line=c.line LEFT JOIN done d ON d.id=c.id LEFT JOIN dead x ON x.id=c.id"
         " WHERE c.line<>'' AND l.id IS NULL AND d.id IS NULL AND x.id IS NULL",
         "has no place in its line"},
    rule{"SELECT w.id FROM live w LEFT JOIN line l ON l.id=w.id AND l.seq=w.line_seq"
         " AND l.service=w.service WHERE w.flags & 16 AND (l.id IS NULL OR NOT "
         "EXISTS" UNDERSTUDY_LINE_BEFORE ")",
         "is the first of its line, but waits for another"},
    rule{"SELECT l.id FROM line l JOIN call c ON c.id=l.id LEFT JOIN live w ON w.id=l.id"
         " WHERE coalesce(w.flags, 0) & 16 = 0 AND "
         "NOT EXISTS(SELECT 1 FROM dead x WHERE x.id=l.id) AND EXISTS" UNDERSTUDY_LINE_BEFORE,
         "does not wait for the one before it in its line"},
    rule{"SELECT p.id FROM print p LEFT JOIN call c ON c.id=p.id WHERE c.id IS NULL",
         "has a key, but there is no such call"},
    rule{"SELECT l.id FROM last l LEFT JOIN live w ON w.id=l.id WHERE w.id IS NULL",
         "is over, but is kept as one that is tried again"},
};
#undef UNDERSTUDY_LINE_BEFORE

struct counter {
  const char* name;
  const char* rows;       ///< that are counted
  const char* persisted;  ///< over the columns of `service`
};

constexpr std::array counters = {
    counter{"accepted", "call",
            "accepted - purged_done - purged_dead - purged_cancelled - purged_expired"},
    counter{"waiting", "live WHERE id NOT IN (SELECT id FROM running)", "waiting"},
    counter{"running", "running", "running"},
    counter{"done", "done WHERE state=2", "done - purged_done"},
    counter{"dead", "dead", "dead - purged_dead"},
    counter{"cancelled", "done WHERE state=4", "cancelled - purged_cancelled"},
    counter{"expired", "done WHERE state=5", "expired - purged_expired"},
};

constexpr std::size_t examples_max = 5;

void verify_rows(connection& db, std::vector<std::string>& out) {
  for (const rule& each : rules) {
    statement select(db, each.broken);
    auto row = select.query();
    std::size_t found = 0;
    for (; row.next(); ++found) {
      if (found < examples_max) out.push_back("call " + row.text(0) + ' ' + each.sentence);
    }
    if (found > examples_max) {
      out.push_back("and " + std::to_string(found - examples_max) + " more: each " + each.sentence);
    }
  }
}

void verify_counters(connection& db, std::vector<std::string>& out) {
  statement sums(db,
                 "SELECT name, accepted, waiting+running+done+dead+cancelled+expired FROM service"
                 " WHERE accepted<>waiting+running+done+dead+cancelled+expired");
  for (auto row = sums.query(); row.next();) {
    out.push_back("of " + row.text(0) + ' ' + row.text(1) + " calls were accepted, but " +
                  row.text(2) + " are in a state");
  }
  for (const counter& each : counters) {
    const std::string sql = std::string("SELECT name, coalesce(n, 0), ") + each.persisted +
                            " FROM service LEFT JOIN (SELECT service AS s, count(*) AS n FROM " +
                            each.rows + " GROUP BY service) ON s=service WHERE coalesce(n, 0)<>(" +
                            each.persisted + ")";
    statement differ(db, sql.c_str());
    for (auto row = differ.query(); row.next();) {
      out.push_back("of " + row.text(0) + " there are " + row.text(1) + " calls " + each.name +
                    ", but " + row.text(2) + " are counted");
    }
  }
}

// The claims that are open, as claim_log.hpp says, in a table of this connection alone.
void find_running(connection& db) {
  db.run("CREATE TEMP TABLE claimed(id INTEGER PRIMARY KEY, batch INT)");
  {
    statement all(db, "SELECT batch, ids FROM claim ORDER BY batch");
    statement put(db, "INSERT OR REPLACE INTO claimed VALUES(?,?)");
    for (auto row = all.query(); row.next();) {
      for (const std::int64_t id : ids_of(row.bytes(1))) put.run(id, row.integer(0));
    }
  }
  db.run(
      "CREATE TEMP TABLE running AS"
      " SELECT id, service, 1 AS stored FROM claimed JOIN live USING(id) WHERE settled<batch"
      " UNION ALL SELECT c.id, c.service, 0 FROM claimed m JOIN call c USING(id)"
      " WHERE NOT EXISTS(SELECT 1 FROM live w WHERE w.id=m.id)"
      " AND NOT EXISTS(SELECT 1 FROM done d WHERE d.id=m.id)"
      " AND NOT EXISTS(SELECT 1 FROM dead x WHERE x.id=m.id);"
      "CREATE INDEX running_id ON running(id)");
}

// Sums do not need the memory that millions of ids would.
struct id_sum {
  std::uint64_t count = 0;
  std::uint64_t mixed = 0;
  void add(std::int64_t id) {
    ++count;
    mixed += core::dice(static_cast<std::uint64_t>(id)).next();
  }
};

void verify_ended(connection& db, std::vector<std::string>& out) {
  id_sum over;
  id_sum listed;
  {
    statement all(db, "SELECT id FROM done");
    for (auto row = all.query(); row.next();) over.add(row.integer(0));
  }
  statement all(db, "SELECT ids FROM ended");
  for (auto row = all.query(); row.next();) {
    for (const std::int64_t id : ids_of(row.bytes(0))) listed.add(id);
  }
  if (over.count == listed.count && over.mixed == listed.mixed) return;
  out.push_back(std::to_string(over.count) + " calls are over, but " +
                std::to_string(listed.count) + " others are to be forgotten");
}

}  // namespace

std::vector<std::string> verify(connection& db) {
  std::vector<std::string> out;
  db.run("BEGIN");
  try {
    find_running(db);
    verify_counters(db, out);
    verify_rows(db, out);
    verify_ended(db, out);
    db.run("DROP TABLE temp.running; DROP TABLE temp.claimed");
  } catch (...) {
    db.run("ROLLBACK");
    throw;
  }
  db.run("COMMIT");
  return out;
}

std::vector<std::string> check_file(connection& db) {
  std::vector<std::string> out;
  statement check(db, "PRAGMA quick_check(20)");
  auto row = check.query();
  while (row.next()) {
    if (std::string text = row.text(0); text != "ok") out.push_back(std::move(text));
  }
  return out;
}

}  // namespace understudy::store::sqlite
