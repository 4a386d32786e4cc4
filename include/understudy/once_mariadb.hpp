// once() on MariaDB, through connections that outlive switchovers. Link to
// understudy::once_mariadb; nothing else of the library needs libmariadb.
#pragma once

#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>
#include <vector>

#include "understudy/once.hpp"

namespace understudy {

class once_mariadb;

struct mariadb_options {
  /// The address of the cluster's `write` endpoint, or of a lone server. A number, or a name that
  /// is found without a network: looking one up has no deadline.
  std::string host = "127.0.0.1";
  std::uint16_t port = 3306;
  std::string user;
  std::string password;
  /// Its first line is the password; read anew for each connection. Goes before `password`.
  std::string password_file;
  std::string database;

  std::size_t connections_max = 8;  ///< more calls at a time wait for one
  /// For all of one call: the wait for a connection, each statement, the commit and its proof, and
  /// all runs of the work. It is never renewed.
  std::chrono::milliseconds call_max{10000};
  /// For one connection, with its login; then the next try, within the call's time. A `write`
  /// endpoint lets clients wait while it has no primary.
  std::chrono::milliseconds connect_max{3000};
  /// For a row's lock. Longer than the 2 s after which the server ends a transaction that is idle:
  /// what a frozen process holds is free by then.
  std::chrono::seconds lock_wait{3};
  /// Of the work, in one call, where it is run again: after deadlocks, and where connections are
  /// lost before the commit. What fails before the work has begun is tried until `call_max`.
  int runs_max = 4;
  /// True: a call succeeds only where a replica provably has its commit. -32003, and nothing done,
  /// where none acknowledges; -32001 where the proof fails after the commit.
  bool require_replica = false;
  /// A commit that the server had promised to a replica, and that none provably has: it may be
  /// gone after a takeover. The call's ticket, or empty. Called on the call's thread; throws
  /// nothing.
  std::function<void(const std::string& ticket)> on_local;

  /// `mysql://USER@HOST:PORT/DATABASE`; the port may be missing, and an IPv6 address is in
  /// brackets. No password: those do not belong where everybody sees the command line.
  /// std::invalid_argument with a sentence.
  [[nodiscard]] static mariadb_options from_url(std::string_view url);
};

/// What the server, or the way to it, said. -32603 unless the work makes something else of it.
class mariadb_error : public rpc_error {
 public:
  mariadb_error(unsigned number, const std::string& text)
      : rpc_error(code::internal_error, "The database: " + text), number_(number) {}
  /// The server's or libmariadb's, 1062 for a duplicate key; 0 where no answer came in time.
  [[nodiscard]] unsigned number() const noexcept { return number_; }

 private:
  unsigned number_;
};

using mariadb_row = std::vector<std::optional<std::string>>;
using mariadb_value = std::variant<std::nullptr_t, std::int64_t, double, std::string_view>;

namespace detail {
class mariadb_attempts;
class mariadb_connection;
}  // namespace detail

/// One connection, lent to one call. Its session: READ-COMMITTED, a strict sql_mode, UTC, utf8mb4;
/// the server ends a transaction that is idle for 2 s.
class mariadb_session final : public once_database {
 public:
  ~mariadb_session() override;
  mariadb_session(const mariadb_session&) = delete;
  mariadb_session& operator=(const mariadb_session&) = delete;

  /// One statement; each `?` in it is the next value, quoted. Its rows. Throws mariadb_error. After
  /// an error that ended the transaction (a deadlock, a lost connection) every further statement
  /// throws, too: nothing is written outside of the transaction.
  std::vector<mariadb_row> run(std::string_view sql,
                               std::initializer_list<mariadb_value> values = {});
  /// Of the last statement: rows that it changed, and its AUTO_INCREMENT.
  [[nodiscard]] std::uint64_t rows_changed() const;
  [[nodiscard]] std::int64_t last_id() const;

  // How once() drives it.
  [[nodiscard]] started start(const std::string& ticket,
                              std::chrono::system_clock::time_point now) override;
  void store_reply(const std::string& ticket, const std::string& reply) override;
  [[nodiscard]] commit_end commit() override;
  void roll_back() noexcept override;
  std::size_t purge(std::chrono::system_clock::time_point before, std::size_t rows_max) override;

 private:
  friend class detail::mariadb_attempts;
  friend class once_mariadb;

  /// What befell the transaction that is not of the work's making.
  enum class fate : std::uint8_t {
    fine,
    lost,      ///< the connection, before the commit was sent; or the server does not write now
    deadlock,  ///< rolled back: the server asks to begin again
    locked,    ///< a lock was waited for too long
    ended,     ///< it is over: by the work itself
  };
  enum class durability : std::uint8_t {
    replica,  ///< provably
    local,    ///< commits wait for no replica
    promised  ///< they do, and yet no replica provably has this one
  };
  /// What the server says of acknowledgements, at one instant.
  struct standing {
    bool on = false;             ///< commits wait for a replica
    std::string unacknowledged;  ///< how many commits, and the switch as the server names it
    std::string server;
    bool operator==(const standing&) const = default;
  };

