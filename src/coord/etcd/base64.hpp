// Bytes as text, as etcd's JSON has keys and values (RFC 4648, section 4). Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace understudy::coord::etcd {

[[nodiscard]] std::string to_base64(std::string_view bytes);
/// Nothing for what to_base64() would not have made.
[[nodiscard]] std::optional<std::string> from_base64(std::string_view text);

}  // namespace understudy::coord::etcd
