// TLS of who connects.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "core/types.hpp"
#include "net/tls_context.hpp"

namespace understudy::net {

/// For any thread.
class tls_connector {
 public:
  /// std::runtime_error with a sentence where the files are of no use.
  explicit tls_connector(const tls_options& options);

  /// Reads the files anew, for connections that are made from now on. Where they are of no use:
  /// std::runtime_error with a sentence, and all is as before.
  void reload();

  struct connected {
    boost::system::error_code error;
    std::string why;  ///< the handshake failed, for people; empty: there was none
  };
  /// Connects, and makes `plain`, which is not open, a socket to read and write plain bytes, that
  /// does not block. `host`: whose certificate it must be, as it was configured. The connector and
  /// `plain` outlive it.
  [[nodiscard]] boost::asio::awaitable<connected> connect(
      boost::asio::ip::tcp::endpoint server, std::string host, core::time_point deadline,
      boost::asio::ip::tcp::socket& plain) const;

 private:
  [[nodiscard]] tls_context context() const;

  const tls_options options_;
  mutable std::mutex mutex_;
  tls_context context_;  ///< under the mutex
};

/// How one server is reached.
struct tls_way {
  std::shared_ptr<const tls_connector> by;
  std::string host;
  std::function<void(const std::string& why)> failed;  ///< a handshake; or nothing
};

}  // namespace understudy::net
