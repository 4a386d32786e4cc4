#include "app/bench/load_idle.hpp"

#include <poll.h>
#include <sys/resource.h>

#include <cerrno>
#include <fstream>
#include <stdexcept>

#include "wire/frame.hpp"

namespace understudy::app {

namespace {

/// True once a message has come; false where the connection ends or `timeout` passes first.
bool read_answer(int fd, std::chrono::milliseconds timeout) {
  wire::frame_reader reader;
  while (true) {
    pollfd readable{fd, POLLIN, 0};
    if (::poll(&readable, 1, static_cast<int>(timeout.count())) <= 0) return false;
    const auto room = reader.prepare(4096);
    const ssize_t count = ::recv(fd, room.data(), room.size(), 0);
    if (count <= 0) return false;
    reader.commit(static_cast<std::size_t>(count));
    while (true) {
      const auto result = reader.next();
      if (std::holds_alternative<wire::need_more>(result)) break;
      const auto* frame = std::get_if<wire::frame>(&result);
      if (frame == nullptr) return false;
      if (frame->type == wire::frame_type::message) return true;
    }
  }
}

}  // namespace

std::vector<owned_fd> open_idle(const std::string& address, unsigned count,
                                const std::string& request, std::chrono::milliseconds timeout) {
  const socket_address to = resolve_address(address);
  std::vector<owned_fd> connections;
  connections.reserve(count);
  for (unsigned i = 0; i < count; ++i) {
    const auto fail = [&](const std::string& why) {
      throw std::runtime_error("Idle connection " + std::to_string(i + 1) + " of " +
                               std::to_string(count) + ": " + why);
    };
    try {
      connections.push_back(connect_to(to, timeout));
    } catch (const std::runtime_error& error) {
      const bool no_descriptors = errno == EMFILE || errno == ENFILE;
      fail(error.what() +
           std::string(no_descriptors ? " Raise the limit on open files (ulimit -n)." : ""));
    }
    const int fd = connections.back().get();
    const ssize_t sent = ::send(fd, request.data(), request.size(), MSG_NOSIGNAL);
    if (sent != static_cast<ssize_t>(request.size()) || !read_answer(fd, timeout)) {
      fail("the server did not answer its call.");
    }
  }
  return connections;
}

void raise_open_files_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

std::uint64_t resident_bytes(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/status");
  std::string word;
  while (file >> word) {
    std::uint64_t kib = 0;
    if (word == "VmRSS:" && file >> kib) return kib * 1024;
  }
  throw std::runtime_error("There is no process " + std::to_string(pid) + " to measure.");
}

}  // namespace understudy::app
