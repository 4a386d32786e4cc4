// `understudy bench METHOD [PARAMS] --at HOST:PORT`: measures a server or gateway from outside.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace understudy::app {

/// One flag each. Defaults are chosen so that a first look needs none.
struct bench_options {
  std::string method;         ///< METHOD, `Interface@method`
  std::string params = "[]";  ///< [PARAMS], JSON array or object
  std::string at;             ///< --at HOST:PORT
  bool http = false;          ///< --http: POST /rpc instead of frames
  std::string mode;    ///< --mode durable|queued, asked of a gateway; empty: as its rules say
  bool keyed = false;  ///< --keyed: each call has a key of its own
  unsigned batch = 0;  ///< --batch N: N calls by one CallsInterface@enqueueMany; 0: one by one
  unsigned connections = 32;                  ///< --connections N
  unsigned depth = 1;                         ///< --depth N: calls outstanding on each connection
  double calls_per_second = 0;                ///< --rate R: open loop at R calls/s; 0: closed loop
  std::chrono::milliseconds duration{10000};  ///< --duration (CLI: seconds)
  std::uint64_t calls = 0;                    ///< --calls N: end after N calls; 0: no limit
  std::chrono::milliseconds warmup{1000};     ///< --warmup (CLI: seconds): not measured
  std::chrono::milliseconds timeout{5000};    ///< --timeout (CLI: seconds): of one call
  unsigned idle = 0;  ///< --idle N: measure N idle connections instead of calls
  int pid = 0;        ///< --pid P: the server's process, for its memory; only with --idle
  bool json = false;  ///< --json: one JSON object on standard output
};

/// Prints throughput, latency percentiles and errors by code. An open loop's latency counts from
/// the time a call was meant to be sent. In the mode queued a ticket is what was asked for; of a
/// batch each call counts, and its latency is that of the batch. Returns 0; 1 if any call failed; 2
/// for wrong options; 3 where the server cannot be reached, each with a sentence on standard error.
int run_bench(const bench_options& options);

}  // namespace understudy::app
