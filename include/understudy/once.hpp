// `once`: a stored call takes effect once, however often it is attempted and whatever dies when.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

#include "understudy/context.hpp"
#include "understudy/detail/method.hpp"
#include "understudy/error.hpp"
#include "understudy/json.hpp"

namespace understudy {

/// How long the table understudy_once remembers a call. No gateway attempts an older one.
inline constexpr std::chrono::hours once_kept{24 * 30};
/// Of a stored call's id, in bytes: the table's primary key.
inline constexpr std::size_t once_ticket_max = 40;

/// One connection to the database that a handler writes to, with the table
/// `understudy_once(ticket PRIMARY KEY, done_ms, reply)`, as once() drives it: start(), then
/// store_reply() and commit(), or roll_back(). The handler's own statements go through the same
/// connection. One thread at a time. What the database refuses is thrown as rpc_error -32603.
class once_database {
 public:
  enum class start_kind : std::uint8_t {
    fresh,   ///< a transaction is open, and the ticket inserted in it
    repeat,  ///< committed before; no transaction is open
    busy,    ///< another transaction is at it, or at the whole database; none is open here
  };
  struct started {
    start_kind what = start_kind::fresh;
    std::optional<std::string> reply;  ///< of a repeat; none: whoever wrote the row stored none
  };
  enum class commit_end : std::uint8_t {
    committed,
    refused,  ///< certainly not committed; roll_back() comes next
    unknown,  ///< an I/O error, or the connection ended: it may be committed. roll_back() comes
              ///< next
  };

  virtual ~once_database() = default;

  /// Begins a transaction whose first statement inserts the ticket, so that a concurrent attempt of
  /// the same call waits here, or finds the row, and does no work. The wait is bounded. An empty
  /// ticket: begins a transaction and inserts nothing. Where it throws no transaction is open.
  [[nodiscard]] virtual started start(const std::string& ticket,
                                      std::chrono::system_clock::time_point now) = 0;
  /// Into the ticket's row. Throws where that is gone: somebody rolled back.
  virtual void store_reply(const std::string& ticket, const std::string& reply) = 0;
  /// Throws where the work is to blame: a constraint that is checked last.
  [[nodiscard]] virtual commit_end commit() = 0;
  /// Leaves no transaction open, also where the database has ended it by itself.
  virtual void roll_back() noexcept = 0;
  /// Deletes up to `rows_max` rows that are older, the oldest first, in a transaction of its own.
  /// How many; 0 also where the database is busy.
  virtual std::size_t purge(std::chrono::system_clock::time_point before, std::size_t rows_max) = 0;
};

namespace detail {

/// Runs `work`, which returns its reply as JSON text, in a transaction. The reply of a call that
/// took effect before, or none: `work` has run, and is committed. An empty ticket is a direct call.
[[nodiscard]] std::optional<std::string> run_once(const std::string& ticket,
                                                  once_database& database,
                                                  const std::function<std::string()>& work);
/// rpc_error -32603.
[[noreturn]] void refuse_reply(const std::string& ticket, const std::string& why);

template <typename T>
T read_reply(const std::string& ticket, const std::string& text) {
  T value{};
  json_problem problem;
  if (!read_text(text, value, problem)) refuse_reply(ticket, problem.text());
  return value;
}

}  // namespace detail

/// Runs `work` in one transaction with a row that says that this call has taken effect, and what
/// it replied. An attempt that finds the row does not run `work`; it returns the stored reply.
///
///   std::int64_t place(const context& about, const order& wanted) {
///     return understudy::once(about, database_, [&] { return insert(wanted); });
///   }
///
/// `work` writes through the connection behind `database`, and neither commits nor rolls back. All
/// else that it does (other databases, files, mails) happens once for each attempt that gets so
/// far: give those the call's id. It returns nothing, or what JSON can say (understudy/json.hpp).
/// A direct call has no id: `work` runs in a transaction, and no row is written.
///
/// What `work` throws is passed on, after a rollback: nothing of it is recorded or written.
/// rpc_error -32014: another attempt is at work, or the database's lock was not to be had in time;
/// nothing was done. -32003: the same for a direct call. -32001: the commit failed so that nobody
/// knows whether it took effect; on SQLite trust the file no more after that, and end the process.
/// -32603: the database failed; nothing was done.
template <std::invocable F>
std::invoke_result_t<F> once(const context& about, once_database& database, F&& work) {
  using result = std::invoke_result_t<F>;
  const std::string ticket = about.call();
  if constexpr (std::is_void_v<result>) {
    (void)detail::run_once(ticket, database, [&]() -> std::string {
      work();
      return "null";
    });
  } else {
    static_assert(!detail::is_task<result>, "no other call may come between: await nothing inside");
    static_assert(!detail::is_file<result>, "a file is no JSON, and cannot be stored");
    static_assert(std::is_same_v<result, std::decay_t<result>>, "a repeat has only a value");
    std::optional<result> value;
    const auto stored = detail::run_once(ticket, database, [&] {
      value.emplace(work());
      return to_json_text(*value);
    });
    if (stored) return detail::read_reply<result>(ticket, *stored);
    return std::move(*value);
  }
}

/// Forgets calls that are older than `once_kept`, at most `rows_max` of them: for now and then, and
/// again at once while it returns `rows_max`. How many. As once(), one thread at a time.
std::size_t purge_once(once_database& database, std::size_t rows_max = 1000);

}  // namespace understudy
