#include "app/bench/load_socket.hpp"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <system_error>

#include "net/address.hpp"

namespace understudy::app {

void owned_fd::reset() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

socket_address resolve_address(const std::string& host_port) {
  const auto split = net::split_address(host_port);
  if (!split) throw std::runtime_error("\"" + host_port + "\" is no HOST:PORT.");
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int error = ::getaddrinfo(split->host.c_str(), split->port.c_str(), &hints, &found);
  if (error != 0) {
    throw std::runtime_error("Cannot resolve " + host_port + ": " + ::gai_strerror(error) + ".");
  }
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(found, ::freeaddrinfo);
  socket_address address;
  std::memcpy(&address.storage, found->ai_addr, found->ai_addrlen);
  address.length = found->ai_addrlen;
  return address;
}

owned_fd begin_connect(const socket_address& to) {
  owned_fd fd(
      ::socket(to.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP));
  if (!fd) return fd;
  const int on = 1;
  ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  const auto* address = reinterpret_cast<const sockaddr*>(&to.storage);
  if (::connect(fd.get(), address, to.length) == 0 || errno == EINPROGRESS) return fd;
  const int error = errno;
  fd.reset();
  errno = error;
  return fd;
}

owned_fd connect_to(const socket_address& to, std::chrono::milliseconds timeout) {
  const auto fail = [](int error) {
    throw std::runtime_error("Cannot connect: " + std::generic_category().message(error) + ".");
  };
  owned_fd fd = begin_connect(to);
  if (!fd) fail(errno);
  pollfd wait{fd.get(), POLLOUT, 0};
  if (::poll(&wait, 1, static_cast<int>(timeout.count())) <= 0) fail(ETIMEDOUT);
  int error = 0;
  socklen_t length = sizeof error;
  ::getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &error, &length);
  if (error != 0) fail(error);
  return fd;
}

}  // namespace understudy::app
