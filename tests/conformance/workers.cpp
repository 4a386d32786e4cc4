#include "workers.hpp"

#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <system_error>
#include <vector>

namespace understudy::test {
namespace {

void check(bool good, const char* what) {
  if (!good) throw std::system_error(errno, std::generic_category(), what);
}

/// Holds the port for the workers, whichever of them are alive. Never listens itself.
std::string reserve_port(const std::string& address) {
  const auto colon = address.rfind(':');
  if (colon == std::string::npos) throw std::runtime_error("an address is HOST:PORT");
  const auto host = address.substr(0, colon);
  addrinfo hints{};
  hints.ai_family = AF_INET;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (::getaddrinfo(host.c_str(), address.c_str() + colon + 1, &hints, &found) != 0)
    throw std::runtime_error("no such address: " + address);
  const int holder = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  check(holder >= 0, "socket");
  const int on = 1;
  check(::setsockopt(holder, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0, "SO_REUSEADDR");
  check(::setsockopt(holder, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) == 0, "SO_REUSEPORT");
  check(::bind(holder, found->ai_addr, found->ai_addrlen) == 0, "bind");
  ::freeaddrinfo(found);
  sockaddr_in bound{};
  socklen_t size = sizeof bound;
  check(::getsockname(holder, reinterpret_cast<sockaddr*>(&bound), &size) == 0, "getsockname");
  return host + ":" + std::to_string(ntohs(bound.sin_port));
}

sigset_t watched_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int one : {SIGTERM, SIGINT, SIGCHLD}) sigaddset(&signals, one);
  return signals;
}

pid_t start_worker(const std::string& address, int ready, const worker_function& work) {
  const pid_t parent = ::getpid();
  const pid_t child = ::fork();
  check(child >= 0, "fork");
  if (child != 0) return child;
  const auto all = watched_signals();
  ::sigprocmask(SIG_UNBLOCK, &all, nullptr);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) std::_Exit(1);
  int result = 1;
  try {
    result = work(address, [ready] { check(::write(ready, "+", 1) == 1, "write"); });
  } catch (const std::exception& error) {
    std::fprintf(stderr, "worker: %s\n", error.what());
  }
  std::_Exit(result);
}

/// False if one died before all were listening.
bool all_listen(int ready, std::size_t count) {
  while (count != 0) {
    pollfd waits{ready, POLLIN, 0};
    char byte = 0;
    if (::poll(&waits, 1, 50) > 0 && ::read(ready, &byte, 1) == 1)
      --count;
    else if (::waitpid(-1, nullptr, WNOHANG) != 0)
      return false;
  }
  return true;
}

}  // namespace

int run_workers(const std::string& listen_on, unsigned count, const worker_function& work) {
  const auto signals = watched_signals();
  ::sigprocmask(SIG_BLOCK, &signals, nullptr);
  const auto address = reserve_port(listen_on);
  int ready[2];
  check(::pipe(ready) == 0, "pipe");
  std::vector<pid_t> workers;
  while (workers.size() < count) workers.push_back(start_worker(address, ready[1], work));
  const bool good = all_listen(ready[0], count);
  if (good) {
    std::printf("listening %s\n", address.c_str());
    std::fflush(stdout);
  }
  while (good && ::sigwaitinfo(&signals, nullptr) == SIGCHLD) {
    for (pid_t ended = 0; (ended = ::waitpid(-1, nullptr, WNOHANG)) > 0;) {
      const auto place = std::ranges::find(workers, ended);
      if (place == workers.end()) continue;
      ::usleep(100'000);  // one that cannot start must not burn a core
      *place = start_worker(address, ready[1], work);
    }
  }
  for (const pid_t worker : workers) ::kill(worker, SIGTERM);
  for (const pid_t worker : workers) ::waitpid(worker, nullptr, 0);
  return good ? 0 : 1;
}

}  // namespace understudy::test
