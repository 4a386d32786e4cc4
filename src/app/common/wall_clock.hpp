// The time by which stored calls are kept.
#pragma once

#include <chrono>

#include "core/stored_call.hpp"

namespace understudy::app {

[[nodiscard]] inline core::wall_time wall_now() {
  return std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
}

}  // namespace understudy::app
