#include "presence.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <stdexcept>
#include <system_error>

presence::presence(const std::string& lock_file)
    : fd_(::open(lock_file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644)) {
  if (fd_ < 0) {
    throw std::runtime_error("Cannot open the lock file " + lock_file + ": " +
                             std::generic_category().message(errno) + ".");
  }
}

presence::~presence() {
  ::close(fd_);
}

// Linux changes a lock by letting go of the old one first, so a refusal leaves none.
bool presence::try_alone() {
  return ::flock(fd_, LOCK_EX | LOCK_NB) == 0;
}

void presence::join() {
  while (::flock(fd_, LOCK_SH) != 0) {
    if (errno != EINTR) throw std::system_error(errno, std::generic_category(), "flock");
  }
}
