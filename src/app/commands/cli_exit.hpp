// The exit codes of every command, and the one way to say why.
#pragma once

#include <string_view>

namespace understudy::app {

inline constexpr int exit_done = 0;
inline constexpr int exit_failed = 1;  ///< a promise or check failed; a service answered an error
inline constexpr int exit_usage = 2;   ///< wrong usage or configuration; cannot start
inline constexpr int exit_unreached = 3;
inline constexpr int exit_refused = 4;  ///< the other side refused, and said why
inline constexpr int exit_unknown = 5;  ///< it may have run, or not

/// Prints `understudy: SENTENCE` on standard error and returns `code`.
int complain(int code, std::string_view sentence);

}  // namespace understudy::app
