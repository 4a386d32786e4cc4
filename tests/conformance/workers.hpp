// Several worker processes that share a port, as a think-swoole server has them.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

namespace understudy::test {

/// Runs in a worker: serves until SIGTERM, calls `listening` once it listens; its exit code.
using worker_function =
    std::function<int(const std::string& address, const std::function<void()>& listening)>;

/// Forks `count` workers, starts a dead one again, and ends them all on SIGTERM or SIGINT. Prints
/// `listening HOST:PORT` once all listen; port 0 is settled first. They die with this process.
/// Call it before any thread is started.
int run_workers(const std::string& address, unsigned count, const worker_function& work);

}  // namespace understudy::test
