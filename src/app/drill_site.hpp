// The stage of a drill: two `orders` servers on one database and a gateway, as real processes.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>

#include "app/load_socket.hpp"
#include "app/process.hpp"

namespace understudy::app {

/// Ctrl-C, or a service manager, ended the drill.
class drill_interrupted : public std::runtime_error {
 public:
  drill_interrupted() : std::runtime_error("The drill was interrupted.") {}
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

/// What /status.json tells of one server.
struct seen_server {
  std::string pool;
  std::string state;
  std::int64_t in_flight = 0;
};

/// Owned by the main thread. Everything it starts is stopped with it. Functions that start or wait
/// throw std::runtime_error with a sentence where that fails, and drill_interrupted.
class drill_site {
 public:
  static constexpr unsigned primary = 0;
  static constexpr unsigned backup = 1;

  drill_site(const drill_folder& folder, const std::string& orders_program);

  /// The gateway, for callers.
  [[nodiscard]] const std::string& address() const { return frames_address_; }
  [[nodiscard]] std::string database() const { return folder_.file("orders.db"); }

  /// Starts a server that was killed or stopped, on its old address, and waits until it listens.
  void start_server(unsigned which);
  /// SIGKILL; returns at once.
  void kill_server(unsigned which);
  /// SIGTERM, and waits for its graceful end.
  void stop_server(unsigned which);

  void drain(unsigned which) { administer(which, "drain"); }
  void resume(unsigned which) { administer(which, "resume"); }
  [[nodiscard]] seen_server look(unsigned which) const;
  void wait_for_state(unsigned which, const std::string& state);
  void wait_until_at_rest(unsigned which);
  /// Unix time of the first event, since `since_ms`, that says this server is suspect or down.
  [[nodiscard]] std::optional<std::int64_t> failure_seen_ms(unsigned which,
                                                            std::int64_t since_ms) const;

  /// Waits, and looks for an interrupt meanwhile.
  static void pause(std::chrono::milliseconds time);
  static void wait_until(const std::function<bool()>& condition, const std::string& what);

 private:
  [[nodiscard]] const std::string& address_of(unsigned which) const {
    return addresses_[which].text();
  }
  void start_gateway();
  void administer(unsigned which, const std::string& action);
  [[nodiscard]] std::string fetch(const std::string& method, const std::string& path) const;

  const drill_folder& folder_;
  std::string orders_program_;
  std::array<reserved_address, 2> addresses_;
  std::array<std::optional<process>, 2> servers_;
  std::optional<process> gateway_;
  std::string frames_address_;
  std::string http_address_;
};

/// The file this program was started from.
[[nodiscard]] std::string own_program();

}  // namespace understudy::app
