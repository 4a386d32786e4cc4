// Puts jobs into beanstalkd, or publishes to a stream of NATS, as `understudy bench` and
// redis-benchmark call the others: one thread, one epoll loop, each connection keeps DEPTH calls
// outstanding until SECONDS are over, and then waits for the answers. Prints JSON.
//
//   calls_load beanstalkd|nats PORT CONNECTIONS DEPTH SECONDS BODY_BYTES
//
// NATS: to the subject `calls`, which a stream has to keep. Exit code 2: something was refused.
#include <algorithm>
#include <chrono>
#include <deque>
#include <vector>

#include "reference.hpp"

namespace {

using steady = std::chrono::steady_clock;

struct caller {
  int fd = -1;
  std::string request;
  std::string in;  // of a line that is not complete
  std::deque<steady::time_point> begun;
};

std::vector<double> took_us;  // each call that was answered

void send_all(const caller& to, std::string_view bytes) {
  if (::send(to.fd, bytes.data(), bytes.size(), MSG_NOSIGNAL) !=
      static_cast<ssize_t>(bytes.size())) {
    reference::give_up("send");
  }
}

void begin_calls(caller& by, std::size_t count) {
  std::string bytes;
  by.begun.insert(by.begun.end(), count, steady::now());
  while (count-- > 0) bytes += by.request;
  if (!bytes.empty()) send_all(by, bytes);
}

// Both protocols answer in lines, and NATS's notices are lines, too. Whether it is a call's answer.
bool is_answer(const caller& by, std::string_view line) {
  if (line.starts_with("INSERTED ") || line.starts_with("{\"stream\":")) return true;
  if (line.starts_with("PING")) {
    send_all(by, "PONG\r\n");
  } else if (!line.starts_with("MSG ") && !line.starts_with("INFO ") && line != "+OK") {
    std::fprintf(stderr, "refused: %.*s\n", static_cast<int>(line.size()), line.data());
    std::exit(2);
  }
  return false;
}

// How many calls were answered.
std::size_t read_answers(caller& by) {
  static std::array<char, 65536> buffer;
  const ssize_t count = ::recv(by.fd, buffer.data(), buffer.size(), 0);
  if (count <= 0) reference::give_up("recv");
  by.in.append(buffer.data(), static_cast<std::size_t>(count));
  const auto now = steady::now();
  std::size_t answered = 0;
  std::size_t from = 0;
  for (std::size_t end = 0; (end = by.in.find("\r\n", from)) != std::string::npos; from = end + 2) {
    if (!is_answer(by, std::string_view(by.in).substr(from, end - from))) continue;
    took_us.push_back(std::chrono::duration<double, std::micro>(now - by.begun.front()).count());
    by.begun.pop_front();
    ++answered;
  }
  by.in.erase(0, from);
  return answered;
}

caller connect_caller(bool nats, std::uint16_t port, std::size_t number, std::size_t body_bytes) {
  caller made;
  made.fd = ::socket(AF_INET, SOCK_STREAM, 0);
  const sockaddr_in address = reference::loopback(port);
  if (::connect(made.fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    reference::give_up("connect");
  }
  reference::no_delay(made.fd);
  const std::string body = std::to_string(body_bytes) + "\r\n" + std::string(body_bytes, 'x');
  made.request = "put 0 0 60 " + body + "\r\n";
  if (nats) {
    const std::string inbox = "inbox." + std::to_string(number);
    made.request = "PUB calls " + inbox + " " + body + "\r\n";
    send_all(made, "CONNECT {\"verbose\":false}\r\nSUB " + inbox + " 1\r\n");
  }
  return made;
}

void print(double seconds) {
  std::sort(took_us.begin(), took_us.end());
  const std::size_t count = took_us.size();
  std::printf("{\"answered\":%zu,\"calls_per_second\":%.1f,\"p50_us\":%.1f,\"p99_us\":%.1f}\n",
              count, static_cast<double>(count) / seconds, took_us[count / 2],
              took_us[count * 99 / 100]);
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view protocol = argc == 7 ? argv[1] : "";
  if (protocol != "beanstalkd" && protocol != "nats") {
    std::fputs("usage: calls_load beanstalkd|nats PORT CONNECTIONS DEPTH SECONDS BODY_BYTES\n",
               stderr);
    return 2;
  }
  const auto number = [&](int at) { return std::strtoull(argv[at], nullptr, 10); };
  const auto port = static_cast<std::uint16_t>(number(2));
  const int epoll = ::epoll_create1(0);
  std::vector<caller> callers;
  for (std::size_t i = 0; i < number(3); ++i) {
    callers.push_back(connect_caller(protocol == "nats", port, i, number(6)));
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u64 = i;
    ::epoll_ctl(epoll, EPOLL_CTL_ADD, callers.back().fd, &event);
  }
  const auto begin = steady::now();
  const auto end = begin + std::chrono::seconds(number(5));
  for (caller& each : callers) begin_calls(each, number(4));
  std::size_t outstanding = callers.size() * number(4);
  std::array<epoll_event, 64> events{};
  while (outstanding > 0) {
    const int count = ::epoll_wait(epoll, events.data(), static_cast<int>(events.size()), -1);
    for (int i = 0; i < count; ++i) {
      caller& one = callers[events[static_cast<std::size_t>(i)].data.u64];
      const std::size_t answered = read_answers(one);
      if (steady::now() < end) {
        begin_calls(one, answered);
      } else {
        outstanding -= answered;
      }
    }
  }
  print(std::chrono::duration<double>(steady::now() - begin).count());
}
