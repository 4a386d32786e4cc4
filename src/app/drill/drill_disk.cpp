#include "app/drill/drill_disk.hpp"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <system_error>

namespace understudy::app {

namespace {

constexpr const char* filler = "filler";

std::string reason() {
  return std::generic_category().message(errno);
}

void write_text(const char* file, const std::string& text) {
  std::ofstream(file) << text;
}

// Ids stay what they are, so that files of before belong to whom they did.
void own_namespace() {
  if (::unshare(CLONE_NEWNS) == 0) return;
  const std::string user = std::to_string(::geteuid());
  const std::string group = std::to_string(::getegid());
  if (::unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) {
    throw drill_unavailable("no mount namespace can be made: " + reason());
  }
  write_text("/proc/self/setgroups", "deny");
  write_text("/proc/self/uid_map", user + " " + user + " 1");
  write_text("/proc/self/gid_map", group + " " + group + " 1");
}

}  // namespace

drill_disk::drill_disk(std::size_t bytes) : folder_(false) {
  own_namespace();
  const std::string size = "mode=0700,size=" + std::to_string(bytes);
  // Otherwise the mount would spread to the namespace that this one was copied from.
  if (::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
      ::mount("tmpfs", folder_.path().c_str(), "tmpfs", 0, size.c_str()) != 0) {
    throw drill_unavailable("no file system of its own can be mounted: " + reason());
  }
}

drill_disk::~drill_disk() {
  ::umount2(folder_.path().c_str(), MNT_DETACH);
}

std::size_t drill_disk::free_bytes() const {
  struct statvfs disk {};
  if (::statvfs(folder_.path().c_str(), &disk) != 0) return 0;
  return static_cast<std::size_t>(disk.f_bavail) * disk.f_frsize;
}

// Others take room meanwhile: as much as there is, until there is none.
void drill_disk::fill(std::size_t left_bytes) {
  const owned_fd out(::open(file(filler).c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  if (!out) throw std::runtime_error("Cannot fill the disk: " + reason() + ".");
  const std::size_t free = free_bytes();
  if (free <= left_bytes) return;
  std::size_t size = std::filesystem::file_size(file(filler));
  for (std::size_t step = free - left_bytes; step >= 4096;) {
    const int error =
        ::posix_fallocate(out.get(), static_cast<off_t>(size), static_cast<off_t>(step));
    if (error == 0) {
      size += step;
      if (free_bytes() <= left_bytes) return;
    } else if (error != ENOSPC) {
      throw std::runtime_error("Cannot fill the disk: " + std::generic_category().message(error) +
                               ".");
    } else {
      step /= 2;
    }
  }
}

void drill_disk::make_room() {
  std::filesystem::remove(file(filler));
}

}  // namespace understudy::app
