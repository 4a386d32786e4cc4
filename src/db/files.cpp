#include "db/files.hpp"

#include <fcntl.h>
#include <pwd.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <sstream>
#include <string_view>
#include <system_error>

namespace understudy::db {

namespace fs = std::filesystem;

namespace {

std::string failure(const fs::path& path, const char* what) {
  return std::string("can not ") + what + " " + path.string() + ": " +
         std::system_category().message(errno);
}

std::string sync_with(const fs::path& path, int (*sync)(int)) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return failure(path, "open");
  std::string out;
  if (sync(fd) != 0) out = failure(path, "sync");
  ::close(fd);
  return out;
}

bool write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t count = ::write(fd, text.data(), text.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return false;
    text.remove_prefix(static_cast<std::size_t>(count));
  }
  return true;
}

}  // namespace

std::string write_durably(const fs::path& path, const std::string& text) {
  const fs::path fresh = path.string() + ".new";
  const int fd = ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return failure(fresh, "write");
  std::string failed;
  if (!write_all(fd, text) || ::fsync(fd) != 0) failed = failure(fresh, "write");
  ::close(fd);
  return failed.empty() ? move_durably(fresh, path) : failed;
}

std::string sync_file(const fs::path& path) {
  return sync_with(path, ::fsync);
}

std::string sync_folder(const fs::path& folder) {
  return sync_with(folder, ::fsync);
}

std::string sync_tree(const fs::path& folder) {
  return sync_with(folder, ::syncfs);
}

std::string move_durably(const fs::path& from, const fs::path& to) {
  if (::rename(from.c_str(), to.c_str()) != 0) return failure(from, "rename");
  return sync_folder(to.parent_path());
}

std::optional<std::string> read_text(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return std::nullopt;
  std::ostringstream all;
  all << in.rdbuf();
  if (in.bad()) return std::nullopt;
  return all.str();
}

std::string last_lines(const fs::path& path) {
  const std::string text = read_text(path).value_or("");
  constexpr std::size_t enough = 600;
  return text.size() <= enough ? text : text.substr(text.size() - enough);
}

std::uintmax_t bytes_in(const fs::path& folder) {
  std::uintmax_t out = 0;
  std::error_code failed;
  fs::recursive_directory_iterator at(folder, failed);
  while (!failed && at != fs::recursive_directory_iterator()) {
    std::error_code gone;
    const bool file = at->is_regular_file(gone);
    const auto size = file && !gone ? at->file_size(gone) : 0;
    if (!gone) out += size;
    at.increment(failed);
  }
  return out;
}

std::string give_to_user(const fs::path& folder, const std::string& user) {
  if (::geteuid() != 0) return {};
  const passwd* const who = ::getpwnam(user.c_str());
  if (who == nullptr) return "there is no user " + user;
  std::error_code failed;
  bool given = ::chown(folder.c_str(), who->pw_uid, who->pw_gid) == 0;
  for (const auto& each : fs::recursive_directory_iterator(folder, failed)) {
    given = given && ::lchown(each.path().c_str(), who->pw_uid, who->pw_gid) == 0;
  }
  return given && !failed ? std::string()
                          : "can not give " + folder.string() + " to the user " + user;
}

}  // namespace understudy::db
