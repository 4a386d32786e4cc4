// Positions in a replicated log, as MariaDB numbers them.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace understudy::core {

/// A node of a cluster: 1 to 999, for it is part of server_id.
enum class node_id : std::uint16_t {};
constexpr unsigned node_number_max = 999;

/// How often the primary has changed. Grows by one with each change; never shared by two primaries.
enum class epoch : std::uint32_t {};
/// server_id has 32 bits and is `epoch * 1000 + node`.
constexpr std::uint32_t epoch_max = 4'294'966;

[[nodiscard]] constexpr std::uint32_t number_of(epoch e) {
  return static_cast<std::uint32_t>(e);
}
[[nodiscard]] constexpr unsigned number_of(node_id node) {
  return static_cast<unsigned>(node);
}
[[nodiscard]] constexpr epoch after(epoch e) {
  return epoch{number_of(e) + 1};
}

/// What a primary writes with: each transaction says which primary of which epoch made it, so that
/// one history can be told from another exactly.
[[nodiscard]] constexpr std::uint32_t server_id_of(epoch e, node_id node) {
  return number_of(e) * 1000 + number_of(node);
}

/// One transaction, of the one domain that a cluster writes in (0). `seq` grows by one along a
/// history; {0, 0} is the empty position.
struct gtid {
  std::uint32_t server = 0;
  std::uint64_t seq = 0;
  [[nodiscard]] bool empty() const { return seq == 0; }
  friend auto operator<=>(const gtid&, const gtid&) = default;
};

[[nodiscard]] std::string to_string(const gtid& position);  ///< "0-1001-7"; "" if it is empty
/// As MariaDB prints one: "0-1001-7", or "" for the empty one. Nothing where another domain takes
/// part, or it is no position.
[[nodiscard]] std::optional<gtid> parse_gtid(std::string_view text);

/// The last transaction of each server in a node's log: @@gtid_binlog_state.
class history {
 public:
  void add(const gtid& last);
  /// It holds this transaction, and so all before it: a server writes in one epoch only, as its
  /// number says, and the log has no gaps (gtid_strict_mode).
  [[nodiscard]] bool holds(const gtid& position) const;
  [[nodiscard]] bool empty() const { return last_.empty(); }
  [[nodiscard]] const std::vector<gtid>& last() const { return last_; }
  friend bool operator==(const history&, const history&) = default;

 private:
  std::vector<gtid> last_;  ///< one for each server, by server
};

/// As MariaDB prints it: "0-1001-7,0-2002-9". Nothing where another domain takes part.
[[nodiscard]] std::optional<history> parse_history(std::string_view text);
[[nodiscard]] std::string to_string(const history& state);

}  // namespace understudy::core
