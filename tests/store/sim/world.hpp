// A world of stored calls: callers, servers, operators, a gateway, and what befalls them. The same
// seed makes the same history.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "store/sim/gateway.hpp"

namespace understudy::store::sim {

struct plan {
  std::uint64_t seed = 1;
  gateway_plan gateway;
  engine_plan store;
  std::vector<service_plan> services;
  std::uint64_t calls = 80;
  duration trouble{60'000};  ///< then everything heals
};

/// All sorts of services, limits and clocks.
[[nodiscard]] plan random_plan(std::uint64_t seed);

class world {
 public:
  explicit world(const plan& p);
  /// Trouble first, then none, until all that lives has ended. Stops at the first broken rule.
  void run();

  /// What was broken, a sentence each, which begins with the rule's name.
  [[nodiscard]] const std::vector<std::string>& wrong() const { return book_.wrong(); }
  [[nodiscard]] const ledger& book() const { return book_; }
  [[nodiscard]] const gateway& owner() const { return gateway_; }
  [[nodiscard]] std::uint64_t hash() const { return time_.hash(); }
  [[nodiscard]] duration lasted() const { return time_.now(); }

 private:
  struct caller {
    new_call call;
    duration wait{};
    unsigned tries = 0;
    bool repeats_later = false;
  };
  using caller_ptr = std::shared_ptr<caller>;

  void plan_callers();
  [[nodiscard]] new_call draw_call(std::uint64_t number);
  void ask(const caller_ptr& who);
  void hear(const caller_ptr& who, const heard& what);
  void judge_answer(const call_ending& end);

  void often(duration most, std::function<void()> what);
  void plan_faults();
  void operate();
  void kill_somehow();
  void server_dies();

  void heal();
  void tidy_up();
  [[nodiscard]] bool any_live() const;
  [[nodiscard]] duration longest_end() const;

  plan plan_;
  loop time_;
  ledger book_;
  engine engine_;
  gateway::pools pools_;
  gateway gateway_;
  bool healed_ = false;
  bool nobody_asks_ = false;
};

}  // namespace understudy::store::sim
