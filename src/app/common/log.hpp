// The log: every event as one JSON line on standard error.
#pragma once

#include <memory>

#include "app/common/event_log.hpp"

namespace understudy::app {

/// Any thread. Writing never blocks: a thread of its own writes the lines, at most `lines_max`
/// wait for it, and where a reader is slower than that the oldest are dropped, which the next
/// line says. The destructor writes what still waits.
class json_log {
 public:
  static constexpr std::size_t lines_max = 8192;

  json_log();
  ~json_log();
  json_log(const json_log&) = delete;
  json_log& operator=(const json_log&) = delete;

  void write(const event& e);

 private:
  struct state;
  std::unique_ptr<state> state_;
};

}  // namespace understudy::app
