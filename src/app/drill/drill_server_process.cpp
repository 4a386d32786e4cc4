#include "app/drill/drill_server_process.hpp"

#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <system_error>
#include <thread>
#include <utility>

#include "db/child.hpp"
#include "db/server_process.hpp"

namespace understudy::app {

namespace fs = std::filesystem;

namespace {

constexpr std::chrono::seconds end_timeout{10};
constexpr std::chrono::milliseconds look_interval{20};

std::string read_all(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

/// Processes that run one of MariaDB's programs with a file of `folder` among their words.
std::vector<pid_t> processes_of(const std::string& folder) {
  std::vector<pid_t> out;
  std::error_code failed;
  for (const auto& entry : fs::directory_iterator("/proc", failed)) {
    const std::string name = entry.path().filename();
    pid_t id = 0;
    const auto [end, wrong] = std::from_chars(name.data(), name.data() + name.size(), id);
    if (wrong != std::errc() || end != name.data() + name.size()) continue;
    const std::string command = read_all(entry.path() / "cmdline");
    const bool mariadb = command.find("/mariadb") != std::string::npos;
    if (mariadb && command.find(folder + "/") != std::string::npos) out.push_back(id);
  }
  return out;
}

void end_servers(const std::string& folder) {
  const auto until = std::chrono::steady_clock::now() + end_timeout;
  for (;;) {
    const auto found = processes_of(folder);
    if (found.empty() || std::chrono::steady_clock::now() > until) return;
    for (const pid_t id : found) ::kill(id, SIGKILL);
    std::this_thread::sleep_for(look_interval);
  }
}

/// In a child that has a copy of all we have: nothing of it is to outlive us but what it needs.
[[noreturn]] void guard(int lives, const std::vector<std::string>& folders) {
  ::setpgid(0, 0);  // a terminal's Ctrl-C reaches only the drill
  for (const int each : {SIGINT, SIGTERM, SIGPIPE}) ::signal(each, SIG_IGN);
  ::dup2(lives, 3);
  ::close_range(4, ~0U, 0);
  char none = 0;
  while (::read(3, &none, 1) < 0 && errno == EINTR) {
  }
  for (const std::string& each : folders) end_servers(each);
  ::_exit(0);
}

}  // namespace

pid_t find_server(const std::string& folder) {
  const db::process_options defaults;
  return db::find_process(
      {defaults.program, "--defaults-file=" + db::settings_file(folder).string()});
}

bool stands_still(pid_t id) {
  std::error_code gone;
  const fs::path tasks = "/proc/" + std::to_string(id) + "/task";
  for (const auto& each : fs::directory_iterator(tasks, gone)) {
    const std::string stat = read_all(each.path() / "stat");
    const auto name_end = stat.rfind(") ");
    if (name_end != std::string::npos && stat.compare(name_end + 2, 1, "T") != 0) return false;
  }
  return true;
}

server_guard::server_guard(std::vector<std::string> folders) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
    throw std::system_error(errno, std::generic_category(), "pipe2");
  }
  owned_fd read_end(ends[0]);
  owned_fd write_end(ends[1]);
  child_ = ::fork();
  if (child_ < 0) throw std::system_error(errno, std::generic_category(), "fork");
  if (child_ == 0) guard(read_end.get(), folders);
  lives_ = std::move(write_end);
}

server_guard::~server_guard() {
  lives_.reset();
  ::waitpid(child_, nullptr, 0);
}

}  // namespace understudy::app
