#include "app/database/cluster_secret.hpp"

#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <stdexcept>
#include <string_view>

#include "app/config/read_file.hpp"

namespace understudy::app {

namespace {

std::string made_of(const std::string& secret, std::string_view word) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned length = 0;
  HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
       reinterpret_cast<const unsigned char*>(word.data()), word.size(), digest.data(), &length);
  std::string hex;
  for (unsigned i = 0; i < length; ++i) hex += fmt::format("{:02x}", digest[i]);
  return hex;
}

}  // namespace

cluster_secret make_cluster_secret(const std::string& supervisor) {
  return {supervisor, made_of(supervisor, "replication"), made_of(supervisor, "agent")};
}

cluster_secret read_cluster_secret(const std::string& file) {
  constexpr std::size_t bytes_max = 4096;
  const auto text = read_file(file, bytes_max);
  if (!text) {
    throw std::runtime_error(
        fmt::format("The password file {} can not be read: {}.", file, text.error().message()));
  }
  struct stat is {};
  if (::stat(file.c_str(), &is) == 0 && (is.st_mode & S_IRWXO) != 0) {
    throw std::runtime_error(
        fmt::format("Everybody can read the password file {}: chmod o= it.", file));
  }
  const std::string line = text->substr(0, text->find_first_of("\r\n"));
  if (line.size() < cluster_secret_bytes_min) {
    throw std::runtime_error(fmt::format(
        "The first line of the password file {} has {} characters: it needs {} at least. "
        "`openssl rand -hex 24` makes a good one.",
        file, line.size(), cluster_secret_bytes_min));
  }
  const auto plain = [](char c) { return c > ' ' && c <= '~'; };
  if (!std::ranges::all_of(line, plain)) {
    throw std::runtime_error(
        fmt::format("The first line of the password file {} may have letters, digits and "
                    "punctuation of ASCII only, and no blanks.",
                    file));
  }
  return make_cluster_secret(line);
}

}  // namespace understudy::app
