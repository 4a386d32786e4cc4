// What an agent does with its node, by one thread, and what others hear of it meanwhile.
#pragma once

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "agent/words.hpp"
#include "core/types.hpp"
#include "db/agent_work.hpp"

namespace understudy::agent {

/// Owns the agent's work on one node. Its functions are for any thread.
///
/// One step runs at a time, on a thread of its own; another thread waits for the end of the
/// server's process, which is known within a millisecond, also beside a step. What has ended is
/// remembered until 32 others have.
class keeper {
 public:
  /// The versions are what it says of its programs.
  explicit keeper(db::agent_options options, const std::string& server_version = {},
                  const std::string& backup_version = {});
  /// stop().
  ~keeper();
  keeper(const keeper&) = delete;
  keeper& operator=(const keeper&) = delete;

  /// Blocks as long as it says, and no longer than wait_ms_max. Where too many wait already it does
  /// not wait.
  [[nodiscard]] look_said look(const look_words& said);
  /// Begins a step, or says how the one of this id is. It has failed at once where another one
  /// runs; but kill_server interrupts others, and runs as soon as they have ended.
  [[nodiscard]] work_said begin(const begin_words& said);
  [[nodiscard]] work_said work(const work_words& said);
  /// The copying of this node.
  [[nodiscard]] db::copy_source& copies() { return work_; }

  /// Interrupts what runs, and ends the threads. The server runs on. All who wait are answered.
  void stop();

 private:
  struct job;
  using job_ptr = std::shared_ptr<job>;

  void do_steps();
  void watch_process();
  void refresh();  // under the mutex, by who may use work_
  void tell(const db::agent_progress& now);
  static void end(job& what, db::agent_report report);
  [[nodiscard]] std::string objection(const job& to) const;
  [[nodiscard]] job_ptr find(const std::string& id) const;
  [[nodiscard]] work_said wait_for(const job_ptr& what, std::uint32_t wait_ms,
                                   std::unique_lock<std::mutex>& lock);
  template <typename Condition>
  void wait(std::unique_lock<std::mutex>& lock, std::uint32_t wait_ms, Condition so);
  void poke() const;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<job_ptr> jobs_;  ///< the last ones
  job_ptr now_;               ///< runs: then work_ is the step thread's, else who has the mutex
  job_ptr next_;
  look_said seen_;
  int watched_ = -1;  ///< a pidfd of the process that seen_ speaks of; -1: there is none
  unsigned waiting_ = 0;
  bool stopping_ = false;
  int poked_;
  db::agent_work work_;
  std::jthread eyes_;
  std::jthread hands_;
};

}  // namespace understudy::agent
