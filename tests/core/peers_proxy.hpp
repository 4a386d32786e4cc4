// A peer as a contender: its judge, its probes, and when it repeats a call.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/dice.hpp"
#include "core/peers_judges.hpp"
#include "core/peers_world.hpp"

namespace understudy::core::peers {

struct proxy_rules {
  unsigned tries_most = 2;       ///< attempts of one call
  bool other_server = true;      ///< a repeat never goes to a server that was tried
  bool repeats_sent = true;      ///< an idempotent call that was sent, and lost or timed out
  bool repeats_faults = true;    ///< an idempotent call that was answered with a fault
  bool blindly = false;          ///< other calls just so
  duration same_server_pause{};  ///< before the server that refused is tried again
  std::optional<duration> answer_timeout{};
  duration probe_interval{};  ///< 0: no probes
  duration probe_timeout{};
  probe_kind probe = probe_kind::request;
};

class proxy : public contender {
 public:
  proxy(world& stage, const proxy_rules& rules, std::unique_ptr<judge> health, std::uint64_t seed);
  void begin(std::size_t call) override;
  void attempt_ended(std::size_t attempt, outcome how, bool rude) override;
  void caller_gone(std::size_t call) override;
  void probe_ended(std::size_t server, outcome how, duration took) override;
  void idle_connection_lost(std::size_t) override {}
  void woken(const token& what) override;
  [[nodiscard]] unsigned ejections() const override { return judge_->ejections(); }

 private:
  struct request {
    bool tried[2] = {false, false};
    unsigned tries = 0;
  };
  [[nodiscard]] std::optional<std::size_t> pick(const request& r);
  [[nodiscard]] bool may_repeat(std::size_t call, outcome how) const;
  void attempt(std::size_t call, std::size_t server);
  void finish(std::size_t call, bool good);

  world& world_;
  proxy_rules rules_;
  std::unique_ptr<judge> judge_;
  std::unordered_map<std::size_t, request> requests_;
};

struct named_contender {
  std::string name;
  make_contender make;
};
/// All that are compared; ours is the last.
[[nodiscard]] const std::vector<named_contender>& contenders();

}  // namespace understudy::core::peers
