// One server of a drill: an address, and the `orders` processes behind it.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "app/drill/drill_ground.hpp"
#include "app/drill/process.hpp"

namespace understudy::app {

struct drill_server_options {
  std::vector<std::string> prefix;  ///< of the command line: a program that becomes `program`
  std::string program;
  std::string name;      ///< kept with each order; also the name of its log
  std::string listen;    ///< HOST:PORT
  std::string database;  ///< a path; each process adds its number where `own_databases`
  bool own_databases = false;
  unsigned processes = 1;           ///< that share the address
  std::optional<unsigned> workers;  ///< threads of each that run methods
  std::optional<std::string>
      trouble;  ///< the rules it begins with, JSON; none: no TroubleInterface
};

/// Started and stopped by the drill's main thread. Functions that start or wait throw
/// std::runtime_error with a sentence where that fails, and drill_interrupted.
class drill_server {
 public:
  /// Nothing runs yet.
  drill_server(const drill_folder& folder, drill_server_options options);

  /// Starts every process that does not run, and waits until all listen.
  void start();
  /// SIGKILL to all, or to one process; returns at once.
  void kill();
  void kill_one(unsigned which);
  /// SIGTERM to all, and waits for their graceful end.
  void stop();
  /// SIGSTOP: what it has accepted stays open, what connects is accepted by the kernel.
  void freeze();
  void freeze_one(unsigned which);
  /// The process that did most of the writes, by its database; each must have its own.
  [[nodiscard]] unsigned busiest() const;
  /// SIGCONT; nothing happens to a process that runs.
  void thaw();

  /// Starts the processes that have ended again, as a service manager does. How many.
  unsigned start_dead();

  /// Those that its next start begins with.
  void set_first_trouble(std::string rules) { options_.trouble = std::move(rules); }
  /// Replaces the rules of trouble. It must be one process, and have TroubleInterface.
  void set_trouble(const std::string& rules) const;
  /// How many calls each rule has met.
  [[nodiscard]] std::vector<std::int64_t> met() const;

  [[nodiscard]] const std::string& name() const { return options_.name; }
  [[nodiscard]] const std::string& address() const { return options_.listen; }
  [[nodiscard]] std::vector<std::string> databases() const;

 private:
  [[nodiscard]] std::string database_of(unsigned which) const;
  void start_one(unsigned which);

  const drill_folder& folder_;
  drill_server_options options_;
  std::vector<std::optional<process>> processes_;
};

}  // namespace understudy::app
