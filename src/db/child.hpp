// Starting other programs.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace understudy::db {

struct child_options {
  std::vector<std::string> command;  ///< the program's path first
  std::string input;                 ///< a file for its standard input; empty: none
  std::string output;         ///< a file that its output and errors are added to; empty: none
  int input_fd = -1;          ///< instead of a file; stays the caller's, who closes it
  int output_fd = -1;         ///< the same for its output alone; errors go to the file
  bool dies_with_us = false;  ///< killed when the calling thread ends
};

/// Starts it in a session and process group of its own, with no file of ours open. Returns its id,
/// or the negative errno. Whether the program could be executed shows when it ends: 127.
[[nodiscard]] pid_t start_child(const child_options& how);
/// Starts it, waits until it ends, and returns its exit code, 128 + a signal, or -1.
[[nodiscard]] int run_child(const child_options& how);
/// A process whose command begins with these words; 0: there is none that has not ended.
[[nodiscard]] pid_t find_process(const std::vector<std::string>& words);

}  // namespace understudy::db
