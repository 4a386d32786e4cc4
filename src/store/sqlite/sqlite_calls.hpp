// The call store on SQLite without a thread or a clock: what one transaction does.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "store/call_store.hpp"
#include "store/sqlite/claim_log.hpp"
#include "store/sqlite/database.hpp"
#include "store/sqlite/id_source.hpp"
#include "store/sqlite/key_index.hpp"
#include "store/sqlite/running_book.hpp"
#include "store/sqlite/schedule.hpp"
#include "store/sqlite/service_book.hpp"
#include "store/sqlite/statements.hpp"

namespace understudy::store::sqlite {

struct calls_options {
  std::string file;
  /// A registered sqlite3_vfs. This one keeps the index of the WAL in our memory and the file
  /// locked: no process but ours can open it, so its connections need no system calls (six for
  /// each commit) to lock each other out.
  std::string vfs = "unix-excl";
  std::string fresh_tag;  ///< of the store, where it is made now: random
  unsigned node = 0;      ///< 0 to 63, in the ids
  /// A claim that is not renewed for so long is lost. Longer than any pause of a healthy process.
  std::chrono::milliseconds lease{30000};
  /// Finished calls, their results and keys are forgotten so long after they ended.
  std::chrono::milliseconds result_kept{std::chrono::hours{24}};
  /// Servers remember for so long what they did for a call: older ones are never tried.
  std::chrono::milliseconds age_max{std::chrono::hours{24 * 30}};
  std::uint64_t rows_max = 50'000'000;  ///< calls kept, finished ones included; more are refused
  /// Of the file, where it is in use, and of the WAL.
  std::uint64_t bytes_max = 64ULL << 30U;
  std::size_t cache_bytes = 32UL << 20U;  ///< of SQLite's page cache
  /// The WAL is checkpointed when it is larger. It has its space, and half as much again, from the
  /// start on; but no more than an eighth of bytes_max.
  std::size_t wal_bytes_max = 16UL << 20U;
};

/// A row with the columns of `live`.
[[nodiscard]] live_call read_live(const rows& row);

/// What is to be told of a transaction once it is durable.
struct told {
  std::vector<claimed_call> claimed;
  std::vector<call_ending> ended;
};

/// For one thread at a time. The file has no other writer (the caller holds a lock), readers may
/// be.
///
/// Everything happens between begin() and commit(), at the time that begin() was given. Answers
/// hold once commit() has returned. Where something throws `error`, nothing of the transaction
/// holds: if error::full(), rollback() makes the object usable again; otherwise it is to be
/// destroyed, and whether the transaction is durable is unknown if commit() threw.
class sqlite_calls {
 public:
  /// Makes or opens the store, empties the WAL, begins a new term, and decides (durably) what
  /// becomes of the claims of earlier ones. Throws std::runtime_error with a sentence.
  sqlite_calls(calls_options options, wall_time now);
  /// Closes the file as a crash would: close() comes before it.
  ~sqlite_calls();
  sqlite_calls(const sqlite_calls&) = delete;
  sqlite_calls& operator=(const sqlite_calls&) = delete;

  [[nodiscard]] const std::string& tag() const { return tag_; }
  /// False: the process before this one did not close() it.
  [[nodiscard]] bool was_clean() const { return was_clean_; }
  /// What opening told: calls that ended because their claims were lost.
  [[nodiscard]] told take_told() { return std::exchange(told_, {}); }

  /// Does what time has brought as well: calls that are due, deadlines, ended leases.
  void begin(wall_time now);
  /// Claims what can be, forgets some of what is old if `may_purge`, and makes all durable.
  [[nodiscard]] told commit(bool may_purge = true);
  void rollback();

  /// A call with this key is accepted soon.
  void expect(const print& key) const { keys_.expect(key); }
  [[nodiscard]] acceptance accept(const new_call& call);
  /// Refuses all further calls for that reason; empty: accepts them again.
  void refuse(std::string reason) { refused_because_ = std::move(reason); }
  void grant(std::size_t places) { places_ += places; }
  [[nodiscard]] bool report(const attempt_report& attempt);
  void renew(std::span<const held_claim> claims);
  /// The clock was set: what ended just now by it may live, so no lease ends for one lease's time.
  void clock_jumped() { leases_frozen_ = true; }

  [[nodiscard]] bool pause(const std::string& service, bool paused);
  void hold(const std::string& service, bool held);
  void limit(const std::string& service, std::size_t running_max);

  [[nodiscard]] std::optional<call_state> cancel(call_id id);
  [[nodiscard]] std::optional<call_id> retry(call_id id, bool as_new);
  [[nodiscard]] bool purge(call_id id);

  [[nodiscard]] std::optional<call_view> look(call_id id);
  /// The call with filter.key_print, where it is as the filter says.
  [[nodiscard]] std::vector<call_view> with_key(const call_filter& filter);
  [[nodiscard]] store_counts counts();
  [[nodiscard]] const key_index& keys() const { return keys_; }

