#include "coord/local/topology_file.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <boost/crc.hpp>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <stdexcept>

#include "coord/local/durable_file.hpp"
#include "coord/topology_text.hpp"

namespace understudy::coord::local {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view head_begin = "understudy topology, revision ";

std::uint32_t checksum(std::string_view text) {
  boost::crc_32_type crc;
  crc.process_bytes(text.data(), text.size());
  return crc.checksum();
}

std::string content_of(revision at, std::string_view text) {
  const std::string number = std::to_string(static_cast<std::int64_t>(at));
  char sum[9];
  std::snprintf(sum, sizeof sum, "%08x", checksum(number + '\n' + std::string(text)));
  std::string out(head_begin);
  return out.append(number).append(", crc32 ").append(sum).append("\n").append(text).append("\n");
}

/// The revision that a file says; content_of() then tells whether all of it is as it was.
revision revision_in(std::string_view content) {
  std::int64_t number = 0;
  if (content.starts_with(head_begin)) {
    content.remove_prefix(head_begin.size());
    std::from_chars(content.data(), content.data() + content.size(), number);
  }
  return revision{number};
}

std::string text_in(std::string_view content) {
  const auto line = content.find('\n');
  if (line == std::string_view::npos || !content.ends_with('\n')) return {};
  content.remove_prefix(line + 1);
  return std::string(content.substr(0, content.empty() ? 0 : content.size() - 1));
}

std::string reason(int number) {
  return std::string(std::strerror(number)) + ".";
}

/// With those above it, each on the disk.
void make_folder(const fs::path& folder) {
  std::error_code error;
  if (fs::is_directory(folder, error)) return;
  const fs::path parent = folder.parent_path();
  make_folder(parent);
  fs::create_directory(folder, error);
  const int failure = error ? error.value() : sync_folder(parent.string());
  if (failure == 0) return;
  throw std::runtime_error("Can not make " + folder.string() + ": " + reason(failure));
}

}  // namespace

topology_file::topology_file(const std::string& folder) : folder_(folder) {
  make_folder(fs::absolute(folder_ + "/journal"));
  take_lock();
  try {
    load();
  } catch (...) {
    ::close(lock_);
    throw;
  }
}

topology_file::~topology_file() {
  ::close(lock_);
}

void topology_file::take_lock() {
  const std::string path = folder_ + "/lock";
  lock_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0640);
  if (lock_ < 0) throw std::runtime_error("Can not open " + path + ": " + reason(errno));
  if (::flock(lock_, LOCK_EX | LOCK_NB) == 0) return;
  const int why = errno;
  ::close(lock_);
  if (why != EWOULDBLOCK) throw std::runtime_error("Can not lock " + path + ": " + reason(why));
  throw std::runtime_error("Another process supervises this cluster: it holds " + path + ".");
}

void topology_file::load() {
  const std::string path = folder_ + "/topology";
  // A crash may have come between the new name and its being on the disk: what is acted on is.
  if (const int failure = sync_folder(folder_); failure != 0) {
    throw std::runtime_error("Can not write to " + folder_ + ": " + reason(failure));
  }
  const auto content = read_whole_file(path);
  if (!content) {
    if (content.error().value() == ENOENT) return;
    throw std::runtime_error("Can not read " + path + ": " + content.error().message() + ".");
  }
  at_ = revision_in(*content);
  text_ = text_in(*content);
  if (at_ <= revision{} || content_of(at_, text_) != *content) {
    throw std::runtime_error(path + " is damaged: its checksum is not that of what is in it.");
  }
  if (const auto parsed = parse_topology(text_); !parsed.value) {
    throw std::runtime_error(path + " holds no topology: " + parsed.fault);
  }
}

topology_file::stored topology_file::store(const std::string& text,
                                           std::optional<core::epoch> begun) {
  const revision next{static_cast<std::int64_t>(at_) + 1};
  const std::string content = content_of(next, text);
  stored out;
  replaced how;
  if (begun) {
    // Should the topology not follow, its next writer replaces the entry.
    how = replace_file(folder_ + "/journal", std::to_string(core::number_of(*begun)), content);
    if (how.end == replace_end::half_done) how.end = replace_end::nothing;
  }
  if (how.end == replace_end::done) how = replace_file(folder_, "topology", content);
  if (how.end == replace_end::done) {
    at_ = next;
    text_ = text;
    return out;
  }
  out.end = how.end == replace_end::nothing ? store_end::nothing : store_end::unsure;
  out.why = "Can not write the topology to " + folder_ + ": " + reason(how.number);
  return out;
}

}  // namespace understudy::coord::local
