#include "once/relay.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <stdexcept>

namespace understudy::test {
namespace {

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_port = htons(port);
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return at;
}

/// What there is to read; empty: the end.
std::string read_some(int from) {
  std::array<char, 65536> bytes;
  const ssize_t got = ::recv(from, bytes.data(), bytes.size(), 0);
  return got <= 0 ? std::string() : std::string(bytes.data(), static_cast<std::size_t>(got));
}

bool send_all(int to, const std::string& bytes) {
  std::size_t sent = 0;
  while (sent < bytes.size()) {
    const ssize_t now = ::send(to, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
    if (now <= 0) return false;
    sent += static_cast<std::size_t>(now);
  }
  return true;
}

}  // namespace

relay::relay(std::uint16_t server_port)
    : server_port_(server_port),
      listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)),
      over_(::eventfd(0, EFD_CLOEXEC)) {
  sockaddr_in at = loopback(0);
  socklen_t size = sizeof at;
  if (::bind(listener_, reinterpret_cast<const sockaddr*>(&at), size) != 0 ||
      ::listen(listener_, 64) != 0 ||
      ::getsockname(listener_, reinterpret_cast<sockaddr*>(&at), &size) != 0) {
    throw std::runtime_error("no port for a relay");
  }
  port_ = ntohs(at.sin_port);
  acceptor_ = std::thread([this] { accept_all(); });
}

relay::~relay() {
  ::eventfd_write(over_, 1);
  acceptor_.join();
  for (auto& each : carriers_) each.join();
  ::close(listener_);
  ::close(over_);
}

void relay::cut_at(const std::string& text, cut how) {
  const std::lock_guard guard(lock_);
  text_ = text;
  how_ = how;
}

bool relay::is_the_one(const std::string& bytes, cut& how) {
  const std::lock_guard guard(lock_);
  if (text_.empty() || bytes.find(text_) == std::string::npos) return false;
  text_.clear();
  how = how_;
  return true;
}

void relay::accept_all() {
  std::array<pollfd, 2> fds{{{listener_, POLLIN, 0}, {over_, POLLIN, 0}}};
  while (::poll(fds.data(), fds.size(), -1) > 0 && fds[1].revents == 0) {
    const int client = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (client >= 0) carriers_.emplace_back([this, client] { carry(client); });
  }
}

void relay::carry(int client) {
  const int server = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_in at = loopback(server_port_);
  bool open = ::connect(server, reinterpret_cast<const sockaddr*>(&at), sizeof at) == 0;
  while (open) {
    std::array<pollfd, 3> fds{{{client, POLLIN, 0}, {server, POLLIN, 0}, {over_, POLLIN, 0}}};
    if (::poll(fds.data(), fds.size(), -1) <= 0 || fds[2].revents != 0) break;
    if (fds[1].revents != 0) {
      const std::string bytes = read_some(server);
      open = !bytes.empty() && send_all(client, bytes);
    }
    if (open && fds[0].revents != 0) {
      const std::string bytes = read_some(client);
      cut how = cut::before;
      const bool ends = is_the_one(bytes, how);
      open = !bytes.empty() && !ends;
      if (!ends || how == cut::after) open = send_all(server, bytes) && open;
      if (ends) {
        if (how == cut::after) (void)read_some(server);
        ++cuts_;
      }
    }
  }
  ::close(client);
  ::close(server);
}

}  // namespace understudy::test
