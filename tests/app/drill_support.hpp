// `understudy drill` as its user runs it, in a folder of the test.
#pragma once

#include <gtest/gtest.h>
#include <sys/wait.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "app/drill/drill_ground.hpp"
#include "app/drill/process.hpp"

namespace understudy::app {

using namespace std::chrono_literals;

inline std::string read_file(const std::filesystem::path& file) {
  std::ifstream in(file);
  return {std::istreambuf_iterator<char>(in), {}};
}

class drill_command : public testing::Test {
 protected:
  drill_command() {
    std::string pattern = (std::filesystem::temp_directory_path() / "drill-test-XXXXXX").string();
    folder_ = ::mkdtemp(pattern.data());
    ::setenv("TMPDIR", folder_.c_str(), 1);  // so that the drill's own folder is inside
    program_ = (std::filesystem::path(own_program()).parent_path() / "understudy").string();
  }
  ~drill_command() override {
    ::unsetenv("TMPDIR");
    std::filesystem::remove_all(folder_);
  }

  [[nodiscard]] std::string log() const { return (folder_ / "log").string(); }
  [[nodiscard]] std::string report() const { return (folder_ / "report.json").string(); }

  process start(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), {program_, "drill"});
    return process(arguments, log());
  }

  /// Its exit code; -1 where it does not end by itself.
  int run(const std::vector<std::string>& arguments) const {
    process drill = start(arguments);
    const auto status = drill.wait(150s);
    return status && WIFEXITED(*status) ? WEXITSTATUS(*status) : -1;
  }

  /// The drill and what it started: processes that have this test's folder in their environment.
  [[nodiscard]] int running() const {
    int count = 0;
    for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
      const std::string environment = read_file(entry.path() / "environ");
      count += environment.find(folder_.string()) != std::string::npos ? 1 : 0;
    }
    return count;
  }

  /// Folders of drills that are still there.
  [[nodiscard]] long folders() const {
    return std::count_if(std::filesystem::directory_iterator(folder_),
                         std::filesystem::directory_iterator(),
                         [](const auto& entry) { return entry.is_directory(); });
  }

  std::filesystem::path folder_;
  std::string program_;
};

}  // namespace understudy::app
