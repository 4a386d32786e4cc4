#include "app/config/read_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "app/bench/load_socket.hpp"

namespace understudy::app {

// Not a stream: libstdc++'s throws from its buffer where read() fails, as it does for a folder.
boost::system::result<std::string> read_file(const std::string& name, std::size_t bytes_max) {
  const auto failure = [](int number) {
    return boost::system::error_code(number, boost::system::generic_category());
  };
  const owned_fd file(::open(name.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return failure(errno);
  std::string text;
  std::array<char, 65536> bytes;
  while (true) {
    const ssize_t count = ::read(file.get(), bytes.data(), bytes.size());
    if (count == 0) return text;
    if (count < 0 && errno != EINTR) return failure(errno);
    if (count > 0) text.append(bytes.data(), static_cast<std::size_t>(count));
    if (text.size() > bytes_max) return failure(EFBIG);
  }
}

}  // namespace understudy::app
