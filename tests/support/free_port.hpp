// Ports for servers that can not choose one by themselves.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <random>
#include <set>
#include <stdexcept>

namespace understudy::test {

/// One on loopback that nobody listens on now, and not given before by this process. Below those
/// that the kernel takes for outgoing connections (32768 and up): between now and the server's
/// start one of these would take it sooner or later. By chance, so that processes side by side
/// hardly meet. One thread.
inline std::uint16_t free_port() {
  static std::set<std::uint16_t> given;
  static std::mt19937 chance{std::random_device{}()};
  std::uniform_int_distribution<unsigned> any(10'240, 32'767);
  for (int tries = 0; tries < 1000; ++tries) {
    const auto port = static_cast<std::uint16_t>(any(chance));
    if (given.contains(port)) continue;
    const int made = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    at.sin_port = htons(port);
    const bool is_free = ::bind(made, reinterpret_cast<sockaddr*>(&at), sizeof at) == 0;
    ::close(made);
    if (!is_free) continue;
    given.insert(port);
    return port;
  }
  throw std::runtime_error("no port is free");
}

}  // namespace understudy::test
