#include "store/support/memory_disk.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>

namespace understudy::store {

namespace {

constexpr std::size_t sector = 512;
std::atomic<int> disks = 0;

bool in(int offset, int count, int slot) {
  return slot >= offset && slot < offset + count;
}

}  // namespace

struct memory_disk::calls_of_sqlite {
  static handle& of(sqlite3_file* file) { return *reinterpret_cast<handle*>(file); }
  static memory_disk& of(sqlite3_vfs* vfs) { return *static_cast<memory_disk*>(vfs->pAppData); }

  static int read(sqlite3_file* from, void* to, int amount, sqlite3_int64 offset) {
    handle& h = of(from);
    if (const int code = h.disk->before(disk_call::read, *h.name)) {
      if (code == SQLITE_IOERR_SHORT_READ) std::memset(to, 0, static_cast<std::size_t>(amount));
      return code;
    }
    const auto at = static_cast<std::size_t>(offset);
    const auto size = static_cast<std::size_t>(amount);
    const std::string& content = h.on->now;
    const std::size_t there = at >= content.size() ? 0 : std::min(size, content.size() - at);
    std::memcpy(to, content.data() + std::min(at, content.size()), there);
    std::memset(static_cast<char*>(to) + there, 0, size - there);
    return there == size ? SQLITE_OK : SQLITE_IOERR_SHORT_READ;
  }
  static int write(sqlite3_file* to, const void* data, int amount, sqlite3_int64 offset) {
    handle& h = of(to);
    change what{false, static_cast<std::size_t>(offset),
                std::string(static_cast<const char*>(data), static_cast<std::size_t>(amount))};
    const int code = h.disk->before(disk_call::write, *h.name);
    if (code == SQLITE_OK) apply(h.on->now, what, nullptr);
    if (h.disk->calls_ <= h.disk->dies_at_ && code != SQLITE_FULL) {
      h.on->unsynced.push_back(std::move(what));
    }
    return code;
  }
  static int truncate(sqlite3_file* which, sqlite3_int64 size) {
    handle& h = of(which);
    if (const int code = h.disk->before(disk_call::truncate, *h.name)) return code;
    change what{true, static_cast<std::size_t>(size), {}};
    apply(h.on->now, what, nullptr);
    h.on->unsynced.push_back(std::move(what));
    return SQLITE_OK;
  }
  static int sync(sqlite3_file* which, int /*flags*/) {
    handle& h = of(which);
    if (const int code = h.disk->before(disk_call::sync, *h.name)) return code;
    if (h.disk->lies_) return SQLITE_OK;
    for (const change& each : h.on->unsynced) apply(h.on->synced, each, nullptr);
    h.on->exists_synced = true;
    h.on->unsynced.clear();
    return SQLITE_OK;
  }
  static int size(sqlite3_file* which, sqlite3_int64* out) {
    *out = static_cast<sqlite3_int64>(of(which).on->now.size());
    return SQLITE_OK;
  }
  static int lock(sqlite3_file* which, int level) {
    handle& h = of(which);
    file& f = *h.on;
    if (level <= h.lock) return SQLITE_OK;
    if (h.lock == SQLITE_LOCK_NONE) ++f.shared;
    if (h.lock == SQLITE_LOCK_NONE) h.lock = SQLITE_LOCK_SHARED;
    if (level >= SQLITE_LOCK_RESERVED && h.lock < SQLITE_LOCK_RESERVED) {
      if (f.reserved) return SQLITE_BUSY;
      f.reserved = true;
      h.lock = SQLITE_LOCK_RESERVED;
    }
    if (level == SQLITE_LOCK_EXCLUSIVE && f.shared > 1) return SQLITE_BUSY;
    h.lock = level;
    return SQLITE_OK;
  }
  static int unlock(sqlite3_file* which, int level) {
    handle& h = of(which);
    if (h.lock >= SQLITE_LOCK_RESERVED && level < SQLITE_LOCK_RESERVED) h.on->reserved = false;
    if (h.lock >= SQLITE_LOCK_SHARED && level < SQLITE_LOCK_SHARED) --h.on->shared;
    h.lock = std::min(h.lock, level);
    return SQLITE_OK;
  }
  static int reserved(sqlite3_file* which, int* out) {
    *out = of(which).on->reserved ? 1 : 0;
    return SQLITE_OK;
  }
  static int control(sqlite3_file* which, int op, void* arg) {
    handle& h = of(which);
    if (op == SQLITE_FCNTL_CHUNK_SIZE) return SQLITE_OK;
    if (op != SQLITE_FCNTL_SIZE_HINT || !h.name->ends_with("-wal")) return SQLITE_NOTFOUND;
    if (const int code = h.disk->before(disk_call::reserve, *h.name)) return code;
    const auto size = static_cast<std::size_t>(*static_cast<sqlite3_int64*>(arg));
    if (size <= h.on->now.size()) return SQLITE_OK;
    change what{true, size, {}};
    apply(h.on->now, what, nullptr);
    h.on->unsynced.push_back(std::move(what));
    return SQLITE_OK;
  }
  static int sector_size(sqlite3_file* /*which*/) { return 4096; }
  // As the VFS for Unix says: bytes beside those that are written are not harmed.
  static int characteristics(sqlite3_file* /*which*/) { return SQLITE_IOCAP_POWERSAFE_OVERWRITE; }
  static int close(sqlite3_file* which) {
    unlock(which, SQLITE_LOCK_NONE);
    shm_unmap(which, 0);
    return SQLITE_OK;
  }

