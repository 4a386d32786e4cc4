// The real pool and the real calls, as a contender: what the shell does, in simulated time.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <unordered_map>

#include "core/call.hpp"
#include "core/peers_world.hpp"
#include "core/pool.hpp"

namespace understudy::core::peers {

class ours : public contender {
 public:
  ours(world& stage, std::uint64_t seed);
  void begin(std::size_t call) override;
  void attempt_ended(std::size_t attempt, outcome how, bool rude) override;
  void caller_gone(std::size_t call) override;
  void probe_ended(std::size_t server, outcome how, duration took) override;
  void idle_connection_lost(std::size_t server) override;
  void woken(const token& what) override;
  [[nodiscard]] unsigned ejections() const override { return ejections_; }

 private:
  struct flight {
    std::size_t call = 0;
    std::optional<attempt_id> apart{};  ///< a canary, or its call has been answered
  };

  void carry_out(std::size_t call, const call_step& step);
  void start(std::size_t call, server_id server, std::optional<attempt_id> apart);
  void look_later(std::size_t call);
  void answered(std::size_t call, server_id server, bool rude);
  void finish(std::size_t call, bool good);
  void wake_parked();
  void take_turn(pending_id turn);
  void settle();

  world& world_;
  pool pool_;
  server_id ids_[2];
  std::map<std::size_t, std::unique_ptr<core::call>> lives_;
  std::unordered_map<std::size_t, flight> flights_;  ///< by attempt
  std::map<std::size_t, std::uint64_t> parked_;      ///< call -> ticket of its next look
  std::map<pending_id, std::size_t> turns_;
  std::uint64_t tickets_ = 0;
  std::uint64_t timer_ticket_ = 0;
  std::optional<time_point> timer_at_;
  unsigned ejections_ = 0;
};

}  // namespace understudy::core::peers
