// The floor that bench/run measures the server library against: one thread, one epoll loop, which
// accepts, reads, cuts the 8-byte header and writes one fixed answer for each frame. It parses
// nothing, checks nothing and has no timeouts.
//
//   epoll_reference [PORT]     (prints `listening 127.0.0.1:PORT`; stops on SIGTERM)
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <unordered_map>

namespace {

constexpr std::size_t header_bytes = 8;
constexpr std::string_view body = R"({"jsonrpc":"2.0","id":"","result":"hello, world"})";

struct connection {
  std::string in;  // an incomplete frame
};

std::uint32_t body_length(const char* header) {
  std::uint32_t length = 0;
  std::memcpy(&length, header, sizeof length);
  return ntohl(length);
}

std::string fixed_answer() {
  std::string frame(header_bytes, '\0');
  const std::uint32_t length = htonl(static_cast<std::uint32_t>(body.size()));
  std::memcpy(frame.data(), &length, sizeof length);
  return frame.append(body);
}

// False where the connection is over. A peer that does not read its answers is dropped.
bool serve(int fd, connection& peer, const std::string& answer, std::string& out) {
  std::array<char, 65536> buffer;
  const ssize_t count = ::recv(fd, buffer.data(), buffer.size(), 0);
  if (count <= 0) return false;
  std::string_view bytes(buffer.data(), static_cast<std::size_t>(count));
  if (!peer.in.empty()) bytes = peer.in.append(bytes);
  out.clear();
  while (bytes.size() >= header_bytes) {
    const std::size_t frame_bytes = header_bytes + body_length(bytes.data());
    if (bytes.size() < frame_bytes) break;
    bytes.remove_prefix(frame_bytes);
    out += answer;
  }
  peer.in = std::string(bytes);
  return out.empty() ||
         ::send(fd, out.data(), out.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(out.size());
}

int listen_on(std::uint16_t port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  const int on = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  if (::bind(fd, generic, length) != 0 || ::listen(fd, 4096) != 0) {
    std::perror("epoll_reference: cannot listen");
    std::exit(2);
  }
  ::getsockname(fd, generic, &length);
  std::printf("listening 127.0.0.1:%u\n", unsigned{ntohs(address.sin_port)});
  std::fflush(stdout);
  return fd;
}

void watch(int epoll, int fd) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.fd = fd;
  ::epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
}

}  // namespace

int main(int argc, char** argv) {
  const auto port = static_cast<std::uint16_t>(argc > 1 ? std::atoi(argv[1]) : 0);
  const int listener = listen_on(port);
  const int epoll = ::epoll_create1(0);
  watch(epoll, listener);
  const std::string answer = fixed_answer();
  std::string out;
  std::unordered_map<int, connection> connections;
  std::array<epoll_event, 256> events{};
  while (true) {
    const int count = ::epoll_wait(epoll, events.data(), static_cast<int>(events.size()), -1);
    for (int i = 0; i < count; ++i) {
      const int fd = events[static_cast<std::size_t>(i)].data.fd;
      if (fd == listener) {
        const int peer = ::accept4(listener, nullptr, nullptr, SOCK_NONBLOCK);
        if (peer < 0) continue;
        const int on = 1;
        ::setsockopt(peer, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        connections.try_emplace(peer);
        watch(epoll, peer);
      } else if (!serve(fd, connections[fd], answer, out)) {
        connections.erase(fd);
        ::close(fd);
      }
    }
  }
}
