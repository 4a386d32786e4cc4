#include "coord/local/durable_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>

namespace understudy::coord::local {
namespace {

constexpr std::size_t file_bytes_max = std::size_t{1} << 20;

class descriptor {
 public:
  explicit descriptor(int number) : number_(number) {}
  ~descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  descriptor(const descriptor&) = delete;
  descriptor& operator=(const descriptor&) = delete;
  [[nodiscard]] int number() const { return number_; }
  explicit operator bool() const { return number_ >= 0; }

 private:
  int number_;
};

/// errno, or 0.
int write_all(int to, std::string_view text) {
  while (!text.empty()) {
    const ssize_t count = ::write(to, text.data(), text.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return errno;
    text.remove_prefix(static_cast<std::size_t>(count));
  }
  return 0;
}

int write_synced(const std::string& path, std::string_view text) {
  const descriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640));
  if (!file) return errno;
  if (const int failure = write_all(file.number(), text); failure != 0) return failure;
  return ::fsync(file.number()) == 0 ? 0 : errno;
}

}  // namespace

int sync_folder(const std::string& folder) {
  const descriptor opened(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!opened) return errno;
  return ::fsync(opened.number()) == 0 ? 0 : errno;
}

replaced replace_file(const std::string& folder, const std::string& name, std::string_view text) {
  const std::string path = folder + "/" + name;
  const std::string fresh = path + ".new";
  replaced out;
  out.end = replace_end::nothing;
  out.number = write_synced(fresh, text);
  if (out.number != 0) return out;
  if (::rename(fresh.c_str(), path.c_str()) != 0) {
    out.number = errno;
    return out;
  }
  out.number = sync_folder(folder);
  out.end = out.number == 0 ? replace_end::done : replace_end::half_done;
  return out;
}

boost::system::result<std::string> read_whole_file(const std::string& path) {
  const auto failure = [](int number) {
    return boost::system::error_code(number, boost::system::generic_category());
  };
  const descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return failure(errno);
  std::string text;
  std::array<char, 16384> bytes;
  while (true) {
    const ssize_t count = ::read(file.number(), bytes.data(), bytes.size());
    if (count == 0) return text;
    if (count < 0 && errno != EINTR) return failure(errno);
    if (count > 0) text.append(bytes.data(), static_cast<std::size_t>(count));
    if (text.size() > file_bytes_max) return failure(EFBIG);
  }
}

}  // namespace understudy::coord::local
