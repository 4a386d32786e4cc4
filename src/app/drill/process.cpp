#include "app/drill/process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <fstream>
#include <stdexcept>
#include <system_error>
#include <thread>
#include <utility>

namespace understudy::app {

namespace {

using std::chrono::milliseconds;

std::runtime_error cannot_start(const std::string& program, int error) {
  return std::runtime_error("Cannot start " + program + ": " +
                            std::generic_category().message(error) + ".");
}

std::pair<owned_fd, owned_fd> make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
    throw std::system_error(errno, std::generic_category(), "pipe2");
  }
  return {owned_fd(ends[0]), owned_fd(ends[1])};
}

// In the child, between fork and exec: only calls that are safe in a copy of a threaded process.
// An error number goes to `failure`, which exec closes otherwise.
[[noreturn]] void become(char* const* arguments, pid_t parent, int output, int log, int failure) {
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::signal(SIGPIPE, SIG_DFL);
  ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(127);  // it died before it could be watched
  ::dup2(output, STDOUT_FILENO);
  ::dup2(log, STDERR_FILENO);
  ::execv(arguments[0], arguments);
  const int error = errno;
  [[maybe_unused]] const ssize_t written = ::write(failure, &error, sizeof error);
  ::_exit(127);
}

milliseconds until(std::chrono::steady_clock::time_point deadline) {
  const auto left = std::chrono::ceil<milliseconds>(deadline - std::chrono::steady_clock::now());
  return std::max(left, milliseconds{0});
}

}  // namespace

process::process(const std::vector<std::string>& arguments, std::string log_file)
    : name_(arguments.at(0).substr(arguments[0].rfind('/') + 1)), log_file_(std::move(log_file)) {
  std::vector<char*> pointers;
  for (const auto& argument : arguments) pointers.push_back(const_cast<char*>(argument.c_str()));
  pointers.push_back(nullptr);
  const owned_fd log(::open(log_file_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644));
  if (!log) throw cannot_start(log_file_, errno);
  auto [output_read, output_write] = make_pipe();
  auto [failure_read, failure_write] = make_pipe();

  const pid_t parent = ::getpid();
  pid_ = ::fork();
  if (pid_ < 0) throw cannot_start(name_, errno);
  if (pid_ == 0) {
    become(pointers.data(), parent, output_write.get(), log.get(), failure_write.get());
  }
  ::setpgid(pid_, pid_);  // here too, so that it holds as soon as we go on
  failure_write.reset();
  int error = 0;
  if (::read(failure_read.get(), &error, sizeof error) > 0) {
    ::waitpid(pid_, nullptr, 0);
    throw cannot_start(arguments[0], error);
  }
  pidfd_ = owned_fd(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
  output_ = std::move(output_read);
}

process::process(process&& other) noexcept
    : name_(std::move(other.name_)),
      log_file_(std::move(other.log_file_)),
      pid_(std::exchange(other.pid_, -1)),
      pidfd_(std::move(other.pidfd_)),
      output_(std::move(other.output_)),
      unread_(std::move(other.unread_)),
      status_(other.status_) {}

process::~process() {
  if (pid_ < 0 || status_) return;
  ::kill(-pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
}

std::string process::wait_for_line(const std::string& prefix, milliseconds timeout) {
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  while (true) {
    for (std::size_t end = unread_.find('\n'); end != std::string::npos; end = unread_.find('\n')) {
      const std::string line = unread_.substr(0, end);
      unread_.erase(0, end + 1);
      if (line.starts_with(prefix)) return line.substr(prefix.size());
    }
    pollfd ready{output_.get(), POLLIN, 0};
    const auto left = until(deadline);
    if (left.count() == 0 || ::poll(&ready, 1, static_cast<int>(left.count())) == 0) {
      throw std::runtime_error(name_ + " was not ready after " + std::to_string(timeout.count()) +
                               " ms: its output has no line \"" + prefix + "..\"." + log_end());
    }
    std::array<char, 4096> bytes{};
    const ssize_t count = ::read(output_.get(), bytes.data(), bytes.size());
    if (count > 0) {
      unread_.append(bytes.data(), static_cast<std::size_t>(count));
    } else if (count == 0 || errno != EINTR) {
      throw std::runtime_error(name_ + " ended before it was ready." + log_end());
    }
  }
}

void process::signal(int number) {
  if (!status_) ::kill(pid_, number);
}

void process::freeze() {
  signal(SIGSTOP);
  for (int i = 0; i < 1000 && !status_; ++i) {
    siginfo_t what{};
    const int done = ::waitid(P_PID, static_cast<id_t>(pid_), &what, WSTOPPED | WNOHANG);
    if (done != 0 || what.si_pid == pid_) return;
    std::this_thread::sleep_for(milliseconds(1));
  }
}

std::optional<int> process::wait(milliseconds timeout) {
  if (status_) return status_;
  pollfd ended{pidfd_.get(), POLLIN, 0};
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  while (::poll(&ended, 1, static_cast<int>(until(deadline).count())) < 0 && errno == EINTR) {
  }
  int status = 0;
  if (::waitpid(pid_, &status, WNOHANG) == pid_) status_ = status;
  return status_;
}

std::string process::log_end() const {
  constexpr std::size_t kept = 500;
  std::ifstream file(log_file_);
  std::string text{std::istreambuf_iterator<char>(file), {}};
  if (text.empty()) return "";
  if (text.size() > kept) text.erase(0, text.size() - kept);
  return " The end of " + log_file_ + ":\n" + text;
}

}  // namespace understudy::app
