#include "store/sqlite/file_lock.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <stdexcept>

namespace understudy::store::sqlite {

file_lock::file_lock(const std::string& path)
    : descriptor_(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0640)) {
  if (descriptor_ < 0) {
    throw std::runtime_error("can not open " + path + ": " + std::strerror(errno));
  }
  if (::flock(descriptor_, LOCK_EX | LOCK_NB) == 0) return;
  const int why = errno;
  ::close(descriptor_);
  if (why != EWOULDBLOCK)
    throw std::runtime_error("can not lock " + path + ": " + std::strerror(why));
  throw std::runtime_error("another process uses the call store: it holds " + path);
}

file_lock::~file_lock() {
  ::close(descriptor_);
}

}  // namespace understudy::store::sqlite
