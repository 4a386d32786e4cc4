#include "app/drill/drill_ground.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <filesystem>
#include <system_error>
#include <thread>

namespace understudy::app {

namespace {

using std::chrono::milliseconds;

constexpr milliseconds wait_timeout{20000};
constexpr milliseconds poll_interval{10};

volatile std::sig_atomic_t interrupt_flag = 0;
struct sigaction old_int;
struct sigaction old_term;

extern "C" void raise_interrupt_flag(int) {
  interrupt_flag = 1;
}

}  // namespace

interrupt_guard::interrupt_guard() {
  interrupt_flag = 0;
  struct sigaction action {};
  action.sa_handler = raise_interrupt_flag;
  ::sigaction(SIGINT, &action, &old_int);
  ::sigaction(SIGTERM, &action, &old_term);
}

interrupt_guard::~interrupt_guard() {
  ::sigaction(SIGINT, &old_int, nullptr);
  ::sigaction(SIGTERM, &old_term, nullptr);
}

bool interrupt_guard::interrupted() {
  return interrupt_flag != 0;
}

drill_folder::drill_folder(bool keep) : keep_(keep) {
  path_ = (std::filesystem::temp_directory_path() / "understudy-drill-XXXXXX").string();
  if (::mkdtemp(path_.data()) == nullptr) {
    throw std::runtime_error("Cannot make the folder " + path_ + ": " +
                             std::generic_category().message(errno) + ".");
  }
}

drill_folder::~drill_folder() {
  std::error_code ignored;  // a folder that stays behind is no reason to fail
  if (!keep_) std::filesystem::remove_all(path_, ignored);
}

reserved_address::reserved_address() : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  socklen_t length = sizeof address;
  const int yes = 1;
  // Alone while it is bound: no other socket has the port. Shared afterwards: a server's listening
  // socket, which asks for SO_REUSEADDR too, may have it, and everything else still may not.
  if (::bind(socket_.get(), generic, length) != 0 ||
      ::getsockname(socket_.get(), generic, &length) != 0 ||
      ::setsockopt(socket_.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) != 0) {
    throw std::runtime_error(
        "No port of 127.0.0.1 could be reserved: " + std::generic_category().message(errno) + ".");
  }
  text_ = "127.0.0.1:" + std::to_string(ntohs(address.sin_port));
}

void drill_pause(milliseconds time) {
  const auto end = std::chrono::steady_clock::now() + time;
  while (true) {
    if (interrupt_guard::interrupted()) throw drill_interrupted();
    const auto left = end - std::chrono::steady_clock::now();
    if (left <= left.zero()) return;
    std::this_thread::sleep_for(std::min<std::chrono::nanoseconds>(left, poll_interval));
  }
}

bool drill_wait(const std::function<bool()>& condition, milliseconds limit) {
  const auto end = std::chrono::steady_clock::now() + limit;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    drill_pause(poll_interval);
  }
  return true;
}

void drill_wait_until(const std::function<bool()>& condition, const std::string& what) {
  if (drill_wait(condition, wait_timeout)) return;
  throw std::runtime_error("Waited " + std::to_string(wait_timeout.count() / 1000) +
                           " s in vain for " + what + ".");
}

std::string own_program() {
  return std::filesystem::read_symlink("/proc/self/exe").string();
}

}  // namespace understudy::app
