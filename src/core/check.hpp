// The assert for our own bugs: it stays on in release builds.
#pragma once

namespace understudy::core {

/// Prints the expression and its place to standard error, then aborts: the service manager
/// restarts us.
[[noreturn]] void check_failed(const char* expression, const char* file, int line);

}  // namespace understudy::core

/// Only for what no peer, disk or network can cause.
#define UNDERSTUDY_CHECK(expression) \
  ((expression) ? void() : ::understudy::core::check_failed(#expression, __FILE__, __LINE__))
