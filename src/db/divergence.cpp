// What a node's log has that another node has not, and a file of it.
#include <fmt/chrono.h>
#include <fmt/format.h>

#include <ctime>
#include <system_error>

#include "db/files.hpp"
#include "db/local_node.hpp"

namespace understudy::db {

namespace fs = std::filesystem;

namespace {

core::gtid last_of(const core::history& state) {
  core::gtid out;
  for (const core::gtid& each : state.last()) {
    if (each.seq > out.seq) out = each;
  }
  return out;
}

}  // namespace

std::string find_divergence(const fs::path& data, const core::history& other, divergence& into) {
  into = {};
  const std::vector<fs::path> files = files_of_log(data / "bin.index");
  if (files.empty()) return {};
  std::string failed;
  log_visitor visitor;
  visitor.begins = [&](const core::history& before) {
    for (const core::gtid& each : before.last()) {
      if (!other.holds(each)) failed = "the log does not reach back to what both have";
    }
    into.at_common = before;
    into.common = last_of(before);
  };
  visitor.group = [&](const log_group& group) {
    const bool held = other.holds(group.id);
    if (held && !into.tail.empty()) {
      failed = "the log returns to what both have: it is no history of one cluster";
    } else if (held) {
      into.common = group.id;
      into.at_common.add(group.id);
    } else {
      into.tail.push_back(group);
    }
    return failed.empty();
  };
  std::string unreadable = read_groups(files, visitor);
  if (!unreadable.empty()) failed = std::move(unreadable);
  if (failed.empty() && !into.tail.empty()) {
    into.files.assign(files.begin() + static_cast<std::ptrdiff_t>(into.tail.front().file),
                      files.end());
  }
  return failed;
}

std::string keep_tail(local_node& node, const divergence& what) {
  if (what.tail.empty()) return {};
  const fs::path folder = node.folder() / "divergent";
  std::error_code failed;
  fs::create_directories(folder, failed);
  if (failed) return "can not make " + folder.string() + ": " + failed.message();
  node.tell("keep");
  const std::time_t now = std::time(nullptr);
  const std::string name =
      fmt::format("{}-{:%Y%m%dT%H%M%SZ}", what.tail.back().id.server / 1000, fmt::gmtime(now));
  fs::path file = folder / (name + ".sql");
  for (int i = 2; fs::exists(file); ++i) file = folder / fmt::format("{}-{}.sql", name, i);
  const fs::path part = file.string() + ".part";
  if (std::string f = node.run_tool(
          node.read_log({"--verbose"}, what.common, what.tail.back().id, what.files), {}, part);
      !f.empty()) {
    return f;
  }
  if (std::string f = move_durably(part, file); !f.empty()) return f;
  if (std::string f = sync_folder(node.folder()); !f.empty()) return f;
  node.kept = file.string();
  return {};
}

}  // namespace understudy::db
