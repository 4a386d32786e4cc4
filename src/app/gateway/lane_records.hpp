// Records of several lanes as one story: what one lane has just told, the others need not repeat.
#pragma once

#include <deque>
#include <map>
#include <string>

#include "core/types.hpp"

namespace understudy::app {

/// Each lane judges servers by itself, and hears of the others' verdicts: a crash makes the same
/// record on every lane within milliseconds. An operator wants to read it once. One owner thread;
/// takes the time as an argument; remembers what was told within `window`, no more.
class lane_records {
 public:
  static constexpr core::duration window = std::chrono::seconds{1};

  /// Whether another lane told the same kind of the same subject within `window`; if not, it is
  /// told now. What a lane says of its own calls is never a repetition: it counts them.
  [[nodiscard]] bool repeated(core::time_point now, unsigned lane, const core::record& record);

 private:
  struct told {
    core::time_point at{};
    unsigned lane = 0;
  };
  using key = std::pair<std::string, std::string>;  ///< kind, subject

  std::map<key, told> told_;
  std::deque<std::pair<core::time_point, key>> order_;
};

}  // namespace understudy::app
