// The answer to `@action_interface`: which services a server has, and their methods.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace understudy::wire {

struct method_description {
  std::string name;
  std::string comment;  ///< the doc text; empty where there is none
  /// The doc text has the tag @idempotent: first on its line, as phpDocumentor reads tags. In the
  /// middle of a sentence ("this is not @idempotent") it declares nothing.
  bool idempotent = false;
};

struct service_description {
  std::string name;
  std::string text;  ///< raw JSON of the service's methods, as received
  std::vector<method_description> methods;
};

/// Reads the `result` member of an answer to @action_interface (valid JSON). Nothing if it is not
/// an object of services with their methods; `[]`, as PHP writes an empty map, is one, too.
/// Of a repeated name the last counts, as in PHP. `text` of a service is copied.
[[nodiscard]] std::optional<std::vector<service_description>> parse_description(
    std::string_view result);

/// The `result` member that lists these services.
[[nodiscard]] std::string format_description(const std::vector<service_description>& services);

}  // namespace understudy::wire
