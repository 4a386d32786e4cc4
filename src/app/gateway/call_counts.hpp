// What became of calls, counted.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "app/gateway/router.hpp"

namespace understudy::app {

/// One thread: each lane has its own, which are added up when they are read. No name in it is one
/// that a caller chose: a call to no known pool counts under pool "".
class call_counts {
 public:
  /// Upper bounds of the buckets, in seconds: from far below a LAN round trip to the default
  /// deadline of a direct call. A last bucket is without a bound.
  static constexpr std::array seconds_max = {0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005,
                                             0.01,   0.025,   0.05,   0.1,   0.25,   0.5,
                                             1.0,    2.5,     5.0,    10.0,  30.0,   60.0};

  struct pool {
    std::map<std::string_view, std::uint64_t> outcomes;  ///< keys are literals
    std::array<std::uint64_t, seconds_max.size() + 1> took{};
    double seconds = 0;  ///< all together
    std::uint64_t attempts = 0;
  };

  void add(const call_report& report);
  void add(const call_counts& other);
  [[nodiscard]] const std::map<std::string, pool, std::less<>>& pools() const { return pools_; }

 private:
  std::map<std::string, pool, std::less<>> pools_;
};

}  // namespace understudy::app
