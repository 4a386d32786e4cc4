// Child processes that are always stopped: by their handle, or by the kernel when we die.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "app/bench/load_socket.hpp"

namespace understudy::app {

/// One child, in a process group of its own (a terminal's Ctrl-C reaches only us; what we start
/// is stopped by us). The destructor kills the whole group and waits for the child.
/// Start them on the main thread: the kernel kills the child when the thread that started it ends.
class process {
 public:
  /// Runs `arguments[0]` with its standard error appended to `log_file`. Throws
  /// std::runtime_error with a sentence, also when the program cannot be executed.
  process(const std::vector<std::string>& arguments, std::string log_file);
  ~process();
  process(process&& other) noexcept;
  process& operator=(process&&) = delete;

  [[nodiscard]] pid_t pid() const { return pid_; }
  /// What follows `prefix` on the first line of its standard output that begins with it. Throws
  /// std::runtime_error, with the end of its log, where none comes before `timeout` or it ends.
  [[nodiscard]] std::string wait_for_line(const std::string& prefix,
                                          std::chrono::milliseconds timeout);
  /// To the child alone. Nothing happens once it has been waited for.
  void signal(int number);
  /// SIGSTOP, and waits until all its threads stand still (a second at most).
  void freeze();
  /// Its wait status, once it has ended; nothing if it has not before `timeout`.
  std::optional<int> wait(std::chrono::milliseconds timeout);

 private:
  [[nodiscard]] std::string log_end() const;

  std::string name_;
  std::string log_file_;
  pid_t pid_ = -1;
  owned_fd pidfd_;  ///< readable once the child has ended
  owned_fd output_;
  std::string unread_;  ///< output that no wait_for_line() has taken
  std::optional<int> status_;
};

}  // namespace understudy::app
