// What is said to etcd's JSON gateway (3.4), and what it says. Pure.
//
// Its traits: int64 are strings, members that are 0, false or empty are left out, keys and values
// are base64, an error is an object with `error`.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace understudy::coord::etcd {

struct put {
  std::string key;
  std::string value;
  std::int64_t lease = 0;  ///< 0: it stays
};

/// Of one key. All that are given must hold.
struct condition {
  std::string key;
  std::optional<std::int64_t> changed_at{};  ///< mod_revision; 0: there is no such key
  std::optional<std::string> value{};
};

[[nodiscard]] std::string range_text(std::string_view key);
/// If the condition holds all puts are done, else what `otherwise` names is read.
[[nodiscard]] std::string txn_text(const condition& when, const std::vector<put>& then,
                                   std::string_view otherwise);
[[nodiscard]] std::string grant_text(std::int64_t ttl_seconds);
[[nodiscard]] std::string lease_text(std::int64_t lease);  ///< to keep it, or to revoke it
[[nodiscard]] std::string watch_text(std::string_view key);

struct key_value {
  std::string value;
  std::int64_t changed_at = 0;
  std::int64_t lease = 0;
};

struct range_answer {
  std::optional<key_value> found;
};
struct txn_answer {
  bool succeeded = false;
  std::int64_t revision = 0;       ///< of the store; of what was put, if it was
  std::optional<key_value> found;  ///< what was read otherwise
};
struct lease_answer {
  std::int64_t lease = 0;
  std::int64_t ttl_seconds = 0;  ///< 0: there is no such lease (any more)
};
struct watch_answer {
  std::size_t events = 0;
  bool over = false;  ///< it was cancelled: nothing more comes
};

// Nothing where it is no such answer: an error, or something else altogether.
[[nodiscard]] std::optional<range_answer> parse_range(std::string_view text);
[[nodiscard]] std::optional<txn_answer> parse_txn(std::string_view text);
[[nodiscard]] std::optional<lease_answer> parse_grant(std::string_view text);
[[nodiscard]] std::optional<lease_answer> parse_kept(std::string_view text);
[[nodiscard]] std::optional<watch_answer> parse_watch(std::string_view text);
/// What an error says; empty where it is none.
[[nodiscard]] std::string parse_error(std::string_view text);

}  // namespace understudy::coord::etcd
