// Idle connections, and what they cost a server in memory.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "app/bench/load_socket.hpp"

namespace understudy::app {

/// Opens `count` connections one after the other; each sends `request` (a frame) and reads its
/// answer, so that the server holds what a used connection costs, not a fresh one. They stay open
/// as long as the result lives. Throws std::runtime_error with a sentence at the first failure.
[[nodiscard]] std::vector<owned_fd> open_idle(const std::string& address, unsigned count,
                                              const std::string& request,
                                              std::chrono::milliseconds timeout);

/// Raises this process's limit on open files as far as the system lets it.
void raise_open_files_limit();

/// Resident memory of a process of this machine (VmRSS). Throws std::runtime_error.
[[nodiscard]] std::uint64_t resident_bytes(pid_t pid);

}  // namespace understudy::app
