// The transactions in the files of a binary or relay log, read without a server.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "core/cluster/gtid.hpp"
#include "db/log_events.hpp"

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

enum class event_place : std::uint8_t { outside, first, inside, last };

/// What was in the log before the first of these files, and each group that is complete, in order.
/// Each may be empty.
struct log_visitor {
  std::function<void(const core::history& before)> begins;
  /// False: enough.
  std::function<bool(const log_group& group)> group;
  /// Each event, and where it is in the group that began last. False: it could not be copied.
  std::function<bool(const log_group& group, const log_event& event, event_place place,
                     log_file& from)>
      event;
};

/// Reads them. A group whose end is missing is left out: the file may end within an event, as after
/// a crash. Returns a sentence where the files can not be read, or have something that is not
/// understood (encryption, another domain than 0); empty: done.
[[nodiscard]] std::string read_groups(const std::vector<std::filesystem::path>& files,
                                      const log_visitor& visitor);

/// Copies the groups after `from` up to `to`, with what describes their format, into one file that
/// mariadb-binlog can read. (It loses rows of groups that go on in another file, as they do in
/// relay logs.) Not synced.
[[nodiscard]] std::string copy_groups(const std::vector<std::filesystem::path>& files,
                                      const core::gtid& from, const core::gtid& to,
                                      const std::filesystem::path& into);

/// The files that an index names ("bin.index"), in order. Nothing where there is no index.
[[nodiscard]] std::vector<std::filesystem::path> files_of_log(const std::filesystem::path& index);

}  // namespace understudy::db