  /// Outside of a transaction: when begin() has to be called at the latest.
  [[nodiscard]] wall_time next() const;
  /// Outside of a transaction: moves the WAL into the file, if it is large; `all`: in any case, so
  /// that it begins anew, unless someone reads. It keeps its space. Throws `error`.
  void checkpoint(bool all);
  /// The WAL holds something that is not in the file.
  [[nodiscard]] bool wal_in_use() const { return wal_pages_ > 0; }
  /// The next start will know that nothing was cut off. The WAL is empty then.
  void close(wall_time now);

 private:
  struct ending {
    core::call_next next;
    bool error = false;
    std::string_view payload;
    std::string_view server;
  };
  struct key_change {
    print key;
    std::int64_t id = 0;
    bool inserted = false;
  };

  // sqlite_calls.cpp
  void begin_term(wall_time now);
  void load_keys();
  void move_wal(int mode);
  [[nodiscard]] std::uint64_t wal_bytes() const;
  /// Puts what waits into the schedule; the rest was running.
  [[nodiscard]] std::vector<live_call> load_live();
  void restore_fresh(std::int64_t id, std::vector<live_call>& lost);
  [[nodiscard]] std::int64_t now_ms() const { return now_.time_since_epoch().count(); }

  // accept.cpp
  static constexpr int rank_max = 19;
  [[nodiscard]] static std::int64_t rank_of(const core::stored_terms& terms);
  [[nodiscard]] std::int64_t find_key(const print& key);
  [[nodiscard]] std::optional<acceptance> known(const new_call& call);
  [[nodiscard]] std::string refusal();
  void insert(const new_call& call, const live_call& live);
  void remember_key(const print& key, std::int64_t id);
  void forget_key(const print& key, std::int64_t id);
  [[nodiscard]] std::optional<call_ending> ended(std::int64_t id);
  [[nodiscard]] std::string webhook_of(std::int64_t id, unsigned flags);

  // places.cpp: where live calls wait
  void enqueue(live_call live, bool first_of_line);
  void put_live(const live_call& live);
  [[nodiscard]] std::optional<live_call> live_row(std::int64_t id);
  /// True: it is the first of its line now.
  [[nodiscard]] bool join_line(live_call& live, std::string_view line);
  void leave_line(std::int64_t service, std::string_view line, std::int64_t seq);

  // claim.cpp
  void claim();
  void claim_of(service_state& service, std::size_t most);
  void claim_one(service_state& service, const schedule::ready_call& which);
  void start(const live_call& live, claimed_call call);

  // ends.cpp
  void tell_webhook(const call_ending& ended);
  void after(live_call live, core::call_next next, const attempt_report& attempt);
  void finish(const live_call& live, const ending& how);
  call_state finish_waiting(const live_call& live, call_state state);
  [[nodiscard]] std::optional<live_call> take_running(std::int64_t id, const attempt_token& token);
  void lose(const live_call& live);
  [[nodiscard]] call_state cancel_dead(std::int64_t id);
  [[nodiscard]] core::stored_terms terms_of(std::int64_t id);

  // sweeps.cpp: what time brings
  void advance();
  void wake_due();
  void expire();
  void end_leases();
  void forget_old();
  void forget_done(std::int64_t id);
  void forget(std::int64_t id, std::int64_t service, call_state state);

  calls_options options_;
  connection db_;
  std::string tag_;
  bool was_clean_ = true;
  std::optional<statements> sql_;
  std::optional<service_book> services_;
  key_index keys_;
  std::vector<key_change> key_changes_;  // of this transaction
  schedule schedule_;
  running_book running_;
  std::optional<claim_log> claims_;
  std::vector<std::int64_t> ended_;  // in this transaction, for good
  bool leases_frozen_ = false;
  wall_time leases_frozen_until_{};
  id_source ids_;
  std::int64_t ids_reserved_ = 0;
  std::int64_t ids_reserved_before_ = 0;
  std::uint64_t term_ = 0;
  std::uint64_t number_ = 0;

  wall_time now_{};
  std::size_t places_ = 0;
  std::size_t places_before_ = 0;
  std::size_t first_served_ = 0;  // the service whose turn it is
  std::string refused_because_;
  std::uint64_t bytes_ = 0;
  std::uint64_t rows_ = 0;
  told told_;

  // Not before it is anything forgotten; min() where it is not known.
  wall_time next_forgotten_ = wall_time::min();

  std::size_t wal_reserved_ = 0;
  int wal_pages_ = 0;
  int wal_pages_tried_ = 0;
  std::uint64_t commits_ = 0;
  std::uint64_t operations_ = 0;
  std::uint64_t fenced_ = 0;
};

}  // namespace understudy::store::sqlite
