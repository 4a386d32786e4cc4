// The answer to `@action_interface`: which services a server has, and their methods.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace understudy::wire {

struct method_description {
  std::string name;
  std::string comment;      ///< the doc text; empty where there is none
  bool idempotent = false;  ///< the doc text says @idempotent
};

struct service_description {
  std::string name;
  std::string text;  ///< raw JSON of the service's methods, as received
  std::vector<method_description> methods;
};

/// Reads the `result` member of an answer to @action_interface (raw JSON). Nothing if it is not
/// an object of services.
[[nodiscard]] std::optional<std::vector<service_description>> parse_description(
    std::string_view result);

/// The `result` member that lists these services.
[[nodiscard]] std::string format_description(const std::vector<service_description>& services);

}  // namespace understudy::wire
