// The recorded conversations of a real think-swoole server and client (tests/wire/recordings).
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace understudy::test {

enum class direction : std::uint8_t { to_server, to_client };

/// One line of an events file: what a proxy between the two saw, and when.
struct recorded_event {
  enum class kind : std::uint8_t { opened, bytes, fin, rst, failed };

  std::chrono::milliseconds at{0};  ///< since the case began
  std::size_t connection = 0;       ///< index into recording::connections
  kind what = kind::bytes;
  direction where = direction::to_server;  ///< of bytes, fin, rst and failed
  std::size_t bytes = 0;                   ///< size of one read
};

/// All bytes of one connection, each way.
struct recorded_connection {
  std::string to_server;
  std::string to_client;
};

struct recording {
  std::string name;
  std::vector<recorded_connection> connections;
  std::vector<recorded_event> events;
};

/// All cases by name, read once. Throws std::runtime_error where a file is missing or broken.
[[nodiscard]] const std::vector<recording>& recordings();
/// Throws std::out_of_range where there is no such case.
[[nodiscard]] const recording& find_recording(std::string_view name);

/// A case that our server answers differently on purpose.
struct recorded_difference {
  std::string name;
  /// What ours answers on each connection, in order: `result` or an error code. Empty: nothing.
  std::vector<std::string> answers;
  bool stays_open = false;  ///< afterwards, where the real server closed or was lost
  std::string why;
};

/// tests/wire/recordings/differences.tsv, read once.
[[nodiscard]] const std::vector<recorded_difference>& recorded_differences();
/// The row of this case; nullptr where ours answers as recorded.
[[nodiscard]] const recorded_difference* find_difference(std::string_view name);

}  // namespace understudy::test