  static int shm_map(sqlite3_file* which, int region, int size, int extend, void volatile** out) {
    auto& shm = of(which).on->shm;
    const auto at = static_cast<std::size_t>(region);
    while (extend != 0 && shm.size() <= at) {
      shm.push_back(std::make_unique<char[]>(static_cast<std::size_t>(size)));
    }
    *out = at < shm.size() ? shm[at].get() : nullptr;
    return SQLITE_OK;
  }
  static int shm_lock(sqlite3_file* which, int offset, int count, int flags) {
    handle& h = of(which);
    file& f = *h.on;
    const bool exclusive = (flags & SQLITE_SHM_EXCLUSIVE) != 0;
    if ((flags & SQLITE_SHM_LOCK) != 0) {
      for (int i = offset; i < offset + count; ++i) {
        const int own = (h.shm_shared >> i & 1U) != 0 ? 1 : 0;
        if (f.shm_exclusive[i] || (exclusive && f.shm_shared[i] > own)) return SQLITE_BUSY;
      }
    }
    for (int i = 0; i < 8; ++i) {
      if (!in(offset, count, i)) continue;
      const unsigned bit = 1U << static_cast<unsigned>(i);
      unsigned& held = exclusive ? h.shm_exclusive : h.shm_shared;
      const bool locks = (flags & SQLITE_SHM_LOCK) != 0;
      if (((held & bit) != 0) == locks) continue;
      held ^= bit;
      if (exclusive) f.shm_exclusive[i] = locks;
      if (!exclusive) f.shm_shared[i] += locks ? 1 : -1;
    }
    return SQLITE_OK;
  }
  static void shm_barrier(sqlite3_file* /*which*/) {}
  static int shm_unmap(sqlite3_file* which, int /*deletes*/) {
    handle& h = of(which);
    shm_lock(which, 0, 8, SQLITE_SHM_UNLOCK | SQLITE_SHM_EXCLUSIVE);
    shm_lock(which, 0, 8, SQLITE_SHM_UNLOCK | SQLITE_SHM_SHARED);
    h.shm_shared = h.shm_exclusive = 0;
    return SQLITE_OK;
  }

