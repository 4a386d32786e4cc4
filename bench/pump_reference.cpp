// What bench/gateway holds the gateway against where it forwards frames: one thread, one epoll
// loop, which joins each connection to one of its own to a server, the servers in turn, and copies
// the bytes both ways. It parses nothing, checks nothing, and never learns that a server is gone.
//
//   pump_reference SERVER_PORT..     (prints `listening 127.0.0.1:PORT`; stops on SIGTERM)
#include <algorithm>
#include <cerrno>
#include <utility>
#include <vector>

#include "reference.hpp"

namespace {

/// One direction ends here: what the other side sent and this socket has not taken yet.
struct side {
  int peer = -1;
  std::string unsent;
};

class pump {
 public:
  explicit pump(std::vector<std::uint16_t> servers) : servers_(std::move(servers)) {
    watch(listener_);
  }

  [[noreturn]] void run() {
    std::array<epoll_event, 256> events{};
    while (true) {
      const int count = ::epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), -1);
      for (int i = 0; i < count; ++i) {
        const auto& event = events[static_cast<std::size_t>(i)];
        const int fd = event.data.fd;
        if (fd == listener_) {
          accept();
        } else if (sides_[static_cast<std::size_t>(fd)].peer >= 0 && !serve(fd, event.events)) {
          close_both(fd);
        }
      }
    }
  }

 private:
  void watch(int fd) { reference::watch(epoll_, fd); }

  void listen_for(int fd, std::uint32_t events) const {
    epoll_event event{};
    event.events = events;
    event.data.fd = fd;
    ::epoll_ctl(epoll_, EPOLL_CTL_MOD, fd, &event);
  }

  side& at(int fd) { return sides_[static_cast<std::size_t>(fd)]; }

  void accept() {
    const int caller = ::accept4(listener_, nullptr, nullptr, 0);
    if (caller < 0) return;
    const int server = ::socket(AF_INET, SOCK_STREAM, 0);
    const sockaddr_in to = reference::loopback(servers_[turn_++ % servers_.size()]);
    if (::connect(server, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) {
      ::close(server);
      ::close(caller);
      return;
    }
    sides_.resize(std::max(sides_.size(), static_cast<std::size_t>(std::max(caller, server)) + 1));
    at(caller) = {.peer = server, .unsent = {}};
    at(server) = {.peer = caller, .unsent = {}};
    for (const int fd : {caller, server}) {
      reference::no_delay(fd);
      watch(fd);
    }
  }

  bool serve(int fd, std::uint32_t events) {
    if ((events & EPOLLOUT) != 0) return send_rest(fd);
    std::array<char, 65536> buffer;
    const ssize_t count = ::recv(fd, buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (count < 0 && errno == EAGAIN) return true;  // the event was of a connection before it
    if (count <= 0) return false;
    return forward(at(fd).peer, {buffer.data(), static_cast<std::size_t>(count)});
  }

  /// What the socket does not take waits, and nothing more is read for it meanwhile.
  bool forward(int to, std::string_view bytes) {
    const ssize_t sent = ::send(to, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent == static_cast<ssize_t>(bytes.size())) return true;
    if (sent < 0 && errno != EAGAIN) return false;
    at(to).unsent.append(bytes.substr(static_cast<std::size_t>(std::max<ssize_t>(sent, 0))));
    listen_for(at(to).peer, 0);
    listen_for(to, EPOLLOUT);
    return true;
  }

  bool send_rest(int fd) {
    const std::string rest = std::exchange(at(fd).unsent, {});
    listen_for(fd, EPOLLIN);
    listen_for(at(fd).peer, EPOLLIN);
    return forward(fd, rest);
  }

  void close_both(int fd) {
    const int peer = std::exchange(at(fd).peer, -1);
    at(peer).peer = -1;
    ::close(fd);
    ::close(peer);
  }

  const std::vector<std::uint16_t> servers_;
  const int listener_ = reference::listen_on(0);
  const int epoll_ = ::epoll_create1(0);
  std::vector<side> sides_ = std::vector<side>(16);  // by descriptor
  std::size_t turn_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::uint16_t> servers;
  for (int i = 1; i < argc; ++i) servers.push_back(static_cast<std::uint16_t>(std::atoi(argv[i])));
  if (servers.empty()) {
    std::fprintf(stderr, "pump_reference: name the servers' ports\n");
    return 2;
  }
  pump(std::move(servers)).run();
}
