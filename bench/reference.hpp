// What the bare references share: a listener on loopback, one thread, one epoll loop.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <unordered_map>

namespace reference {

inline sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

[[noreturn]] inline void give_up(const char* what) {
  std::perror(what);
  std::exit(2);
}

/// Prints `listening 127.0.0.1:PORT`. Port 0: any.
inline int listen_on(std::uint16_t port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  const int on = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address = loopback(port);
  socklen_t length = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  if (::bind(fd, generic, length) != 0 || ::listen(fd, 4096) != 0) give_up("cannot listen");
  ::getsockname(fd, generic, &length);
  std::printf("listening 127.0.0.1:%u\n", unsigned{ntohs(address.sin_port)});
  std::fflush(stdout);
  return fd;
}

inline void no_delay(int fd) {
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

inline void watch(int epoll, int fd) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.fd = fd;
  ::epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
}

/// How many bytes at the front are the first request; 0: it is not complete.
using cutter = std::size_t (*)(std::string_view bytes);

/// One read: answers what is complete; the rest stays in `in`. False where the connection is over.
/// A peer that does not read its answers is dropped.
inline bool answer_one_read(int fd, std::string& in, std::string_view answer, cutter cut) {
  static std::string out;
  std::array<char, 65536> buffer;
  const ssize_t count = ::recv(fd, buffer.data(), buffer.size(), 0);
  if (count <= 0) return false;
  std::string_view bytes(buffer.data(), static_cast<std::size_t>(count));
  if (!in.empty()) bytes = in.append(bytes);
  out.clear();
  while (const std::size_t request_bytes = cut(bytes)) {
    bytes.remove_prefix(request_bytes);
    out += answer;
  }
  in = std::string(bytes);
  return out.empty() ||
         ::send(fd, out.data(), out.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(out.size());
}

/// Serves for ever: each request gets the same bytes.
[[noreturn]] inline void answer_all(std::uint16_t port, std::string_view answer, cutter cut) {
  const int listener = listen_on(port);
  const int epoll = ::epoll_create1(0);
  watch(epoll, listener);
  std::unordered_map<int, std::string> incomplete;  // by connection
  std::array<epoll_event, 256> events{};
  while (true) {
    const int count = ::epoll_wait(epoll, events.data(), static_cast<int>(events.size()), -1);
    for (int i = 0; i < count; ++i) {
      const int fd = events[static_cast<std::size_t>(i)].data.fd;
      if (fd == listener) {
        const int peer = ::accept4(listener, nullptr, nullptr, SOCK_NONBLOCK);
        if (peer < 0) continue;
        no_delay(peer);
        incomplete.try_emplace(peer);
        watch(epoll, peer);
      } else if (!answer_one_read(fd, incomplete[fd], answer, cut)) {
        incomplete.erase(fd);
        ::close(fd);
      }
    }
  }
}

inline std::uint16_t port_argument(int argc, char** argv) {
  return static_cast<std::uint16_t>(argc > 1 ? std::atoi(argv[1]) : 0);
}

}  // namespace reference
