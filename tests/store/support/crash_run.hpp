// A store under random work on a disk that loses its power, and what must hold after it.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "store/sqlite/sqlite_calls.hpp"
#include "store/support/calls.hpp"
#include "store/support/memory_disk.hpp"

namespace understudy::store {

/// Works on a store in memory, cuts the power at a random I/O, and finds what was lost. What it
/// remembers is only what a commit confirmed; what was in a transaction at the cut may be or not.
class crash_run {
 public:
  explicit crash_run(std::uint64_t seed);

  /// From now on the disk says that it has synced, and does not.
  void lie() { disk_.lie(); }
  /// Works until the power fails, opens what is left, and checks it.
  void round();
  /// All calls that are not over end, if there are enough places and time.
  void drain();

  /// What was wrong, a sentence each.
  [[nodiscard]] const std::vector<std::string>& wrong() const { return wrong_; }
  [[nodiscard]] std::uint64_t accepted() const { return known_.size(); }

 private:
  struct known_call {
    new_call call;
    std::optional<call_ending> ended;
    wall_time finished{};
    int attempts_told = 0;  ///< so many at least must have been counted
  };
  /// What a transaction did: it becomes known when its commit has returned.
  struct pending {
    std::map<call_id, new_call> accepted;
    std::set<call_id> touched;  ///< retried, purged or put off: what was known may not hold
    std::set<call_id> purged;
    std::map<call_id, int> reported;  ///< 1: put off, which is not counted
  };

  bool open();
  void work();
  void some_accept(pending& now);
  void some_report(pending& now);
  void some_command(pending& now);
  void learn(const pending& did, sqlite::told what);
  void learn_end(call_ending ending);
  void check();
  void check_known();
  void say(std::string sentence) { wrong_.push_back(std::move(sentence)); }
  std::uint64_t below(std::uint64_t most) { return dice_.next() % most; }

  core::dice dice_;
  memory_disk disk_;
  sqlite::calls_options options_;
  wall_time now_ = start_time;
  std::unique_ptr<sqlite::sqlite_calls> calls_;
  std::map<call_id, known_call> known_;
  std::map<call_id, claimed_call> running_;
  std::vector<claimed_call> stale_;  ///< claims of before the last cut
  std::map<std::string, call_id> keys_;
  pending in_flight_;
  int calls_made_ = 0;
  std::vector<std::string> wrong_;
};

}  // namespace understudy::store
