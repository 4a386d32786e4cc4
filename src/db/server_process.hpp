// The process of a MariaDB server on this host.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "core/cluster/sight.hpp"
#include "core/types.hpp"
#include "db/session.hpp"
#include "db/settings.hpp"

namespace understudy::db {

struct process_options {
  server_settings settings;
  std::string program = "/usr/sbin/mariadbd";
  std::string installer = "/usr/bin/mariadb-install-db";
  /// Whom the server runs as, where we are root; it must own, or be able to use, the folder. Else
  /// it runs as who we are.
  std::string user = "root";
  /// Made when the data folder is, with what it needs to supervise; not replicated.
  login supervisor;
  /// More SQL for a new data folder, not replicated: each statement in a line of its own.
  std::string first_sql;
  /// More options for making it: sizes, for instance.
  std::vector<std::string> install_options;
  /// The server is killed when the thread that started it ends: for tests, which leave nothing.
  bool dies_with_us = false;
};

/// Owns one mariadbd, of one folder. For one thread at a time. Errors are sentences; empty: done.
///
/// The server has a process group of its own, so that no signal for us reaches it. The destructor
/// leaves it running, and the next owner of the folder finds it.
class server_process {
 public:
  /// Finds the server of this folder where one runs that was started like this, by whomever.
  explicit server_process(process_options options);
  ~server_process();
  server_process(const server_process&) = delete;
  server_process& operator=(const server_process&) = delete;

  /// There is a data folder.
  [[nodiscard]] bool initialised() const;
  /// Makes it, in a second or two; blocks. It is made under another name and renamed, so that one
  /// that was interrupted counts for nothing and is made anew.
  [[nodiscard]] std::string initialise();

  /// Writes the settings and starts the server: read-only, and receiving nothing. Does not wait
  /// until it is ready. Fails where it runs. As a replica it gives up the end of its log that
  /// nobody acknowledged, unless it was a replica when it ended: then it keeps all.
  [[nodiscard]] std::string start(core::start_role role);
  /// Does not block. Reaps it where it has ended.
  [[nodiscard]] core::process state();
  /// It said that it takes connections, and has not ended.
  [[nodiscard]] bool ready();
  /// Blocks until it is ready, has ended, or the deadline, or `stop` says so; true: it is ready.
  [[nodiscard]] bool wait_ready(core::time_point deadline, const interrupt* stop = nullptr);
  /// SIGKILL, so that it can commit nothing more, and waits until it is gone. SIGTERM would commit
  /// what no replica has.
  void kill();
  /// 0: it does not run.
  [[nodiscard]] pid_t id() const { return id_; }
  /// Readable once it has ended (a pidfd, ours); -1: it does not run. For an event loop.
  [[nodiscard]] int descriptor() const { return descriptor_; }
  /// What it wrote to its error log since it was started.
  [[nodiscard]] std::string log() const;

 private:
  [[nodiscard]] std::vector<std::string> arguments(core::start_role role) const;
  [[nodiscard]] bool own(pid_t id);
  void ended();

  process_options options_;
  pid_t id_ = 0;
  int descriptor_ = -1;
  std::uintmax_t log_begin_ = 0;
  bool stuck_ = false;
};

}  // namespace understudy::db