  explicit mariadb_session(const mariadb_options& options);
  void connect();
  void begin_reading();
  void judge();
  [[noreturn]] void fail() const;
  [[nodiscard]] bool create_tables();
  [[nodiscard]] std::optional<standing> read_standing() const;
  [[nodiscard]] std::optional<standing> standing_now();
  [[nodiscard]] durability prove(const standing& before);
  [[nodiscard]] durability prove_anew(const std::string& server);

  const mariadb_options& options_;
  std::unique_ptr<detail::mariadb_connection> connection_;
  std::chrono::steady_clock::time_point deadline_{};
  fate fate_ = fate::fine;
  bool work_began_ = false;
  bool unanswered_ = false;  ///< the commit was sent
  bool found_ = false;       ///< it is a repeat
  standing before_;
  durability durability_ = durability::local;
};

/// Counts since the start.
struct mariadb_counts {
  std::uint64_t commits = 0;   ///< with those that are repeats
  std::uint64_t local = 0;     ///< of these: no replica provably has them
  std::uint64_t repeated = 0;  ///< runs of the work beyond the first of a call
  std::uint64_t unknown = 0;   ///< commits that were not answered
};

/// Connections to one database, for calls of many threads. What is lost is connected anew.
///
///   std::int64_t place(const context& about, const order& wanted) {
///     return understudy::once(about, database_, [&](understudy::mariadb_session& in) {
///       in.run("INSERT INTO orders (ref, cents) VALUES (?, ?)", {wanted.ref, wanted.cents});
///       return in.last_id();
///     });
///   }
///
/// Thread-safe. Calls block, for `call_max` at most: use it in methods that are no coroutines. It
/// outlives its calls.
class once_mariadb {
 public:
  /// Connects to nothing yet.
  explicit once_mariadb(mariadb_options options);
  ~once_mariadb();
  once_mariadb(const once_mariadb&) = delete;
  once_mariadb& operator=(const once_mariadb&) = delete;

  /// Runs `work` in a transaction that can only read. Tried again where the connection is lost.
  /// rpc_error -32003: the database was not to be had in time.
  template <std::invocable<mariadb_session&> F>
  std::invoke_result_t<F, mariadb_session&> read(F&& work);
  /// Runs statements that commit by themselves (CREATE TABLE IF NOT EXISTS ..), and again from the
  /// first one where the connection is lost. Makes once()'s own tables before them, which are
  /// otherwise made when they are first found to be missing.
  void create_tables(const std::vector<std::string>& statements = {});

  [[nodiscard]] mariadb_counts counts() const;

 private:
  friend class detail::mariadb_attempts;
  struct state;
  std::unique_ptr<state> state_;
};

namespace detail {

/// One call: its deadline, the connection that it has now, and whether it is tried again.
class mariadb_attempts {
 public:
  mariadb_attempts(once_mariadb& pool, std::string ticket);
  ~mariadb_attempts();
  mariadb_attempts(const mariadb_attempts&) = delete;
  mariadb_attempts& operator=(const mariadb_attempts&) = delete;

  /// A connection that is open. Throws what failed() is for.
  mariadb_session& next();
  mariadb_session& next_to_read();
  /// In a handler of what the try threw. Returns where there is to be another one.
  void failed();
  /// It is committed, or was before. Throws where no replica has it, and one must.
  void committed();
  /// It was no call, and nothing is to be committed.
  void was_read();

 private:
  void give_back();
  void forget_old_calls();

  once_mariadb::state& pool_;
  std::string ticket_;
  std::chrono::steady_clock::time_point deadline_;
  std::unique_ptr<mariadb_session> session_;
  int tries_ = 0;
  int runs_ = 0;  ///< of the work
  bool done_ = false;
};

}  // namespace detail

/// once() in once.hpp, with the connection as the work's parameter. The work is run again, on a
/// connection of its own, where its transaction can not have had an effect: after a deadlock, and
/// where the connection was lost before the commit was sent. So it writes to nothing else, and what
/// it changes in memory it may change again.
///
/// rpc_error -32014, or -32003 for a direct call: a lock was not to be had in time; -32003: nor was
/// the database; nothing was done. -32001: the commit was sent, and not answered in time: the next
/// attempt of a stored call finds out. -32603: the database refused something; nothing was done.
template <std::invocable<mariadb_session&> F>
std::invoke_result_t<F, mariadb_session&> once(const context& about, once_mariadb& database,
                                               F&& work) {
  using result = std::invoke_result_t<F, mariadb_session&>;
  detail::mariadb_attempts attempts(database, about.call());
  for (;;) {
    try {
      mariadb_session& session = attempts.next();
      const auto run = [&]() -> result { return work(session); };
      if constexpr (std::is_void_v<result>) {
        once(about, session, run);
        attempts.committed();
        return;
      } else {
        auto value = once(about, session, run);
        attempts.committed();
        return value;
      }
    } catch (...) {
      attempts.failed();
    }
  }
}

template <std::invocable<mariadb_session&> F>
std::invoke_result_t<F, mariadb_session&> once_mariadb::read(F&& work) {
  static_assert(!std::is_void_v<std::invoke_result_t<F, mariadb_session&>>, "it reads nothing");
  detail::mariadb_attempts attempts(*this, "");
  for (;;) {
    try {
      auto value = work(attempts.next_to_read());
      attempts.was_read();
      return value;
    } catch (...) {
      attempts.failed();
    }
  }
}

}  // namespace understudy
