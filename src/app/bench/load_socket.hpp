// Plain sockets for the load generator: an address, an owned descriptor, connecting.
#pragma once

#include <sys/socket.h>

#include <chrono>
#include <string>
#include <utility>

namespace understudy::app {

/// A descriptor that is closed by its one owner.
class owned_fd {
 public:
  owned_fd() = default;
  explicit owned_fd(int fd) : fd_(fd) {}
  owned_fd(owned_fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  owned_fd& operator=(owned_fd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~owned_fd() { reset(); }

  [[nodiscard]] int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }
  void reset();

 private:
  int fd_ = -1;
};

struct socket_address {
  sockaddr_storage storage{};
  socklen_t length = 0;
};

/// The first address of "HOST:PORT" ("[::1]:PORT" too). Throws std::runtime_error with a sentence.
[[nodiscard]] socket_address resolve_address(const std::string& host_port);

/// Starts a TCP connection without waiting: TCP_NODELAY, non-blocking, close-on-exec. An empty
/// result leaves the reason in errno; EMFILE and ENFILE mean that descriptors ran out.
[[nodiscard]] owned_fd begin_connect(const socket_address& to);

/// The same, finished before `timeout`; still non-blocking. Throws std::runtime_error.
[[nodiscard]] owned_fd connect_to(const socket_address& to, std::chrono::milliseconds timeout);

}  // namespace understudy::app
