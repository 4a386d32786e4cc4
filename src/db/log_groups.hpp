// The transactions in the files of a binary or relay log, read without a server.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "core/cluster/gtid.hpp"

namespace understudy::db {

/// One event group: all that has one GTID.
struct log_group {
  core::gtid id;
  std::size_t file = 0;  ///< which of the files it begins in
  /// It changes rows and nothing else, and says of each how it was and is, with all its columns: it
  /// can be taken back.
  bool rows_only = true;
  std::vector<std::string> tables;  ///< that it changes: "schema.table"
};

/// What was in the log before the first of these files, and each group that is complete, in order.
/// Either may be empty.
struct log_visitor {
  std::function<void(const core::history& before)> begins;
  /// False: enough.
  std::function<bool(const log_group& group)> group;
};

/// Reads them. A group whose end is missing is left out: the file may end within an event, as after
/// a crash. Returns a sentence where the files can not be read, or have something that is not
/// understood (encryption, another domain than 0); empty: done.
[[nodiscard]] std::string read_groups(const std::vector<std::filesystem::path>& files,
                                      const log_visitor& visitor);

/// The files that an index names ("bin.index"), in order. Nothing where there is no index.
[[nodiscard]] std::vector<std::filesystem::path> files_of_log(const std::filesystem::path& index);

}  // namespace understudy::db
