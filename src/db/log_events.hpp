// The events of one file of a binary or relay log. The format: MariaDB's knowledge base,
// "Replication protocol", events.
#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <string_view>

namespace understudy::db {

enum event_type : unsigned {
  query = 2,
  format_description = 15,
  xid = 16,
  table_map = 19,
  rows_first = 23,  // write, update, delete: 23 to 25
  rows_last = 25,
  xa_prepare = 38,
  annotate = 160,
  gtid_event = 162,
  gtid_list = 163,
  start_encryption = 164,
};

/// A little-endian number; what is not there counts as 0.
[[nodiscard]] std::uint64_t log_number(std::string_view from, std::size_t at, std::size_t size);

struct log_event {
  unsigned type = 0;
  std::uint32_t server = 0;
  std::string body;  ///< the beginning of it: 64 KiB have all names, columns and positions
  std::uint64_t at = 0;
  std::uint64_t length = 0;
};

/// One file. Ends at the first event that is not whole.
class log_file {
 public:
  explicit log_file(const std::filesystem::path& path);
  [[nodiscard]] bool good() const { return good_; }
  [[nodiscard]] bool empty() const { return size_ == 0; }
  [[nodiscard]] std::optional<log_event> next();
  /// Copies all of it, as it is.
  [[nodiscard]] bool copy(const log_event& what, std::ostream& to);

 private:
  std::ifstream in_;
  std::uint64_t size_ = 0;
  std::uint64_t at_ = 4;
  bool good_ = false;
};

inline constexpr std::string_view log_magic =
    "\xfe"
    "bin";

}  // namespace understudy::db
