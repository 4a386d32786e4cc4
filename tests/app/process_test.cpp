#include "app/drill/process.hpp"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <stdexcept>

namespace understudy::app {
namespace {

using namespace std::chrono_literals;

class process_test : public testing::Test {
 protected:
  process_test() {
    std::string pattern = (std::filesystem::temp_directory_path() / "process-XXXXXX").string();
    folder_ = ::mkdtemp(pattern.data());
  }
  ~process_test() override { std::filesystem::remove_all(folder_); }

  process shell(const std::string& script) {
    return process({"/bin/sh", "-c", script}, (folder_ / "log").string());
  }
  /// A zombie is not alive: who reaps an orphan, and when, is not ours to decide.
  static bool alive(pid_t pid) {
    std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
    std::string text;
    std::getline(file, text);
    const std::size_t name_end = text.rfind(')');
    return name_end != std::string::npos && text.compare(name_end, 3, ") Z") != 0;
  }

  std::filesystem::path folder_;
};

std::string sentence_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const std::runtime_error& error) {
    return error.what();
  }
  return "";
}

TEST_F(process_test, reads_the_line_it_waits_for) {
  process child = shell("echo hello; echo listening 127.0.0.1:1; echo http x; exec sleep 60");
  EXPECT_EQ(child.wait_for_line("listening ", 10s), "127.0.0.1:1");
  EXPECT_EQ(child.wait_for_line("http ", 10s), "x");
  EXPECT_FALSE(child.wait(0ms));
}

TEST_F(process_test, tells_the_log_of_a_child_that_ends_early) {
  process child = shell("echo no disk is left >&2; exit 3");
  const auto sentence = sentence_of([&] { (void)child.wait_for_line("listening ", 10s); });
  EXPECT_NE(sentence.find("ended before it was ready"), std::string::npos) << sentence;
  EXPECT_NE(sentence.find("no disk is left"), std::string::npos) << sentence;
  const auto status = child.wait(10s);
  ASSERT_TRUE(status);
  EXPECT_EQ(WEXITSTATUS(*status), 3);
}

TEST_F(process_test, gives_up_waiting_for_a_silent_child) {
  process child = shell("exec sleep 60");
  const auto sentence = sentence_of([&] { (void)child.wait_for_line("listening ", 20ms); });
  EXPECT_NE(sentence.find("was not ready"), std::string::npos) << sentence;
}

TEST_F(process_test, refuses_a_program_that_is_not_there) {
  const auto sentence =
      sentence_of([&] { process child({"/nowhere/orders"}, (folder_ / "log").string()); });
  EXPECT_EQ(sentence, "Cannot start /nowhere/orders: No such file or directory.");
}

TEST_F(process_test, reports_the_signal_that_ended_it) {
  process child = shell("exec sleep 60");
  child.signal(SIGKILL);
  const auto status = child.wait(10s);
  ASSERT_TRUE(status);
  EXPECT_TRUE(WIFSIGNALED(*status));
  EXPECT_EQ(WTERMSIG(*status), SIGKILL);
}

TEST_F(process_test, stops_the_child_and_its_children_with_the_handle) {
  pid_t child_pid = 0;
  pid_t grandchild_pid = 0;
  {
    process child = shell("sleep 60 & echo child $!; wait");
    child_pid = child.pid();
    grandchild_pid = std::stoi(child.wait_for_line("child ", 10s));
    EXPECT_TRUE(alive(grandchild_pid));
  }
  EXPECT_FALSE(alive(child_pid));
  for (int i = 0; i < 1000 && alive(grandchild_pid); ++i) ::usleep(10000);
  EXPECT_FALSE(alive(grandchild_pid));
}

TEST_F(process_test, a_moved_handle_still_owns_the_child) {
  process child = shell("exec sleep 60");
  const pid_t pid = child.pid();
  {
    process owner = std::move(child);
    EXPECT_TRUE(alive(pid));
  }
  EXPECT_FALSE(alive(pid));
}

}  // namespace
}  // namespace understudy::app
