#include "db/child.hpp"

#include <fcntl.h>
#include <linux/close_range.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <system_error>

namespace understudy::db {

namespace {

/// In the child, where nothing may be called that takes a lock or memory.
[[noreturn]] void become(char* const* command, const char* input, const char* output,
                         const child_options& how, pid_t parent) {
  ::setsid();
  if (how.dies_with_us) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(127);
  }
  const int in = how.input_fd >= 0 ? how.input_fd : ::open(input, O_RDONLY);
  const int out = ::open(output, O_WRONLY | O_CREAT | O_APPEND, 0640);
  if (in < 0 || out < 0) ::_exit(127);
  // None of them is below 3: those are our own.
  ::dup2(in, 0);
  ::dup2(how.output_fd >= 0 ? how.output_fd : out, 1);
  ::dup2(out, 2);
  ::close_range(3, ~0U, 0);
  sigset_t none;
  ::sigemptyset(&none);
  ::pthread_sigmask(SIG_SETMASK, &none, nullptr);
  for (const int each : {SIGPIPE, SIGHUP, SIGINT, SIGTERM, SIGCHLD}) ::signal(each, SIG_DFL);
  ::execv(command[0], command);
  ::_exit(127);
}

}  // namespace

pid_t start_child(const child_options& how) {
  std::vector<std::string> words = how.command;
  std::vector<char*> command;
  for (std::string& each : words) command.push_back(each.data());
  command.push_back(nullptr);
  const std::string input = how.input.empty() ? "/dev/null" : how.input;
  const std::string output = how.output.empty() ? "/dev/null" : how.output;
  const pid_t parent = ::getpid();
  const pid_t id = ::fork();
  if (id == 0) become(command.data(), input.c_str(), output.c_str(), how, parent);
  return id < 0 ? -errno : id;
}

int run_child(const child_options& how) {
  const pid_t id = start_child(how);
  if (id < 0) return -1;
  int status = 0;
  while (::waitpid(id, &status, 0) < 0) {
    if (errno != EINTR) return -1;
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

pid_t find_process(const std::vector<std::string>& words) {
  std::string wanted;
  for (const std::string& each : words) wanted += each + '\0';
  std::error_code failed;
  for (const auto& entry : std::filesystem::directory_iterator("/proc", failed)) {
    const std::string name = entry.path().filename();
    pid_t id = 0;
    const auto [end, wrong] = std::from_chars(name.data(), name.data() + name.size(), id);
    if (wrong != std::errc() || end != name.data() + name.size()) continue;
    std::string command(wanted.size(), ' ');
    std::ifstream in(entry.path() / "cmdline", std::ios::binary);
    // One that has ended, and was not reaped, has no command.
    if (in.read(command.data(), static_cast<std::streamsize>(command.size())) &&
        command == wanted) {
      return id;
    }
  }
  return 0;
}

}  // namespace understudy::db
