// TLS of a listener: what it shows, handshakes, and how many of them there are.
#pragma once

#include <atomic>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <cstddef>
#include <memory>
#include <mutex>
#include <optional>

#include "net/tls_context.hpp"

namespace understudy::net {

/// For any thread; shared by what it carries.
class tls_acceptor : public std::enable_shared_from_this<tls_acceptor> {
 public:
  /// std::runtime_error with a sentence where the files are of no use.
  [[nodiscard]] static std::shared_ptr<tls_acceptor> make(tls_options options);

  /// Reads the files anew, for connections that come from now on. Where they are of no use:
  /// std::runtime_error with a sentence, and all is as before.
  void reload();

  /// A socket to read and write plain bytes, on the same executor; nothing where the handshake
  /// failed or was not over in time, or where there are too many of them.
  [[nodiscard]] static boost::asio::awaitable<std::optional<boost::asio::ip::tcp::socket>> accept(
      std::shared_ptr<tls_acceptor> self, boost::asio::ip::tcp::socket accepted);

  /// Connections that came to nothing.
  [[nodiscard]] std::size_t refused() const { return refused_; }
  /// That are carried, or have something to leave.
  [[nodiscard]] std::size_t carried() const { return carried_; }

 private:
  explicit tls_acceptor(tls_options options);
  [[nodiscard]] tls_context context();

  const tls_options options_;
  std::mutex mutex_;
  tls_context context_;  ///< under the mutex
  std::atomic<std::size_t> handshakes_{0};
  std::atomic<std::size_t> refused_{0};
  std::atomic<std::size_t> carried_{0};
};

}  // namespace understudy::net
