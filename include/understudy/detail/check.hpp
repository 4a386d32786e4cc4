// The assert for our own bugs: it stays on in release builds.
#pragma once

#include <cstdio>
#include <cstdlib>

namespace understudy::detail {

/// Prints the expression and its place to standard error, then aborts: the service manager
/// restarts us.
[[noreturn]] inline void check_failed(const char* expression, const char* file, int line) {
  std::fprintf(stderr, "%s:%d: check failed: %s\n", file, line, expression);
  std::abort();
}

}  // namespace understudy::detail

/// Only for what no peer, disk or network can cause.
#define UNDERSTUDY_CHECK(expression) \
  ((expression) ? void() : ::understudy::detail::check_failed(#expression, __FILE__, __LINE__))
