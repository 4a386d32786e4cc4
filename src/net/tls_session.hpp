// TLS over one socket that does not block: what to do next, and no waiting.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "net/tls_context.hpp"

struct ssl_st;

namespace understudy::net {

/// One thread. The socket stays its owner's, who waits where that is wanted, and then does the
/// same again with the same bytes.
class tls_session {
 public:
  enum class step : std::uint8_t {
    done,
    wants_read,   ///< that the socket can be read from
    wants_write,  ///< the same for writing
    ended,        ///< the peer said that it sends nothing more
    failed,       ///< why() says how; it is of no use any more
  };

  [[nodiscard]] static tls_session listening(tls_context with, int socket);
  /// The peer has to prove that it is `host`, a name or an IP address.
  [[nodiscard]] static tls_session connecting(tls_context with, int socket,
                                              const std::string& host);
  ~tls_session();
  tls_session(tls_session&& other) noexcept;
  tls_session& operator=(tls_session&&) = delete;

  [[nodiscard]] step handshake();
  /// What has come, at least a byte where it is done. A stream that was cut has failed.
  [[nodiscard]] step read(std::span<char> into, std::size_t& bytes);
  /// A part of it may be done.
  [[nodiscard]] step write(std::string_view what, std::size_t& bytes);
  /// Nothing more will be written.
  [[nodiscard]] step say_end();
  /// For people.
  [[nodiscard]] const std::string& why() const { return why_; }

 private:
  tls_session(tls_context with, int socket);
  [[nodiscard]] step after(int result);
  void note_failure();

  tls_context context_;
  ssl_st* ssl_;
  std::string why_;
};

}  // namespace understudy::net
