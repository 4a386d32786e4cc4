// The servers of one service: they answer, err, refuse, hang, lose connections, die and return.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "core/call_schedule.hpp"
#include "store/sim/ledger.hpp"
#include "store/sim/loop.hpp"

namespace understudy::store::sim {

/// Codes of simulated answers.
inline constexpr std::int64_t refused_for_good = 1001;  ///< whenever it is tried
inline constexpr std::int64_t refused_for_now = 1002;
inline constexpr std::int64_t retried_by_rule = 1003;

/// What a call is, by the second of its parameters.
enum class nature : char { good = 'g', refused = 'r', invalid = 'i' };

struct service_plan {
  std::string name;
  bool once = false;  ///< a call and the row that says so are one transaction
  std::size_t servers = 1;
  std::size_t limit = 0;
  core::retry_rule retry;
  core::on_unknown unknown = core::on_unknown::retry;
};

/// How an attempt ended, as the gateway's pools would say it.
struct outcome {
  core::attempt_end end;
  bool no_server = false;
  bool error = false;
  std::string payload;
};

class server_pool {
 public:
  server_pool(service_plan plan, loop& time, ledger& book);

  /// `answered` comes once, by `deadline` at the latest. `claimed`: when the claim was told.
  using answer = std::function<void(outcome)>;
  void attempt(const claimed_call& call, duration claimed, duration deadline, answer answered);
  [[nodiscard]] bool usable() const;
  [[nodiscard]] const service_plan& plan() const { return plan_; }

  void die(std::size_t server);
  void come_back(std::size_t server) { up_.at(server) = true; }
  /// No trouble from now on; what hangs may still wake up.
  void heal();

  static constexpr duration latest_effect{20'000};

 private:
  struct work {
    call_id call{};
    std::size_t server = 0;
    bool holds = false;  ///< what keeps another attempt from starting
    bool gone = false;
    bool answered = false;
    answer answer_to;
  };
  using work_ptr = std::shared_ptr<work>;
  enum class fate : std::uint8_t { fine, error, fault, lost_before, lost_after, lost_late, hangs };

  [[nodiscard]] fate draw();
  void run(const work_ptr& of, fate how);
  [[nodiscard]] bool known(const work_ptr& of);
  void tell(const work_ptr& of, outcome how);
  void tell_error(const work_ptr& of, core::attempt_fate how, std::int64_t code);
  void tell_unknown(const work_ptr& of);
  void effect(const work_ptr& of);
  void leave(const work_ptr& of);

  service_plan plan_;
  loop& time_;
  ledger& book_;
  bool trouble_ = true;
  std::vector<bool> up_;
  std::vector<work_ptr> works_;
  std::map<call_id, std::string> done_;  // the table of `once`
  std::set<call_id> at_work_;
  std::map<call_id, std::string> replies_;
};

}  // namespace understudy::store::sim
