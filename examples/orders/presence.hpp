// Tells the processes that share a file of each other, through locks on a file beside it.
#pragma once

#include <string>

/// Each process holds the lock shared while it works, and may hold it alone for a while. The
/// kernel lets go of it when a process dies. One thread at a time.
class presence {
 public:
  /// Opens or creates the lock file; holds nothing yet. std::runtime_error with a sentence.
  explicit presence(const std::string& lock_file);
  ~presence();
  presence(const presence&) = delete;
  presence& operator=(const presence&) = delete;

  /// True: this process is the only one, and others wait in join() until this one joins them.
  /// False: nothing is held any more, not even what was shared before.
  [[nodiscard]] bool try_alone();
  /// Holds it with others; waits for one that is alone.
  void join();

 private:
  int fd_;
};
