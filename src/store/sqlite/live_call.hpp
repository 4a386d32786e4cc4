// A call that is not over, as the schedule in memory and the table `live` have it.
#pragma once

#include <cstdint>

namespace understudy::store::sqlite {

/// Bits of `flags`.
namespace flag {
constexpr unsigned ran = 1;        ///< an attempt's outcome is unknown: it may have run
constexpr unsigned last = 2;       ///< there is a row in `last`
constexpr unsigned cancelled = 4;  ///< of a running one: it is not to be tried again
constexpr unsigned webhook = 8;    ///< there is a webhook to read
constexpr unsigned behind = 16;    ///< of a waiting one: another of its line is first
}  // namespace flag

struct live_call {
  std::int64_t id = 0;
  std::int64_t service = 0;
  std::int64_t rank = 0;
  std::int64_t due = 0;  ///< of a waiting one: when it may be tried; never before it was accepted
  std::int64_t deadline = 0;
  unsigned attempts = 0;
  unsigned flags = 0;
  std::int64_t line_seq = 0;  ///< its place in its line; 0: it has no order
  std::int64_t settled = 0;   ///< claims with smaller numbers in `claim` are over
  bool stored = false;        ///< it has a row in `live`
};

}  // namespace understudy::store::sqlite