  static int open(sqlite3_vfs* vfs, const char* path, sqlite3_file* out, int flags, int* got) {
    memory_disk& disk = of(vfs);
    out->pMethods = nullptr;
    const std::string name = path == nullptr ? "temporary" : path;
    if (const int code = disk.before(disk_call::open, name)) return code;
    auto found = disk.files_.find(name);
    if (found == disk.files_.end()) {
      if ((flags & SQLITE_OPEN_CREATE) == 0) return SQLITE_CANTOPEN;
      found = disk.files_.emplace(name, std::make_unique<file>()).first;
    }
    static const sqlite3_io_methods methods = {
        2,         close,    read,    write,       truncate,        sync,    size,     lock,
        unlock,    reserved, control, sector_size, characteristics, shm_map, shm_lock, shm_barrier,
        shm_unmap, nullptr,  nullptr};
    handle& h = of(out);
    h.base.pMethods = &methods;
    h.disk = &disk;
    h.on = found->second.get();
    h.name = &found->first;
    h.lock = SQLITE_LOCK_NONE;
    h.shm_shared = h.shm_exclusive = 0;
    if (got != nullptr) *got = flags;
    return SQLITE_OK;
  }
  // A file that is deleted without syncing its folder is not needed again: gone at once.
  static int remove(sqlite3_vfs* vfs, const char* path, int /*sync*/) {
    memory_disk& disk = of(vfs);
    if (const int code = disk.before(disk_call::truncate, path)) return code;
    const auto found = disk.files_.find(path);
    if (found == disk.files_.end()) return SQLITE_IOERR_DELETE_NOENT;
    *found->second = file();
    disk.files_.erase(found);
    return SQLITE_OK;
  }
  static int access(sqlite3_vfs* vfs, const char* path, int /*flags*/, int* out) {
    *out = of(vfs).files_.contains(path) ? 1 : 0;
    return SQLITE_OK;
  }
  static int full_path(sqlite3_vfs* /*vfs*/, const char* path, int size, char* out) {
    ::sqlite3_snprintf(size, out, "%s", path);
    return SQLITE_OK;
  }
};

memory_disk::memory_disk() : name_("memory_disk_" + std::to_string(++disks)) {
  using calls = calls_of_sqlite;
  vfs_ = *::sqlite3_vfs_find(nullptr);  // for what has nothing to do with files: time, chance
  vfs_.szOsFile = sizeof(handle);
  vfs_.zName = name_.c_str();
  vfs_.pAppData = this;
  vfs_.pNext = nullptr;
  vfs_.xOpen = &calls::open;
  vfs_.xDelete = &calls::remove;
  vfs_.xAccess = &calls::access;
  vfs_.xFullPathname = &calls::full_path;
  ::sqlite3_vfs_register(&vfs_, 0);
}

memory_disk::~memory_disk() {
  ::sqlite3_vfs_unregister(&vfs_);
}

int memory_disk::before(disk_call what, std::string_view name) {
  ++calls_;
  if (dead()) return what == disk_call::open ? SQLITE_CANTOPEN : SQLITE_IOERR;
  return fault ? fault(what, name) : SQLITE_OK;
}

void memory_disk::die_after(std::uint64_t calls) {
  dies_at_ = calls_ + calls;
}

void memory_disk::apply(std::string& content, const change& what, core::dice* tears) {
  if (what.truncates) {
    content.resize(what.at);
    return;
  }
  if (content.size() < what.at + what.bytes.size()) content.resize(what.at + what.bytes.size());
  for (std::size_t done = 0; done < what.bytes.size();) {
    const std::size_t to_end_of_sector = sector - (what.at + done) % sector;
    const std::size_t size = std::min(to_end_of_sector, what.bytes.size() - done);
    if (tears == nullptr || tears->next() % 2 == 0) {
      content.replace(what.at + done, size, what.bytes, done, size);
    }
    done += size;
  }
}

void memory_disk::cut(core::dice& dice) {
  for (auto it = files_.begin(); it != files_.end();) {
    file& f = *it->second;
    std::string left = f.synced;
    // Nearly all, about a half, or nearly nothing reached the disk.
    const double lost = std::array{0.0, 0.1, 0.5, 0.9, 1.0}[dice.next() % 5];
    const double torn = std::array{0.0, 0.2}[dice.next() % 2];
    bool any = f.exists_synced;
    for (const change& each : f.unsynced) {
      if (dice.unit() < lost) continue;
      apply(left, each, dice.unit() < torn ? &dice : nullptr);
      any = true;
    }
    if (!any) {
      it = files_.erase(it);
      continue;
    }
    f = file();
    f.now = left;
    f.synced = std::move(left);
    f.exists_synced = true;
    ++it;
  }
  dies_at_ = ~std::uint64_t{0};
  fault = nullptr;
}

void memory_disk::outlive() {
  for (const auto& [name, f] : files_) f->shm.clear();
  dies_at_ = ~std::uint64_t{0};
  fault = nullptr;
}

memory_disk::image memory_disk::contents() const {
  image out;
  for (const auto& [name, f] : files_) out[name] = f->now;
  return out;
}

void memory_disk::restore(const image& files) {
  files_.clear();
  for (const auto& [name, content] : files) {
    auto& f = *files_.emplace(name, std::make_unique<file>()).first->second;
    f.now = f.synced = content;
    f.exists_synced = true;
  }
  dies_at_ = ~std::uint64_t{0};
  fault = nullptr;
}

}  // namespace understudy::store
