// One server of a pool: what is believed of it, and when it is looked at next.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>

#include "core/detector.hpp"
#include "core/limiter.hpp"
#include "core/member_slot.hpp"
#include "core/pool.hpp"

namespace understudy::core {

/// What a pick reads comes first, in one cache line: with 10,000 servers each line is a miss.
struct alignas(64) server {
  server_id id{};
  member_slot slot = no_slot;  ///< in the balancer of its tier
  core::tier* tier = nullptr;  ///< of its priority
  unsigned in_flight = 0;      ///< of these the late ones hold no place any more
  unsigned granted = 0;        ///< places kept for calls that were told to come
  server_state state = server_state::up;
  bool removed = false;  ///< kept only until its attempts and its probe have ended
  bool proven = false;   ///< a probe or a call was answered since it was added
  limiter load{};

  // Then what the end of an attempt reads.
  time_point trusted_since{};           ///< what began before says nothing of how it is now
  time_point left = time_point::min();  ///< when it went down last
  time_point heard{};                   ///< the newest answer of any kind
  detector health;
  std::uint64_t attempts = 0;
  std::uint64_t failures = 0;

  server_options options;
  time_point since{};  ///< of `state`
  bool probe_out = false;
  time_point probe_due{};  ///< while none is out
  time_point probe_started{};
  std::optional<time_point> unheard_since{};  ///< an attempt begun then is late, nothing came
  time_point doubted{};                       ///< the newest evidence against it
  bool doubt_told = false;                    ///< the present suspicion made a record
  unsigned doubts_untold = 0;                 ///< suspicions since the last one that did
  time_point doubt_quiet_until{};

  // While returning:
  bool waived = false;                    ///< an operator resumed it: no hold-down
  time_point held_until{};                ///< time_point::max() = until an operator resumes it
  std::optional<time_point> ramp_from{};  ///< its share grows from here; nothing = held down
  duration ramp{};                        ///< for so long

  std::optional<time_point> planned{};  ///< when the roster looks at it next

  [[nodiscard]] bool has_place() const { return load.in_flight() + granted < load.limit(); }
  [[nodiscard]] bool in_service() const { return !removed && state != server_state::drained; }
  /// Could take a call, if only as the last resort.
  [[nodiscard]] bool usable() const { return in_service() && state != server_state::down; }
  [[nodiscard]] bool is_up() const { return !removed && state == server_state::up; }

  /// The share of its calls it gets, 0 to 1.
  [[nodiscard]] double share(time_point now) const {
    if (removed) return 0.0;
    if (state == server_state::up || state == server_state::suspect) return 1.0;
    if (state != server_state::returning || !ramp_from || now <= *ramp_from) return 0.0;
    if (now - *ramp_from >= ramp) return 1.0;
    return std::chrono::duration<double>(now - *ramp_from) / std::chrono::duration<double>(ramp);
  }
};

}  // namespace understudy::core
