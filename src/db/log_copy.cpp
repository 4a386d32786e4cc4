#include <fstream>
#include <system_error>

#include "db/log_groups.hpp"

namespace understudy::db {

namespace fs = std::filesystem;

namespace {

/// What says nothing of a group's content, but is between its events.
bool of_the_file(unsigned type) {
  constexpr unsigned stop = 3;
  constexpr unsigned rotate = 4;
  constexpr unsigned heartbeat = 27;
  constexpr unsigned checkpoint = 161;
  return type == stop || type == rotate || type == heartbeat || type == checkpoint ||
         type == gtid_list || type == format_description;
}

class group_copier {
 public:
  group_copier(const core::gtid& from, const core::gtid& to, const fs::path& into)
      : from_(from), to_(to), out_(into, std::ios::binary | std::ios::trunc) {
    out_.write(log_magic.data(), static_cast<std::streamsize>(log_magic.size()));
    whole_ = out_.tellp();
  }

  bool take(const log_group& group, const log_event& what, event_place place, log_file& file) {
    // The first of a file describes the events after it, until another comes.
    if (what.type == format_description && place == event_place::outside) {
      out_.seekp(whole_);
      if (!file.copy(what, out_)) return false;
      whole_ = out_.tellp();
      return true;
    }
    if (place == event_place::outside || of_the_file(what.type)) return true;
    if (group.id.seq <= from_.seq || group.id.seq > to_.seq) return true;
    // One before it that has no end is written over.
    if (place == event_place::first) out_.seekp(whole_);
    if (!file.copy(what, out_)) return false;
    if (place == event_place::last) whole_ = out_.tellp();
    return true;
  }
  /// How much of the file is whole.
  std::streamoff finish() {
    out_.close();
    return out_.good() ? std::streamoff(whole_) : -1;
  }

 private:
  core::gtid from_;
  core::gtid to_;
  std::ofstream out_;
  std::streampos whole_;
};

}  // namespace

std::string copy_groups(const std::vector<fs::path>& files, const core::gtid& from,
                        const core::gtid& to, const fs::path& into) {
  group_copier copier(from, to, into);
  log_visitor visitor;
  visitor.event = [&](const log_group& group, const log_event& event, event_place place,
                      log_file& file) { return copier.take(group, event, place, file); };
  visitor.group = [&](const log_group& group) { return group.id != to; };
  if (std::string failed = read_groups(files, visitor); !failed.empty()) return failed;
  const std::streamoff size = copier.finish();
  std::error_code failed;
  if (size >= 0) fs::resize_file(into, static_cast<std::uintmax_t>(size), failed);
  return size < 0 || failed ? "can not write " + into.string() : std::string();
}

}  // namespace understudy::db
