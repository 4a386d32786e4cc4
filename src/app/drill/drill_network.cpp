#include "app/drill/drill_network.hpp"

#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <system_error>

#include "app/drill/drill_ground.hpp"

namespace understudy::app {

namespace {

constexpr std::chrono::milliseconds command_timeout{5000};

std::string find_tool(const std::string& name) {
  for (const char* folder : {"/usr/sbin/", "/sbin/", "/usr/bin/", "/bin/"}) {
    if (::access((folder + name).c_str(), X_OK) == 0) return folder + name;
  }
  throw drill_unavailable("the tool " + name + " is not here");
}

void run(std::vector<std::string> command) {
  std::string line;
  for (const auto& word : command) line += (line.empty() ? "" : " ") + word;
  process tool(command, "/dev/null");
  if (tool.wait(command_timeout) != 0) throw drill_unavailable("\"" + line + "\" failed");
}

std::vector<std::string> behind(std::vector<std::string> prefix,
                                const std::vector<std::string>& command) {
  prefix.insert(prefix.end(), command.begin(), command.end());
  return prefix;
}

std::string namespace_of(pid_t pid) {
  std::error_code ignored;
  return std::filesystem::read_symlink("/proc/" + std::to_string(pid) + "/ns/net", ignored);
}

// A token bucket that no packet fits into. It works without any module that this needs beside it.
std::vector<std::string> vanish(const std::string& interface) {
  return {find_tool("tc"), "qdisc", "add",   "dev", interface, "root", "tbf",
          "rate",          "8bit",  "burst", "1",   "latency", "1ms"};
}

}  // namespace

drill_network::drill_network() : home_(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC)) {
  const std::string sleep = find_tool("sleep");
  for (const char* tool : {"ip", "tc", "nsenter", "unshare"}) (void)find_tool(tool);
  if (!home_ || ::unshare(CLONE_NEWNET) != 0) {
    throw drill_unavailable("no network namespace can be made: " +
                            std::generic_category().message(errno));
  }
  try {
    join();
  } catch (...) {
    ::setns(home_.get(), CLONE_NEWNET);
    throw;
  }
}

drill_network::~drill_network() {
  ::setns(home_.get(), CLONE_NEWNET);
}

void drill_network::join() {
  const std::string ip = find_tool("ip");
  holder_.emplace(
      std::vector<std::string>{find_tool("unshare"), "--net", find_tool("sleep"), "infinity"},
      "/dev/null");
  const std::string holder = std::to_string(holder_->pid());
  const std::string mine = namespace_of(::getpid());
  drill_wait_until([&] { return namespace_of(holder_->pid()) != mine; }, "a network namespace");
  at_primary_ = {find_tool("nsenter"), "--net=/proc/" + holder + "/ns/net"};

  // The neighbours are told by hand: a cut must not show as an address that nobody answers for.
  const std::string caller_mac = "02:00:00:00:00:01";
  const std::string primary_mac = "02:00:00:00:00:02";
  run({ip, "link", "set", "lo", "up"});
  run({ip, "link", "add", "caller0", "address", caller_mac, "type", "veth", "peer", "name",
       "primary0", "address", primary_mac, "netns", holder});
  run({ip, "addr", "add", "10.77.0.1/30", "dev", "caller0"});
  run({ip, "link", "set", "caller0", "up"});
  run({ip, "neigh", "add", "10.77.0.2", "lladdr", primary_mac, "nud", "permanent", "dev",
       "caller0"});
  const std::array<std::vector<std::string>, 4> there{{
      {ip, "link", "set", "lo", "up"},
      {ip, "addr", "add", "10.77.0.2/30", "dev", "primary0"},
      {ip, "link", "set", "primary0", "up"},
      {ip, "neigh", "add", "10.77.0.1", "lladdr", caller_mac, "nud", "permanent", "dev",
       "primary0"},
  }};
  for (const auto& command : there) run(behind(at_primary_, command));
}

void drill_network::cut() {
  run(vanish("caller0"));
  run(behind(at_primary_, vanish("primary0")));
}

}  // namespace understudy::app
