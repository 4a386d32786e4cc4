// Bytes of the MariaDB protocol, made by hand.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "net/sql_packets.hpp"

namespace understudy::test {

using namespace std::string_literals;
namespace can = net::sql_can;
namespace status = net::sql_status;

inline std::string little(std::uint64_t number, std::size_t size) {
  std::string out;
  for (std::size_t i = 0; i < size; ++i) out += static_cast<char>(number >> (8 * i));
  return out;
}

/// A payload of less than 16 MiB.
inline std::string packet(unsigned sequence, std::string_view payload) {
  return little(payload.size(), 3) + static_cast<char>(sequence) + std::string(payload);
}

inline std::string command(char which, std::string_view text = "") {
  return packet(0, which + std::string(text));
}
inline std::string query(std::string_view text) {
  return command('\x03', text);
}
inline std::string prepare(std::string_view text) {
  return command('\x16', text);
}

inline constexpr std::uint64_t plain_abilities = can::speak_mysql | can::protocol_41;

inline std::string greeting(std::uint64_t abilities = plain_abilities | can::tls | can::compress |
                                                      can::deprecate_eof) {
  return packet(0, "\x0a"s + "5.5.5-10.11.19-MariaDB\0"s + little(7, 4) + "12345678\0"s +
                       little(abilities, 2) + "\x2d" + little(status::autocommit, 2) +
                       little(abilities >> 16, 2) + "\x15" + std::string(6, '\0') +
                       little(abilities >> 32, 4) + "123456789012\0mysql_native_password\0"s);
}
inline std::string login(std::uint64_t abilities = plain_abilities) {
  return packet(1, little(abilities, 4) + little(1 << 24, 4) + "\x2d" + std::string(19, '\0') +
                       little(abilities >> 32, 4) + "app\0\0"s);
}
inline std::string tls_request() {
  return packet(1, little(plain_abilities | can::tls, 4) + little(1 << 24, 4) + "\x2d" +
                       std::string(23, '\0'));
}

inline std::string ok_payload(unsigned bits, char first = '\0') {
  return std::string(1, first) + "\0\0"s + little(bits, 2) + "\0\0"s;
}
inline std::string ok(unsigned bits = status::autocommit, unsigned sequence = 1) {
  return packet(sequence, ok_payload(bits));
}
inline std::string eof(unsigned bits = status::autocommit, unsigned sequence = 1) {
  return packet(sequence, "\xfe\0\0"s + little(bits, 2));
}
/// What ends rows where EOF is deprecated.
inline std::string end_of_rows(unsigned bits = status::autocommit, unsigned sequence = 1) {
  return packet(sequence, ok_payload(bits, '\xfe'));
}
inline std::string error(std::uint16_t code = 1064) {
  return net::sql_error(1, code, "42000", "no");
}
inline std::string column() {
  return packet(2, "\x03"s + "def" + std::string(20, 'c'));
}
inline std::string row(std::string_view value = "1") {
  return packet(3, std::string(1, static_cast<char>(value.size())) + std::string(value));
}

}  // namespace understudy::test
