// A gateway small enough to simulate: the store's thread and its commits, and a desk that carries
// what the store hands out as call_desk does. It may die at any instant.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "store/sim/engine.hpp"
#include "store/sim/ledger.hpp"
#include "store/sim/loop.hpp"
#include "store/sim/servers.hpp"

namespace understudy::store::sim {

struct gateway_plan {
  std::size_t places = 8;
  duration attempt_max{5000};
  double deaf = 0;  ///< share of webhook posts that fail
  std::size_t webhooks_at_a_time = 4;
};

/// What a caller hears.
struct heard {
  bool lost = false;  ///< the connection broke: nobody knows
  std::optional<acceptance> accepted;
  std::optional<call_ending> ended;
};

class gateway {
 public:
  using pools = std::map<std::string, std::unique_ptr<server_pool>>;
  gateway(gateway_plan plan, loop& time, ledger& book, engine& store, pools& servers);

  [[nodiscard]] bool up() const { return up_; }
  void start();
  /// kill -9, also as the end of its machine.
  void kill(bool power_cut);
  /// The same in the n-th call of the disk from now on.
  void die_in_disk(std::uint64_t calls, bool power_cut);
  /// Ends attempts that run, and then itself.
  void terminate();
  /// The desk does nothing for a while; the store's thread goes on.
  void stall(duration how_long) { stalled_until_ = time_.now() + how_long; }
  void heal();

  /// Once; `wait` is how long its caller waits for the end.
  void call(new_call call, duration wait, std::function<void(heard)> answered);
  void cancel(call_id id);
  void retry(call_id id, bool as_new);
  void purge(call_id id);
  void pause(const std::string& service, bool paused);
  void limit(const std::string& service, std::size_t most);
  /// A word of an attempt that has been reported, or of a process that is gone.
  void report_stale();

  /// Of pauses between attempts: how large a part of what was the most.
  [[nodiscard]] const std::vector<double>& pauses() const { return pauses_; }
  [[nodiscard]] std::uint64_t deaths() const { return deaths_; }

 private:
  struct operation {
    engine::step apply;
    std::function<void()> durable;  ///< tells the ledger
    std::function<void()> answer;
    std::function<void(ledger::doubt&)> doubt;
  };
  struct waiter {
    std::uint64_t number = 0;
    std::optional<acceptance> accepted;
    std::function<void(heard)> answered;
    bool left = false;
  };
  using waiter_ptr = std::shared_ptr<waiter>;
  using operations = std::vector<operation>;

  // The store's thread.
  void ask(operation what);
  void wake(duration in);
  void turn();
  void watch_clock();
  [[nodiscard]] std::optional<told> commit(operations& all);
  void answer(const std::shared_ptr<operations>& all, const std::shared_ptr<told>& what);
  void learn(const operations& all, const told& what, wall_time now);
  void crash(ledger::doubt in_doubt);
  void end_life();

  // The desk.
  void begin_desk();
  void in_life(duration in, std::function<void()> what);
  void carry(const claimed_call& call, duration claimed);
  void carry_to_webhook(const claimed_call& call);
  void finish(const claimed_call& call, const outcome& how);
  void judge_pause(const claimed_call& call, const core::retry_rule& rule, const outcome& how,
                   const core::call_next& next);
  void grant(std::size_t places);
  void hold(const std::string& service, bool held);
  void look_at_held();
  void report(const attempt_report& attempt);
  void leave(const waiter_ptr& who, heard what);

  gateway_plan plan_;
  loop& time_;
  ledger& book_;
  engine& store_;
  pools& servers_;

  bool up_ = false;
  bool cuts_power_ = false;  ///< when it dies in the disk
  bool draining_ = false;
  std::uint64_t life_ = 0;
  std::uint64_t deaths_ = 0;
  std::uint64_t wake_ = 0;
  std::uint64_t waiters_made_ = 0;
  bool flushing_ = false;
  operations asked_;
  duration clock_seen_{};
  duration refuses_since_{};

  std::size_t running_ = 0;
  duration stalled_until_{};
  std::set<std::string> held_;
  std::map<std::string, std::size_t> limits_;
  std::map<call_id, std::vector<waiter_ptr>> waiting_;
  std::map<std::uint64_t, waiter_ptr> all_waiters_;  ///< by number: in the order of their coming
  std::vector<attempt_report> stale_;
  std::vector<double> pauses_;
};

}  // namespace understudy::store::sim
