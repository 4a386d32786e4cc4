// What every part of a drill stands on: interrupts, waiting, a folder, reserved addresses.
#pragma once

#include <chrono>
#include <functional>
#include <stdexcept>
#include <string>

#include "app/bench/load_socket.hpp"

namespace understudy::app {

/// Ctrl-C, or a service manager, ended the drill.
class drill_interrupted : public std::runtime_error {
 public:
  drill_interrupted() : std::runtime_error("The drill was interrupted.") {}
};

/// What a scenario needs can not be had here, and why: no rights, or a tool is missing.
class drill_unavailable : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// While it lives, SIGINT and SIGTERM only raise a flag, which every wait of a drill looks at.
class interrupt_guard {
 public:
  interrupt_guard();
  ~interrupt_guard();
  interrupt_guard(const interrupt_guard&) = delete;
  interrupt_guard& operator=(const interrupt_guard&) = delete;

  [[nodiscard]] static bool interrupted();
};

/// Waits; throws drill_interrupted.
void drill_pause(std::chrono::milliseconds time);
/// True once the condition holds, false if it does not before `limit`; throws drill_interrupted.
[[nodiscard]] bool drill_wait(const std::function<bool()>& condition,
                              std::chrono::milliseconds limit);
/// Throws std::runtime_error, too: "Waited 20 s in vain for `what`."
void drill_wait_until(const std::function<bool()>& condition, const std::string& what);

/// A folder of its own under the system's temporary folder, removed with it unless it is kept.
class drill_folder {
 public:
  explicit drill_folder(bool keep);
  ~drill_folder();
  drill_folder(const drill_folder&) = delete;
  drill_folder& operator=(const drill_folder&) = delete;

  [[nodiscard]] std::string file(const std::string& name) const { return path_ + "/" + name; }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
  bool keep_;
};

/// A port of 127.0.0.1 that the kernel gives to nobody else while this lives: a server that is
/// stopped and started again finds it free, however many drills run. Servers bind it with
/// SO_REUSEADDR. Throws std::runtime_error with a sentence.
class reserved_address {
 public:
  reserved_address();

  /// HOST:PORT.
  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  owned_fd socket_;
  std::string text_;
};

/// The file this program was started from.
[[nodiscard]] std::string own_program();

}  // namespace understudy::app
