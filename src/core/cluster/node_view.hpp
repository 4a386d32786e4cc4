// What a supervisor knows of one node, and since when.
#pragma once

#include <optional>

#include "core/cluster/step.hpp"
#include "core/types.hpp"

namespace understudy::core {

/// Evidence, with its age. Not thread-safe; no clock: time is handed in.
class node_view {
 public:
  void saw(time_point now, const sight& what);
  void missed(time_point now, absence how);
  void heard(time_point now, process what);
  void told(time_point now, const step& what);
  /// The step that it was told has ended. A failed one is not repeated before a rest is over.
  void ended(time_point now, step_end how);
  /// What failed may be tried again at once.
  void forgive();
  /// Who looks was itself asleep: what it did not see meanwhile says nothing.
  void slept(time_point now);

  /// The last look, if it was answered.
  [[nodiscard]] const sight* seen() const { return present_ && seen_ ? &*seen_ : nullptr; }
  /// The same; only to be called where seen() is not null.
  [[nodiscard]] const sight& is() const { return *seen_; }
  [[nodiscard]] bool present() const { return seen() != nullptr; }
  /// Present, and nobody but this supervisor can have acted on it since: whatever was told by an
  /// earlier one is refused or over.
  [[nodiscard]] bool fenced(generation reign) const {
    return present() && seen_->mine && seen_->told >= reign;
  }
  [[nodiscard]] time_point seen_at() const { return seen_at_; }
  /// When its log was seen to grow, or to differ.
  [[nodiscard]] time_point wrote_at() const { return wrote_at_; }
  [[nodiscard]] duration absent_for(time_point now) const;
  [[nodiscard]] duration present_for(time_point now) const;
  [[nodiscard]] bool refused() const { return !present_ && how_absent_ == absence::refused; }
  /// Unknown when it has not been heard of lately.
  [[nodiscard]] process by_agent(time_point now) const;
  /// As a replica it has received neither an event nor a heartbeat for so long.
  [[nodiscard]] duration quiet_for(time_point now) const { return now - moved_at_; }

  [[nodiscard]] bool busy() const { return told_.has_value(); }
  [[nodiscard]] bool ready(time_point now) const { return !busy() && now >= rests_until_; }
  /// How often in a row a step of this kind has failed, as long as no other kind has.
  [[nodiscard]] unsigned failures(const step& kind) const {
    return kind.index() == last_kind_ ? failures_ : 0;
  }

 private:
  std::optional<sight> seen_;
  time_point seen_at_{};
  time_point wrote_at_{};
  bool present_ = false;
  absence how_absent_ = absence::silent;
  time_point since_{};  // present or absent
  time_point moved_at_{};
  time_point awake_at_{};  // who looks had slept until then
  process process_ = process::unknown;
  time_point heard_at_{};
  std::optional<step> told_;
  time_point rests_until_{};
  unsigned failures_ = 0;  // of one kind in a row
  unsigned in_vain_ = 0;   // of any
  std::size_t last_kind_ = 0;
};

}  // namespace understudy::core
