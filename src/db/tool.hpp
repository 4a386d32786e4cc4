// Programs that are started for one piece of work, watched, and ended with it.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "db/child.hpp"
#include "db/session.hpp"

namespace understudy::db {

/// Two ends of one connection; each is closed with it, or before by close_*().
class connected_pair {
 public:
  connected_pair();
  ~connected_pair();
  connected_pair(const connected_pair&) = delete;
  connected_pair& operator=(const connected_pair&) = delete;
  [[nodiscard]] bool good() const { return in_ >= 0; }
  [[nodiscard]] int in() const { return in_; }    ///< to read from
  [[nodiscard]] int out() const { return out_; }  ///< to write to
  void close_in();
  void close_out();

 private:
  int in_ = -1;
  int out_ = -1;
};

/// A program that runs. It is killed with the owner, and with the thread that started it. For one
/// thread at a time.
class tool {
 public:
  /// Errors go to `log`, which is begun anew; so does output where it goes nowhere else.
  tool(child_options how, std::filesystem::path log);
  ~tool() { kill(); }
  tool(const tool&) = delete;
  tool& operator=(const tool&) = delete;

  void kill();
  [[nodiscard]] bool over();
  /// Readable once it has ended.
  [[nodiscard]] int descriptor() const { return descriptor_; }
  /// Of one that has ended: empty where it ended well, or a sentence with its last words.
  [[nodiscard]] std::string failure() const;

 private:
  void reap();

  std::string name_;
  std::filesystem::path log_;
  pid_t id_ = -1;
  int descriptor_ = -1;
  int status_ = -1;
};

/// Blocks until all have ended. `tick` is called a few times a second. Stopped: they are killed.
/// Returns what went wrong with the first that failed; nobody is told of a broken pipe where
/// another has failed too.
[[nodiscard]] std::string wait_all(const std::vector<tool*>& all, const interrupt* stop,
                                   const std::function<void()>& tick);
[[nodiscard]] bool stopped(const interrupt* stop);
inline constexpr const char* cancelled = "it was cancelled";

}  // namespace understudy::db
