// conformance_server as a program: its address, its workers, its end.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>

#include "support/test_server.hpp"

namespace understudy::test {
namespace {

/// The program beside this test; ended with it.
class program {
 public:
  explicit program(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {path(), "--listen", "127.0.0.1:0"});
    std::vector<char*> raw;
    for (auto& argument : arguments) raw.push_back(argument.data());
    raw.push_back(nullptr);
    int output[2];
    if (::pipe(output) != 0) throw std::runtime_error("pipe");
    pid_ = ::fork();
    if (pid_ == 0) {
      ::dup2(output[1], STDOUT_FILENO);
      ::execv(raw[0], raw.data());
      ::_exit(127);
    }
    ::close(output[1]);
    std::string line;
    for (char c = 0; c != '\n' && ::read(output[0], &c, 1) == 1;) line += c;
    ::close(output[0]);
    constexpr std::string_view start = "listening 127.0.0.1:";
    if (!line.starts_with(start)) throw std::runtime_error("it printed: " + line);
    port_ = static_cast<std::uint16_t>(std::stoi(line.substr(start.size())));
  }
  ~program() {
    if (pid_ > 0) {
      ::kill(pid_, SIGKILL);
      ::waitpid(pid_, nullptr, 0);
    }
  }
  program(const program&) = delete;
  program& operator=(const program&) = delete;

  [[nodiscard]] std::uint16_t port() const { return port_; }

  [[nodiscard]] std::set<pid_t> workers() const {
    const auto id = std::to_string(pid_);
    std::ifstream children("/proc/" + id + "/task/" + id + "/children");
    return {std::istream_iterator<pid_t>(children), std::istream_iterator<pid_t>()};
  }

  /// Its exit code after SIGTERM.
  int end() {
    ::kill(pid_, SIGTERM);
    int status = 0;
    ::waitpid(std::exchange(pid_, 0), &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

 private:
  static std::string path() {
    return (std::filesystem::read_symlink("/proc/self/exe").parent_path() / "conformance_server")
        .string();
  }

  pid_t pid_ = 0;
  std::uint16_t port_ = 0;
};

std::string whoami(std::uint16_t port) {
  wire_socket peer(port);
  return peer.ask(request_text("UserInterface@whoami", "[]"));
}

std::string result(const std::string& text) {
  return R"({"jsonrpc":"2.0","id":"","result":")" + text + "\"}";
}

TEST(ConformanceServer, ServesAndEndsOnATermSignal) {
  program server({});
  EXPECT_EQ(whoami(server.port()), result(std::to_string(server.port())));
  wire_socket busy(server.port());
  busy.send_message(request_text("UserInterface@slow", "[300]"));
  wire_socket other(server.port());
  EXPECT_EQ(answer_kind(other.ask(request_text("UserInterface@ping", "[]"))), "result");
  EXPECT_EQ(server.end(), 0);
  EXPECT_EQ(busy.receive().value().body, result("slept 300")) << "the running call was cut off";
}

TEST(ConformanceServer, StartsADeadWorkerAgain) {
  program server({"--workers", "2", "--name", "us"});
  EXPECT_EQ(whoami(server.port()), result("us"));
  const auto before = server.workers();
  ASSERT_EQ(before.size(), 2U);
  ::kill(*before.begin(), SIGKILL);
  EXPECT_TRUE(eventually([&] {
    const auto now = server.workers();
    return now.size() == 2 && !now.contains(*before.begin());
  }));
  EXPECT_TRUE(eventually([&] {
    try {
      return whoami(server.port()) == result("us");
    } catch (const std::exception&) {
      return false;  // the new one does not listen yet
    }
  }));
  EXPECT_EQ(server.end(), 0);
}

}  // namespace
}  // namespace understudy::test
