// The connections, and when a call is tried again.
#include <algorithm>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>

#include "once_mariadb/connection.hpp"

namespace understudy {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

struct once_mariadb::state {
  explicit state(mariadb_options wanted) : options(std::move(wanted)) {}

  const mariadb_options options;

  std::mutex lock;
  std::condition_variable came_back;
  std::vector<std::unique_ptr<mariadb_session>> idle;  ///< the last to come goes first
  std::size_t lent = 0;
  steady_clock::time_point purge_due{};  ///< the first call finds it due
  mariadb_counts counts;
};

once_mariadb::once_mariadb(mariadb_options options)
    : state_(std::make_unique<state>(std::move(options))) {}

once_mariadb::~once_mariadb() = default;

mariadb_counts once_mariadb::counts() const {
  const std::lock_guard guard(state_->lock);
  return state_->counts;
}

void once_mariadb::create_tables(const std::vector<std::string>& statements) {
  detail::mariadb_attempts attempts(*this, "");
  for (;;) {
    try {
      mariadb_session& session = attempts.next();
      if (!session.create_tables()) {
        session.judge();
        session.fail();
      }
      for (const auto& each : statements) session.run(each);
      return attempts.was_read();
    } catch (...) {
      attempts.failed();
    }
  }
}

namespace detail {

mariadb_attempts::mariadb_attempts(once_mariadb& pool, std::string ticket)
    : pool_(*pool.state_),
      ticket_(std::move(ticket)),
      deadline_(steady_clock::now() + pool_.options.call_max) {}

mariadb_attempts::~mariadb_attempts() {
  give_back();
}

mariadb_session& mariadb_attempts::next() {
  ++tries_;
  if (session_ == nullptr) {
    std::unique_lock guard(pool_.lock);
    const auto is_one = [&] { return pool_.lent < pool_.options.connections_max; };
    if (!pool_.came_back.wait_until(guard, deadline_, is_one)) {
      throw rpc_error(code::overloaded, "All connections to the database are busy; retry later",
                      R"({"retry":true})");
    }
    ++pool_.lent;
    if (!pool_.idle.empty()) {
      session_ = std::move(pool_.idle.back());
      pool_.idle.pop_back();
    }
  }
  if (session_ == nullptr) session_.reset(new mariadb_session(pool_.options));
  session_->deadline_ = deadline_;
  session_->connect();
  return *session_;
}

mariadb_session& mariadb_attempts::next_to_read() {
  mariadb_session& session = next();
  session.begin_reading();
  return session;
}

void mariadb_attempts::give_back() {
  if (session_ == nullptr) return;
  {
    const std::lock_guard guard(pool_.lock);
    pool_.idle.push_back(std::move(session_));
    --pool_.lent;
  }
  pool_.came_back.notify_one();
}

// Whatever the work made of the error: where its transaction was lost, that is what happened.
void mariadb_attempts::failed() {
  using fate = mariadb_session::fate;
  if (session_ == nullptr || done_) throw;
  session_->roll_back();
  if (session_->unanswered_) {
    const std::lock_guard guard(pool_.lock);
    ++pool_.counts.unknown;
    throw;
  }
  const fate what = session_->fate_;
  if (what == fate::fine || what == fate::ended) throw;
  // A server that was promoted, or begins, takes a moment; a deadlock's other side is done by then.
  const milliseconds pause = milliseconds{what == fate::deadlock ? 1 : 50} * std::min(tries_, 10);
  if (session_->work_began_) ++runs_;
  const bool again = what != fate::locked && runs_ < pool_.options.runs_max &&
                     steady_clock::now() + pause < deadline_;
  if (again) {
    if (session_->work_began_) {
      const std::lock_guard guard(pool_.lock);
      ++pool_.counts.repeated;
    }
    std::this_thread::sleep_for(pause);
    return;
  }
  if (what == fate::lost) {
    throw rpc_error(code::overloaded,
                    "The database can not be written now (" + session_->connection_->text() +
                        "); nothing was done",
                    R"({"retry":true})");
  }
  if (ticket_.empty()) {
    throw rpc_error(code::overloaded, "The database is busy; retry later", R"({"retry":true})");
  }
  throw rpc_error(code::in_progress, "The call " + ticket_ + " met a lock for too long",
                  R"({"retry":true,"ticket":)" + to_json_text(ticket_) + "}");
}

void mariadb_attempts::committed() {
  using durability = mariadb_session::durability;
  done_ = true;
  const bool wanted = pool_.options.require_replica;
  if (session_->found_ && wanted) {
    const auto now = session_->standing_now();
    session_->durability_ = now ? session_->prove_anew(now->server) : durability::promised;
  }
  const auto proven = session_->durability_;
  {
    const std::lock_guard guard(pool_.lock);
    ++pool_.counts.commits;
    if (proven != durability::replica && !session_->found_) ++pool_.counts.local;
  }
  if (proven == durability::promised && pool_.options.on_local) pool_.options.on_local(ticket_);
  if (wanted && proven != durability::replica) {
    throw rpc_error(code::outcome_unknown,
                    "It is committed, but no replica provably has it: it may be lost",
                    ticket_.empty() ? R"({"retry":false})"
                                    : R"({"retry":false,"ticket":)" + to_json_text(ticket_) + "}");
  }
  forget_old_calls();
}

void mariadb_attempts::was_read() {
  done_ = true;
  session_->roll_back();
}

// The call has taken effect: nothing here may turn its answer into an error, or hold it up.
void mariadb_attempts::forget_old_calls() {
  constexpr std::chrono::hours every{1};
  constexpr std::size_t rows_max = 1000;
  constexpr milliseconds longest{500};
  const auto now = steady_clock::now();
  {
    const std::lock_guard guard(pool_.lock);
    if (now < pool_.purge_due) return;
    pool_.purge_due = now + every;
  }
  session_->deadline_ = std::min(deadline_, now + longest);
  try {
    const auto before = std::chrono::system_clock::now() - once_kept;
    if (session_->purge(before, rows_max) < rows_max) return;
    const std::lock_guard guard(pool_.lock);
    pool_.purge_due = now;
  } catch (const rpc_error&) {
    // In an hour again; what is wrong the next call says.
  }
}

}  // namespace detail
}  // namespace understudy
