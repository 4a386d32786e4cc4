// The steps of a supervisor as SQL.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/cluster/step.hpp"
#include "db/look.hpp"
#include "db/members.hpp"

namespace understudy::db {

/// One step on a session that has begun with session_start(). Each call does it and says what went
/// wrong; node_session has the contract. All arguments outlive it.
class step_work {
 public:
  step_work(session& on, const members& all, core::node_id self, const interrupt* stop,
            core::generation gen, core::time_point deadline)
      : on_(on), all_(all), self_(self), stop_(stop), gen_(gen), deadline_(deadline) {}

  [[nodiscard]] fault operator()(const core::hold& what) const;
  [[nodiscard]] fault operator()(const core::revoke& what) const;
  [[nodiscard]] fault operator()(const core::promote& what) const;
  [[nodiscard]] fault operator()(const core::open& what) const;
  [[nodiscard]] fault operator()(const core::close& what) const;
  [[nodiscard]] fault operator()(const core::follow& what) const;
  [[nodiscard]] fault operator()(const core::wait_for_acks& what) const;
  [[nodiscard]] fault operator()(const core::cut& what) const;
  /// Of a replica: takes its primary anew, with the password of now. See node_session.
  [[nodiscard]] fault renew_receiver() const;
  template <typename Agents>
  [[nodiscard]] fault operator()(const Agents& /*what*/) const {
    return {trouble::answered, 0, "this is done by the agent"};
  }

 private:
  using texts = std::vector<std::string>;

  /// Guarded by the fence.
  [[nodiscard]] fault run(const texts& statements) const;
  /// Logged and so replicated; guarded by the fence that on_ holds.
  [[nodiscard]] fault write(const texts& statements) const;
  /// `receiving` stops; the SQL thread runs, where it can be started without a loss.
  [[nodiscard]] texts stop_receiving(const core::sight& now) const;
  /// Stops receiving, and waits until all that was received is applied.
  [[nodiscard]] fault drain(core::sight& now) const;
  [[nodiscard]] fault restart_receiver(const core::follow& to, const core::sight& now) const;
  [[nodiscard]] fault repoint(const core::follow& to, core::sight now) const;
  [[nodiscard]] fault become_replica(const core::follow& to, const core::sight& now) const;
  [[nodiscard]] std::string change_primary(const member& primary) const;
  /// Does these, which change the primary, and notes with which password.
  [[nodiscard]] fault run_and_note(const texts& statements) const;
  [[nodiscard]] look_result see() const { return look(on_, all_, deadline_); }

  session& on_;
  const members& all_;
  core::node_id self_;
  const interrupt* stop_;
  core::generation gen_;
  core::time_point deadline_;
};

}  // namespace understudy::db
