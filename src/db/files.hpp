// Files that have to be there after a power cut, and other small things about files.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

namespace understudy::db {

// Errors are sentences; empty: done.

/// Replaces the file as a whole: after a crash it is the old or the new one. When it returns the
/// new one is on the disk. For its owner alone to read.
[[nodiscard]] std::string write_durably(const std::filesystem::path& path, const std::string& text);
/// What was written is on the disk.
[[nodiscard]] std::string sync_file(const std::filesystem::path& path);
/// Names that were made, changed or removed in it are on the disk.
[[nodiscard]] std::string sync_folder(const std::filesystem::path& folder);
/// The same for the whole file system that it is on: all files in it.
[[nodiscard]] std::string sync_tree(const std::filesystem::path& folder);
/// Renames within one folder, durably.
[[nodiscard]] std::string move_durably(const std::filesystem::path& from,
                                       const std::filesystem::path& to);

/// Gives the folder and all that is in it to whom a server runs as. Done where we are not root.
[[nodiscard]] std::string give_to_user(const std::filesystem::path& folder,
                                       const std::string& user);

/// Nothing where it can not be read.
[[nodiscard]] std::optional<std::string> read_text(const std::filesystem::path& path);
/// The end of a log, for people.
[[nodiscard]] std::string last_lines(const std::filesystem::path& path);
/// Of all files in the folder and below; those that vanish meanwhile do not count.
[[nodiscard]] std::uintmax_t bytes_in(const std::filesystem::path& folder);

}  // namespace understudy::db
