// The call store on SQLite, as the gateway uses it.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "store/call_store.hpp"
#include "store/sqlite/file_lock.hpp"
#include "store/sqlite/read_lane.hpp"
#include "store/sqlite/sqlite_calls.hpp"

namespace understudy::store {

struct sqlite_options {
  sqlite::calls_options calls;
  /// Calls are refused while less of the disk is free than both say: what was accepted must be
  /// able to end.
  double disk_free_share = 0.10;
  std::uint64_t disk_free_bytes = 4ULL << 30U;
  /// Told a sentence when it is unknown whether a commit is durable, or the file can not be read.
  /// It should not return; if it does, the store answers nothing any more. Empty: writes the
  /// sentence to stderr and aborts.
  std::function<void(const std::string&)> fatal;
  /// Told, on a thread of the store, what SQLite's check of the file found after a start that
  /// followed an unclean end; nothing: it is sound.
  std::function<void(const std::vector<std::string>&)> checked;
};

/// One thread writes: whatever was asked for while one commit ran is in the next, so that many
/// calls share one fsync, and one alone waits for no other. Answers come on that thread, in the
/// order in which was asked; then the sink is told, claims first. list() and verify() are answered
/// on a thread of their own.
///
/// The destructor carries out and answers what was asked before it (the sink hears of it as well),
/// closes the file, and calls nothing afterwards.
class sqlite_store final : public call_store {
 public:
  /// Opens or makes the file. Throws std::runtime_error with a sentence: another process has it, it
  /// is of a newer version, or can not be read. The sink must live until the store is destroyed.
  sqlite_store(sqlite_options options, call_sink& sink);
  ~sqlite_store() override;
  sqlite_store(const sqlite_store&) = delete;
  sqlite_store& operator=(const sqlite_store&) = delete;

  [[nodiscard]] std::string tag() const override { return tag_; }
  void accept(new_call call, answer<acceptance> answered) override;
  [[nodiscard]] std::size_t accepting() const override { return accepting_; }
  void grant(std::size_t places) override;
  void report(attempt_report attempt, answer<bool> answered) override;
  void renew(std::vector<held_claim> claims) override;
  void pause(std::string service, bool paused, answer<bool> answered) override;
  void hold(std::string service, bool held) override;
  void limit(std::string service, std::size_t running_max) override;
  void cancel(call_id id, answer<std::optional<call_state>> answered) override;
  void retry(call_id id, bool as_new, answer<std::optional<call_id>> answered) override;
  void purge(call_id id, answer<bool> answered) override;
  void look(call_id id, answer<std::optional<call_view>> answered) override;
  void list(call_filter filter, answer<std::vector<call_view>> answered) override;
  void counts(answer<store_counts> answered) override;
  void verify(answer<std::vector<std::string>> answered) override;

 private:
  struct operation;
  template <typename Result, typename Do>
  struct operation_of;
  using batch = std::vector<std::unique_ptr<operation>>;

  template <typename Result, typename Do>
  void ask(Do what, answer<Result> answered, std::size_t bytes = 0);
  template <typename Do>
  void tell(Do what);
  void push(std::unique_ptr<operation> what);

  void run();
  void serve();
  [[nodiscard]] bool wait();
  [[nodiscard]] batch next_batch();
  void carry_out(batch& all);
  void answer_all(batch& all, sqlite::told what);
  void watch_disk();
  void check_file();

  sqlite_options options_;
  call_sink& sink_;
  std::optional<sqlite::file_lock> lock_;
  std::optional<sqlite::sqlite_calls> calls_;
  std::string tag_;
  std::atomic<std::size_t> accepting_ = 0;

  std::mutex mutex_;
  std::condition_variable changed_;
  batch asked_;
  bool stopping_ = false;

  // Of the writing thread.
  batch taken_;
  std::size_t taken_done_ = 0;
  std::chrono::steady_clock::time_point disk_seen_{};
  std::chrono::steady_clock::time_point last_commit_{};
  std::optional<wall_time> last_wall_;
  std::chrono::steady_clock::time_point last_steady_{};

  std::optional<sqlite::read_lane> reads_;
  std::thread thread_;
};

}  // namespace understudy::store
