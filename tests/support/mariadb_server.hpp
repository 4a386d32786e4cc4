// A real MariaDB server on loopback, in a temporary folder, that ends with the test.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace understudy::test {

/// Has an account `app` (password `secret`) with all rights, a database `app`, and a certificate,
/// so that clients may use TLS. Needs mariadb-server-core and openssl. Throws std::runtime_error,
/// with the server's own words, where it does not start.
class mariadb_server {
 public:
  explicit mariadb_server(const std::vector<std::string>& more_options = {});
  ~mariadb_server();
  mariadb_server(const mariadb_server&) = delete;
  mariadb_server& operator=(const mariadb_server&) = delete;

  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] std::string address() const { return "127.0.0.1:" + std::to_string(port_); }
  void freeze();
  /// As a crash does: at once.
  void kill();
  /// After kill(): on its files, at the same port.
  void start_again();

 private:
  void start();
  void wait_until_it_greets();
  [[nodiscard]] std::string log() const;

  std::vector<std::string> more_options_;
  std::filesystem::path folder_;
  std::uint16_t port_ = 0;
  pid_t id_ = 0;
};

}  // namespace understudy::test
