// How long a lease is certain to last. Pure.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "core/types.hpp"

namespace understudy::coord::etcd {

/// etcd counts a lease from when it hears of it, so it lasts at least as long from when we sent
/// that. A member that was paused may answer for a lease that is revoked: so leading also takes
/// that the key was seen as ours after that.
class lease_clock {
 public:
  /// Clocks may differ in speed, and who acts until the last moment is late.
  [[nodiscard]] static constexpr core::duration margin_of(core::duration ttl) { return ttl / 5; }

  /// The lease was granted, or kept alive, by an answer to what was sent then.
  void held(std::int64_t lease, std::chrono::seconds ttl, core::time_point sent);
  /// The key was seen, after held(), under this lease: ours; or another, or nothing.
  void key_under(std::optional<std::int64_t> lease);
  void lost();

  [[nodiscard]] std::int64_t lease() const { return lease_; }  ///< 0: none
  [[nodiscard]] core::duration ttl() const { return ttl_; }
  [[nodiscard]] core::time_point leading_until() const { return leading_until_; }

 private:
  std::int64_t lease_ = 0;
  core::duration ttl_{};
  core::time_point sent_{};
  core::time_point leading_until_{};
};

}  // namespace understudy::coord::etcd
