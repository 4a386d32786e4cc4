#include "db/tool.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <system_error>

// glibc 2.36 forgot that it is C.
extern "C" {
#include <sys/pidfd.h>
}

#include "db/files.hpp"

namespace understudy::db {

connected_pair::connected_pair() {
  // Sockets, so that whoever writes can do without SIGPIPE.
  std::array<int, 2> ends{-1, -1};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) return;
  in_ = ends[0];
  out_ = ends[1];
}

connected_pair::~connected_pair() {
  close_in();
  close_out();
}

void connected_pair::close_in() {
  if (in_ >= 0) ::close(in_);
  in_ = -1;
}

void connected_pair::close_out() {
  if (out_ >= 0) ::close(out_);
  out_ = -1;
}

tool::tool(child_options how, std::filesystem::path log)
    : name_(std::filesystem::path(how.command.at(0)).filename()), log_(std::move(log)) {
  std::error_code ignored;
  std::filesystem::remove(log_, ignored);
  how.output = log_.string();
  how.dies_with_us = true;
  id_ = start_child(how);
  if (id_ > 0) descriptor_ = ::pidfd_open(id_, 0);
  if (id_ > 0 && descriptor_ < 0) {
    ::kill(id_, SIGKILL);  // not reaped: nobody else can have its number
    reap();
  }
}

void tool::reap() {
  if (id_ <= 0) return;
  while (::waitpid(id_, &status_, 0) < 0 && errno == EINTR) {
  }
  id_ = -1;
  if (descriptor_ >= 0) ::close(descriptor_);
  descriptor_ = -1;
}

void tool::kill() {
  if (id_ <= 0) return;
  ::pidfd_send_signal(descriptor_, SIGKILL, nullptr, 0);
  reap();
}

bool tool::over() {
  if (id_ <= 0) return true;
  pollfd fd{descriptor_, POLLIN, 0};
  if (::poll(&fd, 1, 0) <= 0) return false;
  reap();
  return true;
}

std::string tool::failure() const {
  if (status_ >= 0 && WIFEXITED(status_) && WEXITSTATUS(status_) == 0) return {};
  std::string out = name_;
  if (status_ < 0) {
    out += " could not be started";
  } else if (WIFSIGNALED(status_)) {
    out += " was ended by signal " + std::to_string(WTERMSIG(status_));
  } else {
    out += " failed with " + std::to_string(WEXITSTATUS(status_));
  }
  if (const std::string words = last_lines(log_); !words.empty()) out += ": " + words;
  return out;
}

bool stopped(const interrupt* stop) {
  if (stop == nullptr) return false;
  pollfd fd{stop->descriptor(), POLLIN, 0};
  return ::poll(&fd, 1, 0) > 0;
}

std::string wait_all(const std::vector<tool*>& all, const interrupt* stop,
                     const std::function<void()>& tick) {
  constexpr int often = 200;
  for (;;) {
    std::vector<pollfd> fds;
    for (tool* each : all) {
      if (!each->over()) fds.push_back({each->descriptor(), POLLIN, 0});
    }
    if (fds.empty()) break;
    if (stop != nullptr) fds.push_back({stop->descriptor(), POLLIN, 0});
    ::poll(fds.data(), fds.size(), often);
    if (stopped(stop)) {
      for (tool* each : all) each->kill();
      return cancelled;
    }
    if (tick) tick();
  }
  std::string first;
  for (const tool* each : all) {
    const std::string failed = each->failure();
    const bool pipe = failed.find("by signal " + std::to_string(SIGPIPE)) != std::string::npos;
    if (!failed.empty() && (first.empty() || !pipe)) first = failed;
  }
  return first;
}

}  // namespace understudy::db
