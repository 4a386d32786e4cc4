// A value inside of a JSON text, by a path as in RFC 6901.
#pragma once

#include <optional>
#include <string_view>

namespace understudy::wire {

/// "" or `/a/0/b` with `~0` and `~1` for `~` and `/`.
[[nodiscard]] bool json_pointer_valid(std::string_view pointer);

/// The value as it is written in `text`, which is valid JSON; nothing where there is none. Of a
/// repeated member the last. Both are valid.
[[nodiscard]] std::optional<std::string_view> find_at(std::string_view text,
                                                      std::string_view pointer);

}  // namespace understudy::wire
