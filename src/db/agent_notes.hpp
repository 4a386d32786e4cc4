// What an agent of a node keeps on its disk, beside the data folder: a copy has none of it.
#pragma once

#include <filesystem>
#include <string>

#include "core/cluster/topology.hpp"

namespace understudy::db {

struct agent_notes {
  core::generation told{};  ///< the highest that it was told
  bool repairing = false;   ///< a repair has begun, and may have to be finished after a start
  friend bool operator==(const agent_notes&, const agent_notes&) = default;
};

[[nodiscard]] std::filesystem::path notes_file(const std::filesystem::path& folder);
// Errors are sentences; empty: done.
/// Nothing was noted where there is no file. One that is damaged, and one of another version, is an
/// error: who has forgotten what it was told could obey a supervisor that was deposed.
[[nodiscard]] std::string read_notes(const std::filesystem::path& file, agent_notes& into);
/// On the disk when it returns.
[[nodiscard]] std::string write_notes(const std::filesystem::path& file, const agent_notes& what);

}  // namespace understudy::db
