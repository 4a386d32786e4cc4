#include "store/sim/engine.hpp"

#include "store/sqlite/reader.hpp"
#include "store/support/calls.hpp"

namespace understudy::store::sim {

engine::engine(const engine_plan& plan) : plan_(plan) {
  static const memory_disk::image fresh = [] {
    memory_disk disk;
    sqlite::calls_options made;
    made.file = "calls.db";
    made.vfs = disk.name();
    made.fresh_tag = "tag";
    sqlite::sqlite_calls(made, start_time).close(start_time);
    return disk.contents();
  }();
  disk_.restore(fresh);
}

sqlite::calls_options engine::options() const {
  sqlite::calls_options out;
  out.file = "calls.db";
  out.vfs = disk_.name();
  out.fresh_tag = "tag";
  out.cache_bytes = 256UL << 10U;
  // Small enough that checkpoints are cut as well.
  out.wal_bytes_max = 128UL << 10U;
  out.lease = plan_.lease;
  out.result_kept = plan_.result_kept;
  out.age_max = plan_.age_max;
  out.rows_max = plan_.rows_max;
  return out;
}

std::optional<told> engine::start(wall_time now) {
  try {
    calls_ = std::make_unique<sqlite::sqlite_calls>(options(), now);
    return calls_->take_told();
  } catch (const std::exception&) {
    if (!disk_.dead()) throw;
    return std::nullopt;
  }
}

std::optional<told> engine::commit(wall_time now, std::span<const step> steps) {
  try {
    for (bool again = false;; again = true) {
      try {
        calls_->begin(now);
        for (const step& each : steps) each(*calls_);
        told what = calls_->commit(!again);
        calls_->checkpoint(false);
        return what;
      } catch (const sqlite::error& e) {
        if (!e.full()) throw;
      }
      calls_->rollback();
      calls_->refuse("the disk is full");
      if (again) disk_.fault = nullptr;
    }
  } catch (const sqlite::error&) {
    if (!disk_.dead()) throw;
    return std::nullopt;
  }
}

bool engine::stop(wall_time now) {
  try {
    calls_->close(now);
  } catch (const sqlite::error& e) {
    if (!disk_.dead() && !e.full()) throw;
    return false;
  }
  calls_.reset();
  return true;
}

void engine::kill(bool power_cut, core::dice& dice) {
  calls_.reset();
  if (power_cut) {
    disk_.cut(dice);
  } else {
    disk_.outlive();
  }
  dies_at_ = never;
}

void engine::fill_disk() {
  disk_.fault = [](disk_call what, std::string_view) {
    return what == disk_call::write ? SQLITE_FULL : SQLITE_OK;
  };
}

void engine::die_after(std::uint64_t calls) {
  dies_at_ = disk_.calls() + calls;
  disk_.die_after(calls);
}

void engine::live_on() {
  dies_at_ = never;
  disk_.die_after(never - disk_.calls());
}

template <typename Do>
auto engine::spared(Do what) {
  const std::uint64_t left = dies_at_ - disk_.calls();
  const bool dies = dies_at_ != never;
  live_on();
  auto found = what();
  if (dies) die_after(left);
  return found;
}

std::vector<call_view> engine::list() {
  return spared([this] {
    call_filter all;
    all.count_max = 100'000;
    sqlite::connection db("calls.db", sqlite::access::read, disk_.name());
    return sqlite::reader(db).list(all);
  });
}

std::vector<std::string> engine::verify() {
  return spared([this] {
    sqlite::connection db("calls.db", sqlite::access::read, disk_.name());
    return sqlite::verify(db);
  });
}

store_counts engine::counts() {
  return spared([this] { return calls_->counts(); });
}

}  // namespace understudy::store::sim
