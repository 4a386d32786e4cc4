// The text forms of durations, sizes and addresses, and spelling hints.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace understudy::app {

/// "250ms", "4s", "5m", "24h": a whole number and a unit. Nothing for anything else.
[[nodiscard]] std::optional<std::chrono::milliseconds> parse_duration(std::string_view text);
/// The shortest such text.
[[nodiscard]] std::string format_duration(std::chrono::milliseconds time);

/// "512B", "64KiB", "8MiB", "1GiB". Nothing for anything else.
[[nodiscard]] std::optional<std::size_t> parse_size(std::string_view text);
[[nodiscard]] std::string format_size(std::size_t bytes);

/// The known word nearest to a misspelt one; empty where none is near.
[[nodiscard]] std::string_view nearest(std::string_view word,
                                       std::span<const std::string_view> known);

}  // namespace understudy::app
