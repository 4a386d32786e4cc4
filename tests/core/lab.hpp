// A pool on a bench: named servers, time by hand, probes ended by hand, calls driven by a line of
// words. For tables of events and what must follow.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/call.hpp"
#include "core/pool.hpp"

namespace understudy::core {

class lab {
 public:
  /// `servers`: a letter and a priority each, "a0 b1".
  explicit lab(std::string_view servers, pool_options options = {}, std::uint64_t seed = 1);

  void add(char name, unsigned priority, double weight = 1.0, std::string zone = {});
  void update(char name, unsigned priority, double weight = 1.0, std::string zone = {});
  void pass(duration d);  ///< time; actions are taken at each deadline on the way
  /// Begins and ends one. Methods are idempotent, but "T@once".
  void attempt(char name, outcome how, duration took = {}, std::string_view with = "T@m",
               bool badly = false);
  attempt_id begin(char name, std::string_view with = "T@m");
  void end(attempt_id which, outcome how);
  void probe(char name, outcome how);  ///< waits until one is out, then ends it
  void idle_lost(char name);
  void drain(char name);
  void resume(char name);
  void remove(char name);
  void heard(char name);
  void heard_away(char name, std::string_view method = "T@m");

  [[nodiscard]] bool probing(char name) const { return probes_.contains(id(name)); }
  /// "-" = none, "+" = all that could take it are full.
  [[nodiscard]] char pick(std::string_view tried = "", std::optional<std::uint64_t> key = {});
  /// How many of `picks` go to `name`, in percent.
  [[nodiscard]] int percent(char name, int picks = 2000);
  /// "a up, b down"
  [[nodiscard]] std::string states() const;
  /// Kinds of the records since the last time: "server_down a, pool_empty".
  [[nodiscard]] std::string told();
  [[nodiscard]] bool woken();  ///< since the last time
  /// Verdicts since the last time: "a, b T@m".
  [[nodiscard]] std::string verdicts();
  /// Calls that were told to come since the last time.
  [[nodiscard]] std::vector<pending_id> turns();
  [[nodiscard]] server_status status(char name) const;

  /// "a" = an attempt there, "queue" = parked until a place is free, "-32001?" = may have run,
  /// "-32000!" = was not sent.
  [[nodiscard]] std::string word_for(const call_step& step) const;
  /// Starts a call and feeds it `words`; returns its steps: "a b park a ok".
  /// An outcome ends the current attempt; `wake` wakes; `stop` stops; `look` looks when it is
  /// time; `@a`: the next word is about the attempt on a; `crowded`: no connection for
  /// it; `late` lets the deadline pass first; `good:a`, `refused:a`, ... end a probe of a.
  std::string play(bool idempotent, std::string_view words, duration deadline);
  /// The same call goes on.
  std::string play_on(std::string_view words);
  [[nodiscard]] const give_up& answer() const { return answer_; }
  void end_call() { call_.reset(); }

  [[nodiscard]] server_id id(char name) const { return ids_.at(name); }
  [[nodiscard]] char name(server_id id) const;
  void settle();

  time_point now{};
  pool servers;
  std::vector<record> records;  ///< all of them

 private:
  std::string say(const call_step& step);

  std::map<char, server_id> ids_;
  std::map<server_id, time_point> probes_;
  std::unique_ptr<call> call_;
  server_id at_{};  ///< whose attempt the next word ends
  time_point deadline_{};
  give_up answer_;
  std::size_t told_ = 0;
  bool woken_ = false;
  std::vector<verdict> verdicts_;
  std::vector<pending_id> turns_;
};

}  // namespace understudy::core
