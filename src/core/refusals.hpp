// Records of calls that were refused or not repeated, few enough to be read.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/types.hpp"

namespace understudy::core {

/// Why a call ended without an answer although its server was not asked, or not asked again.
enum class refusal : std::uint8_t {
  no_server,       ///< none configured, all drained, or none usable before the deadline
  parked_full,     ///< parked_max calls wait already
  deadline,        ///< it passed before anything was sent
  not_idempotent,  ///< it may have run
  killer,          ///< it has cost lost_max connections: the call is to blame, not the servers
  attempts,        ///< attempts_max
  budget,          ///< the pool's retry budget is spent
  alone,           ///< no other server could take it
  crowded,         ///< no connection could be spared for it
  overloaded,      ///< every server has as many attempts as it can take
};
inline constexpr std::size_t refusal_count = 10;

/// At most one record a second for each reason, with the number of calls since the last one and
/// the method of the newest.
class refusals {
 public:
  explicit refusals(std::string subject) : subject_(std::move(subject)) {}

  void note(refusal why, std::string_view method);
  /// Appends what may be told now.
  void collect(time_point now, std::vector<record>& out);
  /// When collect() will have something to tell; the past if it has already.
  [[nodiscard]] std::optional<time_point> next_deadline() const;

 private:
  struct count {
    unsigned calls = 0;
    std::string method;
    time_point quiet_until{};
  };

  std::string subject_;
  std::array<count, refusal_count> counts_;
  std::size_t untold_ = 0;  ///< reasons with calls that were not told yet
};

}  // namespace understudy::core
