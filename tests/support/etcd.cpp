#include "support/etcd.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <boost/json.hpp>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <thread>

#include "net/http.hpp"
#include "support/free_port.hpp"
#include "support/test_server.hpp"

namespace understudy::test {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

std::vector<std::string> free_addresses(std::size_t count) {
  std::vector<std::string> out;
  for (std::size_t i = 0; i < count; ++i) {
    out.push_back("127.0.0.1:" + std::to_string(free_port()));
  }
  return out;
}

pid_t start_process(const std::vector<std::string>& arguments, const std::string& log) {
  std::vector<char*> pointers;
  for (const auto& each : arguments) pointers.push_back(const_cast<char*>(each.c_str()));
  pointers.push_back(nullptr);
  const pid_t parent = ::getpid();
  const pid_t child = ::fork();
  if (child < 0) throw std::runtime_error("can not fork");
  if (child > 0) return child;
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(1);
  const int out = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
  ::dup2(out, STDOUT_FILENO);
  ::dup2(out, STDERR_FILENO);
  ::execvp(pointers[0], pointers.data());
  ::_exit(127);
}

std::string fetch(const std::string& address, const char* method, const std::string& path,
                  const std::string& body) {
  net::http_request request;
  request.method = method;
  request.path = path;
  request.body = body;
  return net::http_fetch(address, request, 2s).body;
}

/// True for "true", too: health is told as a text.
bool is_healthy(const std::string& address) {
  try {
    return fetch(address, "GET", "/health", "").find("\"true\"") != std::string::npos;
  } catch (const std::runtime_error&) {
    return false;
  }
}

}  // namespace

etcd_cluster::etcd_cluster(std::size_t members) {
  std::string name = (fs::temp_directory_path() / "understudy-etcd-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("can not make " + name);
  folder_ = name;
  const auto addresses = free_addresses(2 * members);
  for (std::size_t i = 0; i < members; ++i) {
    one member;
    member.name = "m" + std::to_string(i);
    member.client = addresses[2 * i];
    member.peer = addresses[2 * i + 1];
    members_.push_back(member);
  }
  for (std::size_t i = 0; i < members; ++i) start(i);
  await_health();
}

etcd_cluster::~etcd_cluster() {
  for (std::size_t i = 0; i < members_.size(); ++i) kill(i);
  std::error_code ignored;
  fs::remove_all(folder_, ignored);
}

const std::string& etcd_cluster::endpoint(std::size_t member) const {
  return members_.at(member).client;
}

std::vector<std::string> etcd_cluster::endpoints() const {
  std::vector<std::string> out;
  for (const one& each : members_) out.push_back(each.client);
  return out;
}

void etcd_cluster::start(std::size_t member) {
  std::string all;
  for (const one& each : members_) {
    if (!all.empty()) all += ',';
    all += each.name + "=http://" + each.peer;
  }
  one& which = members_.at(member);
  const std::string client = "http://" + which.client;
  const std::string peer = "http://" + which.peer;
  const std::vector<std::string> arguments{"etcd",
                                           "--name",
                                           which.name,
                                           "--data-dir",
                                           data_of(member),
                                           "--listen-client-urls",
                                           client,
                                           "--advertise-client-urls",
                                           client,
                                           "--listen-peer-urls",
                                           peer,
                                           "--initial-advertise-peer-urls",
                                           peer,
                                           "--initial-cluster",
                                           all,
                                           "--logger",
                                           "zap",
                                           "--log-level",
                                           "warn"};
  which.pid = start_process(arguments, folder_ + "/log");
}

void etcd_cluster::kill(std::size_t member) {
  one& which = members_.at(member);
  if (which.pid < 0) return;
  ::kill(which.pid, SIGKILL);
  ::waitpid(which.pid, nullptr, 0);
  which.pid = -1;
}

void etcd_cluster::pause(std::size_t member) {
  const pid_t pid = members_.at(member).pid;
  ::kill(pid, SIGSTOP);
  int status = 0;
  ::waitpid(pid, &status, WUNTRACED);  // all its threads stand still now
}

void etcd_cluster::resume(std::size_t member) {
  ::kill(members_.at(member).pid, SIGCONT);
}

void etcd_cluster::await_health() const {
  const auto deadline = std::chrono::steady_clock::now() + patience;
  for (const one& each : members_) {
    while (!is_healthy(each.client)) {
      if (std::chrono::steady_clock::now() > deadline) {
        throw std::runtime_error("etcd does not come up:\n" + log_end());
      }
      std::this_thread::sleep_for(20ms);
    }
  }
}

std::size_t etcd_cluster::leader() const {
  for (std::size_t i = 0; i < members_.size(); ++i) {
    const auto status = boost::json::parse(post(i, "/v3/maintenance/status", "{}"));
    if (status.at("leader") == status.at("header").at("member_id")) return i;
  }
  throw std::runtime_error("no member of etcd leads");
}

std::string etcd_cluster::data_of(std::size_t member) const {
  return folder_ + '/' + members_.at(member).name;
}

void etcd_cluster::empty(std::size_t member) {
  fs::remove_all(data_of(member));
}

void etcd_cluster::save(std::size_t member) {
  fs::remove_all(data_of(member) + ".saved");
  fs::copy(data_of(member), data_of(member) + ".saved", fs::copy_options::recursive);
}

void etcd_cluster::restore(std::size_t member) {
  empty(member);
  fs::copy(data_of(member) + ".saved", data_of(member), fs::copy_options::recursive);
}

std::string etcd_cluster::post(std::size_t member, const std::string& path,
                               const std::string& body) const {
  return fetch(endpoint(member), "POST", path, body);
}

int etcd_cluster::watchers(std::size_t member) const {
  const std::string all = fetch(endpoint(member), "GET", "/metrics", "");
  const std::string name = "\netcd_debugging_mvcc_watcher_total ";
  const auto at = all.find(name);
  if (at == std::string::npos) throw std::runtime_error("etcd does not count its watchers");
  return std::stoi(all.substr(at + name.size()));
}

std::string etcd_cluster::log_end() const {
  std::ostringstream all;
  all << std::ifstream(folder_ + "/log").rdbuf();
  const std::string text = all.str();
  return text.substr(text.size() - std::min<std::size_t>(text.size(), 2000));
}

}  // namespace understudy::test
