// Packets of the MariaDB protocol, as far as an endpoint has to read them. No I/O.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace understudy::net {

/// A packet is 3 bytes of length, 1 of sequence, and the payload. One whose length is 2^24 - 1 goes
/// on in the next: a *message* is all that belongs together.
inline constexpr std::size_t sql_header_bytes = 4;
inline constexpr std::uint32_t sql_packet_bytes_max = 0xFFFFFF;

/// Bits of what both sides can do (the greeting's, and those of the login, which answers it).
namespace sql_can {
inline constexpr std::uint64_t speak_mysql =
    1;  ///< not set: further bits, of MariaDB alone, follow
inline constexpr std::uint64_t compress = 1U << 5;
inline constexpr std::uint64_t protocol_41 = 1U << 9;
inline constexpr std::uint64_t tls = 1U << 11;
inline constexpr std::uint64_t deprecate_eof = 1U << 24;
inline constexpr std::uint64_t compress_zstd = 1U << 26;
inline constexpr std::uint64_t cache_metadata = std::uint64_t{1} << 36;
}  // namespace sql_can

/// Bits of the server's status, which ends each of its answers but errors.
namespace sql_status {
inline constexpr std::uint16_t in_transaction = 0x1;
inline constexpr std::uint16_t autocommit = 0x2;
inline constexpr std::uint16_t more_results = 0x8;
inline constexpr std::uint16_t cursor_exists = 0x40;
inline constexpr std::uint16_t no_backslash_escapes = 0x200;
inline constexpr std::uint16_t ansi_quotes = 0x8000;
}  // namespace sql_status

enum class sql_command : std::uint8_t {
  quit = 0x01,
  query = 0x03,
  field_list = 0x04,
  statistics = 0x09,
  process_info = 0x0A,
  process_kill = 0x0C,
  change_user = 0x11,
  binlog_dump = 0x12,
  table_dump = 0x13,
  prepare = 0x16,
  execute = 0x17,
  send_long_data = 0x18,
  close_statement = 0x19,
  fetch = 0x1C,
  binlog_dump_gtid = 0x1E,
  reset_connection = 0x1F,
  bulk_execute = 0xFA,
};

[[nodiscard]] std::uint32_t sql_packet_length(std::string_view header);

/// Little-endian; 0 where `bytes` ends before.
[[nodiscard]] std::uint64_t sql_number(std::string_view bytes, std::size_t at, std::size_t size);

/// The number of variable length at `at`, which is moved behind it. Nothing where it is cut off or
/// none (NULL, an error).
[[nodiscard]] std::optional<std::uint64_t> sql_length(std::string_view bytes, std::size_t& at);

/// What the server's greeting says that it can do. Nothing where it is no greeting of protocol 10.
[[nodiscard]] std::optional<std::uint64_t> sql_greeting_can(std::string_view payload);

/// What a client's login (or request for TLS) says that the client can do.
[[nodiscard]] std::uint64_t sql_login_can(std::string_view payload);

/// The status in an OK (also one with an EOF's first byte) or in an EOF of 5 bytes. `length` is the
/// payload's, of which `head` need only hold the first 32 bytes. Nothing where it has none.
[[nodiscard]] std::optional<std::uint16_t> sql_status_of(std::string_view head,
                                                         std::uint64_t length);

/// An error, which is answer number `sequence`. Before a server's greeting the client expects no
/// `state` (of 5 characters): leave it empty.
[[nodiscard]] std::string sql_error(std::uint8_t sequence, std::uint16_t code,
                                    std::string_view state, std::string_view text);

/// Cuts one direction of a connection into messages, and keeps the first bytes of each.
class sql_cutter {
 public:
  static constexpr std::size_t greeting_bytes_max = 256;
  static constexpr std::size_t head_bytes_max = 32;

  struct taken {
    std::size_t bytes = 0;
    bool ended = false;  ///< with them a message is complete: head() and length() are its own
  };
  /// Takes bytes up to the end of a message, or all.
  taken take(std::string_view bytes);

  [[nodiscard]] std::string_view head() const { return {head_.data(), kept_}; }
  [[nodiscard]] std::uint64_t length() const { return length_; }
  /// Nothing of a message that is not complete was taken.
  [[nodiscard]] bool between() const { return between_; }
  /// From now on of each message as much as a status needs, and not a greeting.
  void keep_less() { keep_ = head_bytes_max; }

 private:
  std::array<char, greeting_bytes_max> head_{};
  std::array<char, sql_header_bytes> header_{};
  std::size_t keep_ = greeting_bytes_max;
  std::size_t kept_ = 0;
  std::size_t header_taken_ = 0;
  std::uint32_t left_ = 0;  ///< of the packet's payload
  bool goes_on_ = false;    ///< after the packet there comes more of the message
  bool between_ = true;
  std::uint64_t length_ = 0;
};

}  // namespace understudy::net
