// The version that --version, /status.json and the documentation name.
#pragma once

#include <string_view>

namespace understudy::app {

inline constexpr std::string_view version = "0.1.0";

}  // namespace understudy::app
