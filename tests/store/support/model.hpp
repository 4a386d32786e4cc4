// What a call store does, said as simply as possible: in memory, one operation at a time.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "store/sqlite/sqlite_calls.hpp"
#include "store/support/calls.hpp"

namespace understudy::store {

/// It does not say which service has its turn: it judges claims rather than making them.
class model {
 public:
  struct call {
    new_call what;
    call_state state = call_state::waiting;
    unsigned attempts = 0;
    bool ran = false;
    bool cancelled = false;
    bool first = true;  ///< of its line
    bool ready = false;
    wall_time due{};  ///< not before it was accepted
    wall_time created{};
    wall_time deadline{};
    std::chrono::milliseconds lifetime{};  ///< as much again with each retry
    wall_time finished{};
    attempt_token token;
    wall_time lease_until{};
    dead_reason reason = dead_reason::none;
    bool error = false;
    std::string payload;
    std::string server;
  };

  explicit model(const sqlite::calls_options& options) : options_(options) {}

  /// What begin() does.
  void advance(wall_time now);
  /// A start after a crash.
  void restart(wall_time now);
  /// What is old is forgotten with each commit, but not at a start.
  void forget();
  /// What commit() does; `claimed` are judged: the sentence is what is wrong with them.
  [[nodiscard]] std::string commit(const std::vector<claimed_call>& claimed);

  void accepted(call_id id, const new_call& what);
  [[nodiscard]] std::optional<call_id> with_key(const new_call& what) const;
  void grant(std::size_t places) { places_ += places; }
  [[nodiscard]] bool report(const attempt_report& attempt);
  void pause(const std::string& service, bool paused) { paused_[service] = paused; }
  void hold(const std::string& service, bool held) { held_[service] = held; }
  void limit(const std::string& service, std::size_t most) { limits_[service] = most; }
  [[nodiscard]] std::optional<call_state> cancel(call_id id);
  /// `copy`: the id that the store gave the new one; nothing: not as a new one.
  [[nodiscard]] bool retry(call_id id, std::optional<call_id> copy);
  [[nodiscard]] bool purge(call_id id);

  [[nodiscard]] const std::map<call_id, call>& calls() const { return calls_; }
  [[nodiscard]] std::vector<call_id> ended() { return std::exchange(ended_, {}); }

 private:
  using line = std::pair<std::string, std::string>;

  void enqueue(call_id id, wall_time due);
  void join(call_id id);
  [[nodiscard]] bool in_line(call_id id) const;
  void leave(call_id id);
  void end(call_id id, const core::call_next& next);
  void after(call_id id, core::call_next next, bool may_have_run, const std::string& payload,
             const std::string& server, bool error);
  void lose(call_id id);
  [[nodiscard]] bool open(const std::string& service) const;
  [[nodiscard]] std::size_t running(const std::string& service) const;
  [[nodiscard]] bool better(call_id a, call_id b) const;
  [[nodiscard]] std::string judge(const claimed_call& claim);

  sqlite::calls_options options_;
  wall_time now_{};
  std::map<call_id, call> calls_;
  std::map<line, std::vector<call_id>> lines_;
  std::map<std::string, bool> paused_, held_;
  std::map<std::string, std::size_t> limits_;
  std::map<std::string, call_id> keys_;
  std::size_t places_ = 0;
  std::vector<call_id> ended_;
};

}  // namespace understudy::store
