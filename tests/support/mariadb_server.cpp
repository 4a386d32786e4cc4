#include "support/mariadb_server.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <thread>

#include "support/free_port.hpp"

namespace understudy::test {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

/// As much time as a loaded machine may need.
constexpr auto start_time_max = 60s;

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_port = htons(port);
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return at;
}

void run(const std::string& command) {
  if (std::system(command.c_str()) != 0) throw std::runtime_error("failed: " + command);
}

/// A data folder takes seconds to make: one is kept beside the test program and copied.
fs::path pattern() {
  fs::path kept = fs::read_symlink("/proc/self/exe").parent_path() / "net_test.mariadb-10.11";
  if (fs::exists(kept)) return kept;
  const fs::path fresh = kept.string() + "." + std::to_string(::getpid());
  fs::create_directories(fresh);
  run("mariadb-install-db --no-defaults --skip-test-db --auth-root-authentication-method=socket "
      "--innodb-log-file-size=8M --innodb-undo-tablespaces=0 --aria-log-file-size=8M --datadir='" +
      (fresh / "data").string() + "' --tmpdir='" + fresh.string() + "'" +
      (::geteuid() == 0 ? " --user=root" : "") + " > /dev/null 2>&1");
  run("openssl req -x509 -newkey rsa:2048 -nodes -days 3650 -subj /CN=localhost -keyout '" +
      (fresh / "key.pem").string() + "' -out '" + (fresh / "cert.pem").string() + "' 2> /dev/null");
  std::ofstream(fresh / "first.sql") << "CREATE OR REPLACE USER app@'%' IDENTIFIED BY 'secret';\n"
                                        "GRANT ALL ON *.* TO app@'%';\n"
                                        "CREATE DATABASE IF NOT EXISTS app;\n";
  std::error_code lost;
  fs::rename(fresh, kept, lost);
  if (lost) fs::remove_all(fresh);  // another test was faster
  return kept;
}

}  // namespace

mariadb_server::mariadb_server(const std::vector<std::string>& more_options)
    : more_options_(more_options), port_(free_port()) {
  const fs::path from = pattern();
  std::string name = (fs::temp_directory_path() / "understudy-sql-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary folder");
  folder_ = name;
  fs::copy(from, folder_, fs::copy_options::recursive | fs::copy_options::overwrite_existing);
  start_again();
}

void mariadb_server::start_again() {
  start();
  try {
    wait_until_it_greets();
  } catch (...) {
    kill();
    throw;
  }
}

mariadb_server::~mariadb_server() {
  kill();
  std::error_code ignored;
  fs::remove_all(folder_, ignored);
}

void mariadb_server::start() {
  const std::string in = folder_.string() + "/";
  std::vector<std::string> words{"mariadbd",
                                 "--no-defaults",
                                 "--datadir=" + in + "data",
                                 "--socket=" + in + "socket",
                                 "--pid-file=" + in + "pid",
                                 "--tmpdir=" + folder_.string(),
                                 "--log-error=" + in + "log",
                                 "--port=" + std::to_string(port_),
                                 "--bind-address=127.0.0.1",
                                 "--init-file=" + in + "first.sql",
                                 "--ssl-cert=" + in + "cert.pem",
                                 "--ssl-key=" + in + "key.pem",
                                 "--innodb-log-file-size=8M",
                                 "--innodb-buffer-pool-size=16M",
                                 "--innodb-undo-tablespaces=0",
                                 "--max-allowed-packet=64M",
                                 "--local-infile=1",
                                 "--skip-name-resolve"};
  if (::geteuid() == 0) words.emplace_back("--user=root");
  words.insert(words.end(), more_options_.begin(), more_options_.end());
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  const pid_t parent = ::getpid();
  id_ = ::fork();
  if (id_ < 0) throw std::runtime_error("no process for a server");
  if (id_ != 0) return;
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(1);
  // What it says before it has opened its log.
  const int early = ::open((folder_ / "early.log").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  ::dup2(early, STDOUT_FILENO);
  ::dup2(early, STDERR_FILENO);
  ::execvp("mariadbd", arguments.data());
  ::_exit(127);
}

void mariadb_server::wait_until_it_greets() {
  const auto until = std::chrono::steady_clock::now() + start_time_max;
  while (std::chrono::steady_clock::now() < until) {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const sockaddr_in at = loopback(port_);
    char byte = 0;
    pollfd readable{fd, POLLIN, 0};
    const bool greets = ::connect(fd, reinterpret_cast<const sockaddr*>(&at), sizeof at) == 0 &&
                        ::poll(&readable, 1, 5000) > 0 && ::recv(fd, &byte, 1, 0) == 1;
    ::close(fd);
    if (greets) return;
    if (::waitpid(id_, nullptr, WNOHANG) == id_) {
      id_ = 0;
      break;
    }
    std::this_thread::sleep_for(20ms);
  }
  throw std::runtime_error("MariaDB does not start:\n" + log());
}

std::string mariadb_server::log() const {
  std::ostringstream out;
  for (const char* each : {"early.log", "log"}) {
    std::ifstream in(folder_ / each);
    // An empty one would make the stream fail.
    if (in.peek() != std::ifstream::traits_type::eof()) out << in.rdbuf();
  }
  return out.str();
}

void mariadb_server::freeze() {
  ::kill(id_, SIGSTOP);
}

void mariadb_server::kill() {
  if (id_ <= 0) return;
  ::kill(id_, SIGKILL);
  ::waitpid(id_, nullptr, 0);
  id_ = 0;
}

}  // namespace understudy::test
