#include "store/sqlite/statements.hpp"

namespace understudy::store::sqlite {
statements::statements(const connection& db)
    : begin(db, "BEGIN IMMEDIATE"),
      commit(db, "COMMIT"),
      rollback(db, "ROLLBACK"),
      pages(db,
            "SELECT (p.page_count - f.freelist_count) * s.page_size FROM pragma_page_count p,"
            " pragma_freelist_count f, pragma_page_size s"),
      reserve_ids(db, "UPDATE meta SET value=? WHERE name='id_reserved'"),
      insert_service(db, "INSERT INTO service(service, name) VALUES(?,?)"),
      update_service(db,
                     "UPDATE service SET accepted=?, waiting=?, running=?, done=?, dead=?,"
                     " cancelled=?, expired=?, attempts=?, purged_done=?, purged_dead=?,"
                     " purged_cancelled=?, purged_expired=? WHERE service=?"),
      pause_service(db, "UPDATE service SET paused=? WHERE service=?"),
      select_services(db,
                      "SELECT name, paused, accepted, waiting, running, done, dead, cancelled,"
                      " expired, attempts, purged_done, purged_dead, purged_cancelled,"
                      " purged_expired FROM service ORDER BY service"),
      insert_call(db, "INSERT INTO call VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)"),
      copy_call(db,
                "INSERT INTO call SELECT ?, service, method, params, context, mode, priority,"
                " on_unknown, on_dead, attempts_max, ?, ?, line, key, webhook, trace, scope,"
                " lifetime FROM call WHERE id=?"),
      select_claimed(db,
                     "SELECT method, params, context, mode, priority, on_unknown, on_dead,"
                     " attempts_max, created, deadline, key, trace, webhook<>'' FROM call"
                     " WHERE id=?"),
      select_terms(db,
                   "SELECT service, mode, priority, on_unknown, on_dead, attempts_max, created,"
                   " deadline, lifetime FROM call WHERE id=?"),
      select_line(db, "SELECT line, on_dead FROM call WHERE id=?"),
      select_webhook(db, "SELECT webhook FROM call WHERE id=?"),
      update_deadline(db, "UPDATE call SET deadline=? WHERE id=?"),
      delete_call(db, "DELETE FROM call WHERE id=?"),
      put_live(db, "INSERT OR REPLACE INTO live VALUES(?,?,?,?,?,?,?,?,?)"),
      select_live(db,
                  "SELECT id, service, rank, due, deadline, attempts, flags, line_seq, settled"
                  " FROM live WHERE id=?"),
      delete_live(db, "DELETE FROM live WHERE id=?"),
      all_live(db,
               "SELECT id, service, rank, due, deadline, attempts, flags, line_seq, settled"
               " FROM live ORDER BY id"),
      insert_claim(db, "INSERT INTO claim VALUES(?,?)"),
      update_claim(db, "UPDATE claim SET ids=? WHERE batch=?"),
      delete_claim(db, "DELETE FROM claim WHERE batch=?"),
      all_claims(db, "SELECT batch, ids FROM claim ORDER BY batch"),
      clear_claims(db, "DELETE FROM claim"),
      insert_line(db, "INSERT INTO line VALUES(?,?,?,?)"),
      delete_line(db, "DELETE FROM line WHERE service=? AND line=? AND seq=?"),
      first_line(db, "SELECT seq, id FROM line WHERE service=? AND line=? ORDER BY seq LIMIT 1"),
      insert_last(db, "INSERT OR REPLACE INTO last VALUES(?,?,?)"),
      select_last(db, "SELECT server, payload FROM last WHERE id=?"),
      delete_last(db, "DELETE FROM last WHERE id=?"),
      insert_done(db, "INSERT INTO done VALUES(?,?,?,?,?,?,?,?)"),
      select_done(db, "SELECT service, state, error, payload FROM done WHERE id=?"),
      delete_done(db, "DELETE FROM done WHERE id=?"),
      insert_dead(db, "INSERT INTO dead VALUES(?,?,?,?,?,?,?,?,?)"),
      select_dead(db,
                  "SELECT service, reason, attempts, flags, line_seq, server, payload"
                  " FROM dead WHERE id=?"),
      unblock_dead(db, "UPDATE dead SET line_seq=0 WHERE id=?"),
      delete_dead(db, "DELETE FROM dead WHERE id=?"),
      insert_ended(db, "INSERT INTO ended VALUES(NULL,?,?)"),
      first_ended(db, "SELECT place, finished, ids FROM ended ORDER BY place LIMIT 1"),
      update_ended(db, "UPDATE ended SET ids=? WHERE place=?"),
      delete_ended(db, "DELETE FROM ended WHERE place=?"),
      insert_print(db, "INSERT INTO print VALUES(?,?,?)"),
      select_print(db, "SELECT key, content FROM print WHERE id=?"),
      move_print(db, "UPDATE print SET id=? WHERE id=?"),
      delete_print(db, "DELETE FROM print WHERE id=?"),
      all_prints(db, "SELECT key, id FROM print") {}

}  // namespace understudy::store::sqlite
