// `understudy call METHOD [PARAMS] --at HOST:PORT`: one call over frames, its result on stdout.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace understudy::app {

struct call_command {
  std::string method;  ///< Interface@method, or @action_interface
  std::string params = "[]";
  std::string context = "[]";
  std::string mode;  ///< direct, durable, queued; empty: the gateway's rule
  std::string key;   ///< which call it is; empty: none
  std::optional<std::chrono::milliseconds> wait;  ///< for the answer of a durable call
  std::string at;
  std::chrono::milliseconds timeout{5000};  ///< for everything, connecting included
  std::vector<std::string> files;           ///< take the places of "@file" in params, in order
  std::string save;                         ///< where a file that is the result goes
  bool json = false;                        ///< prints the answer as it came
};

int run_call(const call_command& command);

}  // namespace understudy::app
