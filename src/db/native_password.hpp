// What a server keeps of a password (mysql_native_password).
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace understudy::db {

/// SHA-1 (FIPS 180-4). Broken as a signature; it is what the server's protocol has.
[[nodiscard]] std::array<std::uint8_t, 20> sha1(std::string_view text);

/// "*" and SHA1(SHA1(password)) in hexadecimal, as PASSWORD() makes it: it can be given to a server
/// without telling the password to its logs. Of an empty one: empty, no password.
[[nodiscard]] std::string native_hash(std::string_view password);

}  // namespace understudy::db
