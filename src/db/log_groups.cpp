// The format: MariaDB's knowledge base, "Replication protocol", events.
#include "db/log_groups.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <optional>
#include <string_view>

namespace understudy::db {

namespace fs = std::filesystem;

namespace {

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

constexpr std::size_t header_size = 19;
/// More of an event than this is not needed: names, columns, the last of each server.
constexpr std::size_t body_size_max = 65'536;

std::uint64_t number(std::string_view from, std::size_t at, std::size_t size) {
  std::uint64_t out = 0;
  for (std::size_t i = 0; i < size && at + i < from.size(); ++i) {
    out |= std::uint64_t{static_cast<unsigned char>(from[at + i])} << (8 * i);
  }
  return out;
}

struct event {
  unsigned type = 0;
  std::uint32_t server = 0;
  std::string body;  ///< the beginning of it
};

/// One file. Ends at the first event that is not whole.
class event_file {
 public:
  explicit event_file(const fs::path& path) : in_(path, std::ios::binary) {
    in_.seekg(0, std::ios::end);
    size_ = static_cast<std::uint64_t>(std::max<std::streamoff>(in_.tellg(), 0));
    in_.seekg(0);
    char magic[4] = {};
    good_ = in_.read(magic, 4) && std::memcmp(magic,
                                              "\xfe"
                                              "bin",
                                              4) == 0;
  }
  [[nodiscard]] bool good() const { return good_; }
  [[nodiscard]] bool empty() const { return size_ == 0; }

  std::optional<event> next() {
    char head[header_size];
    if (at_ + header_size > size_) return std::nullopt;
    in_.seekg(static_cast<std::streamoff>(at_));
    if (!in_.read(head, header_size)) return std::nullopt;
    const std::string_view header(head, header_size);
    const std::uint64_t length = number(header, 9, 4);
    if (length < header_size || at_ + length > size_) return std::nullopt;
    event out;
    out.type = static_cast<unsigned>(number(header, 4, 1));
    out.server = static_cast<std::uint32_t>(number(header, 5, 4));
    out.body.resize(std::min<std::size_t>(length - header_size, body_size_max));
    if (!in_.read(out.body.data(), static_cast<std::streamsize>(out.body.size()))) {
      return std::nullopt;
    }
    at_ += length;
    return out;
  }

 private:
  std::ifstream in_;
  std::uint64_t size_ = 0;
  std::uint64_t at_ = 4;
  bool good_ = false;
};

/// Its text: "BEGIN", "COMMIT", or a statement.
std::string_view text_of_query(std::string_view body) {
  constexpr std::size_t fixed = 13;
  const std::size_t database = number(body, 8, 1);
  const std::size_t status = number(body, 11, 2);
  const std::size_t begin = fixed + status + database + 1;
  return begin < body.size() ? body.substr(begin) : std::string_view();
}

std::string table_of_map(std::string_view body) {
  const std::size_t schema = number(body, 8, 1);
  if (9 + schema + 1 >= body.size()) return {};
  const std::size_t table = number(body, 9 + schema + 1, 1);
  return std::string(body.substr(9, schema)) + "." +
         std::string(body.substr(9 + schema + 2, table));
}

/// All columns are said to be there: once, or for an update twice.
bool whole_rows(std::string_view body, bool update) {
  std::size_t at = 8;
  std::uint64_t columns = number(body, at, 1);
  at += 1;
  if (columns == 0xfc) {
    columns = number(body, at, 2);
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
    event_file file(path);
    if (file.empty() && index > 0) return {};
    if (!file.good()) return path.string() + " is no log that can be read";
    while (!enough_) {
      const auto next = file.next();
      if (!next) break;
      if (std::string failed = take(*next, index); !failed.empty()) {
        return path.string() + ": " + failed;
      }
    }
    return {};
  }
  [[nodiscard]] bool enough() const { return enough_; }

 private:
  std::string take(const event& what, std::size_t file) {
    switch (what.type) {
      case start_encryption:
        return "it is encrypted";
      case format_description:
        // A server's start rolls back what is open; one that continues a file does not.
        if (number(what.body, 52, 4) != 0) open_ = false;
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

  std::string take_list(std::string_view body) {
    if (begun_) return {};
    begun_ = true;
    core::history before;
    const std::uint64_t count = number(body, 0, 4) & 0x0fffffffU;
    for (std::uint64_t i = 0; i < count; ++i) {
      const std::size_t at = 4 + i * 16;
      if (at + 16 > body.size()) return "its list of positions is too long";
      if (number(body, at, 4) != 0) return "another domain than 0 takes part";
      before.add({static_cast<std::uint32_t>(number(body, at + 4, 4)), number(body, at + 8, 8)});
    }
    if (visitor_.begins) visitor_.begins(before);
    return {};
  }

  std::string begin(const event& what, std::size_t file) {
    constexpr std::uint64_t standalone = 1;
    constexpr std::uint64_t ddl = 32;
    constexpr std::uint64_t xa = 64 | 128;
    const std::string_view body = what.body;
    if (number(body, 8, 4) != 0) return "another domain than 0 takes part";
    const std::uint64_t flags = number(body, 12, 1);
    group_ = {};
    group_.file = file;
    group_.id = {what.server, number(body, 0, 8)};
    single_ = (flags & standalone) != 0;
    group_.rows_only = (flags & (standalone | ddl | xa)) == 0;
    open_ = true;
    return {};
  }

  void add(const event& what) {
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
