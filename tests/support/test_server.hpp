// A real server on a free loopback port, and a socket that speaks to it byte by byte.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "support/user_service.hpp"
#include "understudy/server.hpp"

namespace understudy::test {

/// Generous: what is waited for comes at once, unless something is broken.
inline constexpr std::chrono::seconds patience{20};

/// Serves UserInterface (whoami answers 9501, as in the recordings); stopped when it goes.
class test_server {
 public:
  explicit test_server(const server_options& options = {},
                       const std::function<void(server&)>& add_more = {});
  ~test_server();
  test_server(const test_server&) = delete;
  test_server& operator=(const test_server&) = delete;

  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] server& get() { return server_; }

 private:
  std::shared_ptr<user_setup> setup_ = std::make_shared<user_setup>();
  server server_;
  std::uint16_t port_ = 0;
};

struct wire_frame {
  std::uint32_t type = 0;
  std::string body;
  bool operator==(const wire_frame&) const = default;
};

/// A blocking socket to 127.0.0.1. What is not possible within `patience` fails the test by a
/// std::runtime_error.
class wire_socket {
 public:
  explicit wire_socket(std::uint16_t port, int receive_buffer_bytes = 0);
  ~wire_socket();
  wire_socket(const wire_socket&) = delete;
  wire_socket& operator=(const wire_socket&) = delete;

  void send(std::string_view bytes);
  /// As much as the kernel takes without waiting; how much that was.
  std::size_t send_some(std::string_view bytes);
  bool writable_within(std::chrono::milliseconds wait);
  void send_message(std::string_view body);
  void end_sending();  ///< half-close
  void reset();        ///< RST instead of FIN
  /// The next frame; nothing at the end of the stream (also where it ends with a reset).
  std::optional<wire_frame> receive();
  /// One message out, one message back.
  std::string ask(std::string_view body);
  /// One read of at most `bytes_max`, as the kernel gives it; empty at the end.
  std::string read_once(std::size_t bytes_max);
  /// True once the peer has closed; false if anything else comes. Waits for it.
  bool closed();
  /// True if neither bytes nor the end come within a moment.
  bool quiet();

 private:
  bool read_more();

  int socket_ = -1;
  std::string buffer_;
};

/// `Interface@method` with raw JSON params, as the real client writes it.
std::string request_text(std::string_view method, std::string_view params,
                         std::string_view context = "[]");
std::string message_frame(std::string_view body);
/// "result", or the error's code, of an answer; "unreadable".
std::string answer_kind(std::string_view body);

/// Waits until `condition`; false if it does not come within `patience`.
bool eventually(const std::function<bool()>& condition);

}  // namespace understudy::test
