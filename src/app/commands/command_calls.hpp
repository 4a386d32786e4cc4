// `understudy calls`: what a gateway's call store holds, and what an operator does about it.
#pragma once

#include <cstddef>
#include <string>

#include "app/config/config.hpp"

namespace understudy::app {

struct calls_command {
  std::string at = default_http_address;
  std::string ticket;
  std::string service;
  std::string state;
  std::string key;
  std::string method;
  std::string after;
  std::size_t count = 100;
  bool as_new = false;
  bool json = false;
};

/// Each returns the exit code, after it has printed what it found out or why it could not.
int run_calls_list(const calls_command& command);
int run_calls_show(const calls_command& command);
int run_calls_retry(const calls_command& command);
int run_calls_cancel(const calls_command& command);
int run_calls_purge(const calls_command& command);
int run_calls_stats(const calls_command& command);
int run_calls_pause(const calls_command& command);
int run_calls_resume(const calls_command& command);
/// Exit code 1 where the counts do not agree.
int run_calls_verify(const calls_command& command);

}  // namespace understudy::app
