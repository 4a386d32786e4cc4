// A disk for SQLite that can lose its power, or fail at any I/O.
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/dice.hpp"

namespace understudy::store {

/// reserve: a file is given space that is not written yet.
enum class disk_call : std::uint8_t { read, write, sync, truncate, open, reserve };

/// A VFS whose files are in memory. What was written since a file's last sync may be lost by a
/// power cut: any of it, in any combination, the rest torn at sectors of 512 bytes; so may changes
/// of its size. What was synced is never lost. For one thread.
class memory_disk {
 public:
  /// Registers itself with SQLite as name().
  memory_disk();
  ~memory_disk();
  memory_disk(const memory_disk&) = delete;
  memory_disk& operator=(const memory_disk&) = delete;

  [[nodiscard]] const std::string& name() const { return name_; }

  /// Calls until now, those that failed included.
  [[nodiscard]] std::uint64_t calls() const { return calls_; }
  /// Asked before each call: what it returns instead of doing it; SQLITE_OK: it does it. A write
  /// or sync that fails may have done a part of it, as far as a later cut() is concerned.
  std::function<int(disk_call what, std::string_view file)> fault;
  /// From the n-th call from now on everything fails, as if the process was gone.
  void die_after(std::uint64_t calls);
  [[nodiscard]] bool dead() const { return calls_ >= dies_at_; }

  /// From now on syncs succeed and do nothing.
  void lie() { lies_ = true; }

  /// The power fails, and comes back. No connection may be open, but such as only close.
  void cut(core::dice& dice);
  /// The process is gone, the power is not: what was written is there, and may be lost by a cut().
  /// No connection may be open, but such as only close.
  void outlive();
  /// What is there now, as if it was all synced.
  using image = std::map<std::string, std::string>;
  [[nodiscard]] image contents() const;
  void restore(const image& files);

 private:
  struct change {
    bool truncates = false;
    std::size_t at = 0;  ///< where it is written; or the new size
    std::string bytes;
  };
  struct file {
    std::string now;
    std::string synced;
    bool exists_synced = false;
    std::vector<change> unsynced;
    std::vector<std::unique_ptr<char[]>> shm;
    int shm_shared[8] = {};
    bool shm_exclusive[8] = {};
    int shared = 0;  ///< connections with at least a shared lock
    bool reserved = false;
  };
  struct handle {
    sqlite3_file base;  // first: SQLite's own view of it
    memory_disk* disk;
    file* on;
    const std::string* name;
    int lock;
    unsigned shm_shared, shm_exclusive;
  };
  struct calls_of_sqlite;  // the functions that SQLite calls

  int before(disk_call what, std::string_view file);
  static void apply(std::string& content, const change& what, core::dice* tears);

  std::string name_;
  sqlite3_vfs vfs_{};
  std::map<std::string, std::unique_ptr<file>> files_;
  std::uint64_t calls_ = 0;
  bool lies_ = false;
  std::uint64_t dies_at_ = ~std::uint64_t{0};
};

}  // namespace understudy::store
