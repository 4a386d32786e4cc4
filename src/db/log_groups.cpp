#include "db/log_groups.hpp"

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <string_view>

#include "db/log_events.hpp"

namespace understudy::db {

namespace fs = std::filesystem;

namespace {

/// Its text: "BEGIN", "COMMIT", or a statement.
std::string_view text_of_query(std::string_view body) {
  constexpr std::size_t fixed = 13;
  const std::size_t database = log_number(body, 8, 1);
  const std::size_t status = log_number(body, 11, 2);
  const std::size_t begin = fixed + status + database + 1;
  return begin < body.size() ? body.substr(begin) : std::string_view();
}

std::string table_of_map(std::string_view body) {
  const std::size_t schema = log_number(body, 8, 1);
  if (9 + schema + 1 >= body.size()) return {};
  const std::size_t table = log_number(body, 9 + schema + 1, 1);
  return std::string(body.substr(9, schema)) + "." +
         std::string(body.substr(9 + schema + 2, table));
}

/// All columns are said to be there: once, or for an update twice.
bool whole_rows(std::string_view body, bool update) {
  std::size_t at = 8;
  std::uint64_t columns = log_number(body, at, 1);
  at += 1;
  if (columns == 0xfc) {
    columns = log_number(body, at, 2);
    at += 2;
  }
  for (int image = 0; image < (update ? 2 : 1); ++image) {
    for (std::uint64_t i = 0; i < columns; ++i) {
      const std::size_t byte = at + i / 8;
      if (byte >= body.size()) return false;
      if ((static_cast<unsigned char>(body[byte]) >> (i % 8) & 1U) == 0) return false;
    }
    at += (columns + 7) / 8;
  }
  return true;
}

class group_reader {
 public:
  explicit group_reader(const log_visitor& visitor) : visitor_(visitor) {}

  std::string read(const fs::path& path, std::size_t index) {
    log_file file(path);
    if (file.empty() && index > 0) return {};
    if (!file.good()) return path.string() + " is no log that can be read";
    while (!enough_) {
      const auto next = file.next();
      if (!next) break;
      const bool was_open = open_;
      if (std::string failed = take(*next, index); !failed.empty()) {
        return path.string() + ": " + failed;
      }
      if (visitor_.event && !visitor_.event(group_, *next, place_of(*next, was_open), file)) {
        return "can not copy from " + path.string();
      }
    }
    return {};
  }
  [[nodiscard]] bool enough() const { return enough_; }

 private:
  std::string take(const log_event& what, std::size_t file) {
    switch (what.type) {
      case start_encryption:
        return "it is encrypted";
      case format_description:
        // A server's start rolls back what is open; one that continues a file does not.
        if (log_number(what.body, 52, 4) != 0) open_ = false;
        return {};
      case gtid_list:
        return take_list(what.body);
      case gtid_event:
        return begin(what, file);
      default:
        if (open_) add(what);
        return {};
    }
  }

  [[nodiscard]] event_place place_of(const log_event& what, bool was_open) const {
    if (what.type == gtid_event) return event_place::first;
    if (was_open && !open_ && what.type != format_description) return event_place::last;
    return open_ ? event_place::inside : event_place::outside;
  }

  std::string take_list(std::string_view body) {
    if (begun_) return {};
    begun_ = true;
    core::history before;
    const std::uint64_t count = log_number(body, 0, 4) & 0x0fffffffU;
    for (std::uint64_t i = 0; i < count; ++i) {
      const std::size_t at = 4 + i * 16;
      if (at + 16 > body.size()) return "its list of positions is too long";
      if (log_number(body, at, 4) != 0) return "another domain than 0 takes part";
      before.add(
          {static_cast<std::uint32_t>(log_number(body, at + 4, 4)), log_number(body, at + 8, 8)});
    }
    if (visitor_.begins) visitor_.begins(before);
    return {};
  }

  std::string begin(const log_event& what, std::size_t file) {
    constexpr std::uint64_t standalone = 1;
    constexpr std::uint64_t ddl = 32;
    constexpr std::uint64_t xa = 64 | 128;
    const std::string_view body = what.body;
    if (log_number(body, 8, 4) != 0) return "another domain than 0 takes part";
    const std::uint64_t flags = log_number(body, 12, 1);
    group_ = {};
    group_.file = file;
    group_.id = {what.server, log_number(body, 0, 8)};
    single_ = (flags & standalone) != 0;
    group_.rows_only = (flags & (standalone | ddl | xa)) == 0;
    open_ = true;
    return {};
  }

  void add(const log_event& what) {
    if (what.type == query) {
      const std::string_view text = text_of_query(what.body);
      // A checksum of four bytes may follow.
      if (single_ || text.starts_with("COMMIT")) return end(what.type);
      if (text.starts_with("ROLLBACK")) return end(what.type);
      if (!text.starts_with("BEGIN")) group_.rows_only = false;
    } else if (what.type == xid || what.type == xa_prepare) {
      end(what.type);
    } else if (what.type == table_map) {
      std::string table = table_of_map(what.body);
      auto& all = group_.tables;
      if (std::find(all.begin(), all.end(), table) == all.end()) all.push_back(std::move(table));
    } else if (what.type >= rows_first && what.type <= rows_last) {
      if (!whole_rows(what.body, what.type == rows_first + 1)) group_.rows_only = false;
    } else if (what.type != annotate) {
      group_.rows_only = false;
    }
  }

  void end(unsigned by) {
    // Whatever ends otherwise was in an engine that can not roll back.
    if (by != xid) group_.rows_only = false;
    open_ = false;
    if (visitor_.group && !visitor_.group(group_)) enough_ = true;
  }

  const log_visitor& visitor_;
  log_group group_;
  bool begun_ = false;
  bool open_ = false;
  bool single_ = false;
  bool enough_ = false;
};

}  // namespace

std::string read_groups(const std::vector<fs::path>& files, const log_visitor& visitor) {
  group_reader reader(visitor);
  for (std::size_t i = 0; i < files.size() && !reader.enough(); ++i) {
    if (std::string failed = reader.read(files[i], i); !failed.empty()) return failed;
  }
  return {};
}

std::vector<fs::path> files_of_log(const fs::path& index) {
  std::vector<fs::path> out;
  std::ifstream in(index);
  for (std::string line; std::getline(in, line);) {
    if (!line.empty()) out.push_back((index.parent_path() / line).lexically_normal());
  }
  return out;
}

}  // namespace understudy::db
