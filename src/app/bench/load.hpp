// Makes calls to a server and tells how each ended: what `understudy bench` and `drill` measure.
#pragma once

#include <chrono>
#include <cstdint>
#include <stop_token>
#include <string>
#include <string_view>

#include "app/bench/load_reader.hpp"

namespace understudy::app {

using load_clock = std::chrono::steady_clock;

struct load_options {
  std::string address;  ///< HOST:PORT
  load_protocol protocol = load_protocol::frames;
  unsigned connections = 32;  ///< at most; opened before the first call
  unsigned depth = 1;         ///< calls outstanding on each connection, at most
  /// Open loop: calls begin at this rate whether or not earlier ones were answered. 0: closed
  /// loop: each connection keeps `depth` calls outstanding.
  double calls_per_second = 0;
  /// Calls are made for so long before, on the same connections, and told to nobody.
  std::chrono::nanoseconds warmup{0};
  std::uint64_t calls_max = 0;  ///< 0: only `duration` ends the load
  std::chrono::nanoseconds duration = std::chrono::seconds{10};  ///< no new calls after it
  std::chrono::nanoseconds timeout = std::chrono::seconds{5};    ///< for one call, for connecting
};

enum class load_end : std::uint8_t {
  answered,    ///< `code` tells a result (0) from an error
  not_sent,    ///< open loop: no connection was free within `timeout`
  lost,        ///< the connection ended first: it may have run
  unreadable,  ///< what came back is no answer
  timed_out,
};

struct load_call {
  std::uint64_t number = 0;      ///< 0, 1, 2 .. in the order of their starts
  load_clock::time_point start;  ///< open loop: when it should have been sent
  load_clock::time_point end;
  load_end how = load_end::answered;
  bool error = false;     ///< answered with an error
  std::int64_t code = 0;  ///< of that error

  [[nodiscard]] bool good() const { return how == load_end::answered && !error; }
};

/// What is called, and who is told. Used on the load's thread only.
class load_script {
 public:
  virtual ~load_script() = default;
  /// Appends the request of call `number` as the protocol has it: a frame, or an HTTP request.
  virtual void append_call(std::uint64_t number, std::string& out) = 0;
  /// Once for each call that was begun. Numbers start again after the warmup.
  virtual void ended(const load_call& call) = 0;
};

struct load_report {
  load_clock::time_point begin;  ///< connected; the first call's time
  load_clock::time_point end;    ///< every call has ended
  std::uint64_t calls = 0;
  std::uint64_t reconnects = 0;
};

/// Runs one load in the calling thread, in one epoll loop, and returns when every call has ended:
/// at most `timeout` after the duration (and after the warmup), the last of `calls_max` calls, or a
/// stop. Bounded: at most connections x depth calls are outstanding; in an open loop later ones
/// wait at most `timeout` for a place, and their latency counts from the intended start, so a
/// server that stalls cannot hide the calls it held up (no coordinated omission). Throws
/// std::runtime_error with a sentence where no connection can be made at the start; later ones are
/// made again 20 ms after they were lost.
load_report run_load(const load_options& options, load_script& script, std::stop_token stop = {});

}  // namespace understudy::app
