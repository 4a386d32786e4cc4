#include "store/sqlite/read_lane.hpp"

#include <optional>

namespace understudy::store::sqlite {

read_lane::read_lane(std::string file, std::string vfs)
    : file_(std::move(file)), vfs_(std::move(vfs)), thread_([this] { run(); }) {}

read_lane::~read_lane() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

bool read_lane::ask(std::chrono::milliseconds limit, task what) {
  {
    const std::lock_guard lock(mutex_);
    if (waiting_.size() >= waiting_max) return false;
    waiting_.emplace_back(limit, std::move(what));
  }
  changed_.notify_all();
  return true;
}

int read_lane::interrupt(void* lane) {
  const auto* self = static_cast<read_lane*>(lane);
  return self->stopping_ || std::chrono::steady_clock::now() > self->until_ ? 1 : 0;
}

void read_lane::run() {
  std::optional<connection> db;
  for (;;) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return stopping_ || !waiting_.empty(); });
    if (waiting_.empty()) return;
    auto [limit, what] = std::move(waiting_.front());
    waiting_.pop_front();
    lock.unlock();
    std::string why;
    try {
      if (!db) {
        db.emplace(file_, access::read, vfs_);
        ::sqlite3_busy_timeout(db->handle(), 2000);
        db->run("PRAGMA mmap_size=0; PRAGMA temp_store=MEMORY; PRAGMA cache_size=-16384");
        constexpr int instructions = 10000;
        ::sqlite3_progress_handler(db->handle(), instructions, &read_lane::interrupt, this);
      }
    } catch (const std::exception& e) {
      db.reset();
      why = e.what();
    }
    until_ = std::chrono::steady_clock::now() + limit;
    what(db ? &*db : nullptr, why);
  }
}

}  // namespace understudy::store::sqlite
