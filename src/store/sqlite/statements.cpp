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
      insert_call(db, "INSERT INTO call VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)"),
      copy_call(db,
                "INSERT INTO call SELECT ?, service, method, params, context, mode, priority,"
                " on_unknown, on_dead, attempts_max, ?, ?, line, key, webhook, trace, scope"
                " FROM call WHERE id=?"),
      select_terms(db,
                   "SELECT service, mode, priority, on_unknown, on_dead, attempts_max, created,"
                   " deadline FROM call WHERE id=?"),
      select_line(db, "SELECT line, on_dead FROM call WHERE id=?"),
      select_webhook(db, "SELECT webhook FROM call WHERE id=?"),
      update_deadline(db, "UPDATE call SET deadline=? WHERE id=?"),
      delete_call(db, "DELETE FROM call WHERE id=?"),
      insert_waiting(db, "INSERT INTO waiting VALUES(?,?,?,?,?,?,?,?,?,?)"),
      select_waiting(db,
                     "SELECT service, rank, place, seq, due, attempts, flags, line_seq"
                     " FROM waiting WHERE deadline=? AND id=?"),
      move_waiting(db, "UPDATE waiting SET place=?, seq=? WHERE deadline=? AND id=?"),
      delete_waiting(db, "DELETE FROM waiting WHERE deadline=? AND id=?"),
      due_waiting(
          db, "SELECT deadline, id FROM waiting WHERE deadline<? ORDER BY deadline, id LIMIT ?"),
      first_deadline(db, "SELECT min(deadline) FROM waiting"),
      insert_ready(db, "INSERT INTO ready VALUES(?,?,?,?,?,?,?)"),
      delete_ready(db, "DELETE FROM ready WHERE service=? AND rank=? AND seq=?"),
      claim_ready(db,
                  "SELECT r.id, r.rank, r.seq, r.attempts, r.flags, r.line_seq, c.method, c.params,"
                  " c.context, c.mode, c.priority, c.on_unknown, c.on_dead, c.attempts_max,"
                  " c.created, c.deadline, c.line, c.key, c.trace FROM ready r"
                  " JOIN call c ON c.id=r.id WHERE r.service=? ORDER BY r.rank, r.seq LIMIT ?"),
      oldest_ready(db, "SELECT min(seq) FROM ready WHERE service=? AND rank=?"),
      insert_sched(db, "INSERT INTO sched VALUES(?,?,?)"),
      delete_sched(db, "DELETE FROM sched WHERE due=? AND id=?"),
      due_sched(db, "SELECT due, id, deadline FROM sched WHERE due<=? ORDER BY due, id LIMIT ?"),
      first_sched(db, "SELECT min(due) FROM sched"),
      insert_running(db, "INSERT INTO running VALUES(?,?,?,?,?,?,?)"),
      select_running(db,
                     "SELECT service, attempts, flags, line_seq FROM running"
                     " WHERE id=? AND term=? AND number=?"),
      delete_running(db, "DELETE FROM running WHERE id=? AND term=? AND number=?"),
      cancel_running(db, "UPDATE running SET flags=flags|4 WHERE id=?"),
      lost_running(db, "SELECT id, term, number FROM running WHERE term<? ORDER BY id"),
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
      due_ended(db, "SELECT place, id, finished FROM ended ORDER BY place LIMIT ?"),
      delete_ended(db, "DELETE FROM ended WHERE place<=?"),
      insert_print(db, "INSERT INTO print VALUES(?,?,?)"),
      select_print(db, "SELECT key, content FROM print WHERE id=?"),
      move_print(db, "UPDATE print SET id=? WHERE id=?"),
      delete_print(db, "DELETE FROM print WHERE id=?"),
      all_prints(db, "SELECT key, id FROM print") {}

}  // namespace understudy::store::sqlite
