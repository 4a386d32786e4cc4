// An assert that stays on in release: what it finds is our own bug, so the process ends.
#pragma once

#include <cstdio>
#include <cstdlib>

namespace understudy::wire::detail {

[[noreturn]] inline void ensure_failed(const char* expression, const char* file, int line) {
  std::fprintf(stderr, "%s:%d: broken promise: %s\n", file, line, expression);
  std::abort();
}

}  // namespace understudy::wire::detail

#define UNDERSTUDY_WIRE_ENSURE(expression) \
  ((expression) ? void()                   \
                : ::understudy::wire::detail::ensure_failed(#expression, __FILE__, __LINE__))
