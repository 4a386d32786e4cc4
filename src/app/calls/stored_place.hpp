// A service as the store names it: of the shared address, or of a pool's own.
#pragma once

#include <string>
#include <string_view>

namespace understudy::app {

struct place {
  std::string_view only;  ///< the pool; empty: the shared address
  std::string_view service;
};

/// "OrderInterface", or "pool/OrderInterface": no PHP class has a "/".
[[nodiscard]] inline std::string stored_service(std::string_view only, std::string_view service) {
  std::string name(only);
  if (!only.empty()) name += '/';
  name += service;
  return name;
}

[[nodiscard]] inline place place_of(std::string_view stored) {
  const auto slash = stored.find('/');
  if (slash == std::string_view::npos) return {{}, stored};
  return {stored.substr(0, slash), stored.substr(slash + 1)};
}

}  // namespace understudy::app
