#include "store/sqlite/sqlite_calls.hpp"

#include <algorithm>
#include <map>

#include "store/sqlite/id_list.hpp"
#include "store/sqlite/reader.hpp"
#include "store/sqlite/schema.hpp"

namespace understudy::store::sqlite {

namespace {

// So much time of ids is reserved at once: a write for each of it, and not for each commit.
constexpr std::int64_t reserved_ahead = std::int64_t{10'000} << 22;

int note_wal_pages(void* to, sqlite3* /*db*/, const char* /*name*/, int pages) {
  *static_cast<int*>(to) = pages;
  return SQLITE_OK;
}

}  // namespace

sqlite_calls::sqlite_calls(calls_options options, wall_time now)
    : options_(std::move(options)),
      db_(options_.file, access::write, options_.vfs),
      running_(options_.lease) {
  prepare(db_, options_.cache_bytes);
  const std::size_t wanted = options_.wal_bytes_max + options_.wal_bytes_max / 2;
  wal_reserved_ =
      reserve_wal(db_, std::min<std::size_t>({wanted, options_.bytes_max / 8, wal_kept}));
  migrate(db_, options_.fresh_tag);
  ::sqlite3_wal_hook(db_.handle(), &note_wal_pages, &wal_pages_);
  tag_ = meta_text(db_, "tag");
  was_clean_ = meta_integer(db_, "clean") != 0;
  ids_reserved_ = meta_integer(db_, "id_reserved");
  ids_.start(ids_reserved_, options_.node);
  sql_.emplace(db_);
  services_.emplace(*sql_);
  claims_.emplace(*sql_, running_);
  services_->load();
  for (const auto& each : services_->all()) rows_ += each->rows();
  load_keys();
  begin_term(now);
}

sqlite_calls::~sqlite_calls() = default;

void sqlite_calls::load_keys() {
  auto row = sql_->all_prints.query();
  while (row.next()) {
    print key{};
    std::ranges::copy(row.bytes(0).substr(0, key.size()), key.begin());
    keys_.insert(key, row.integer(1));
  }
}

std::vector<live_call> sqlite_calls::load_live() {
  // Of each call the last claim: those before it are over.
  std::map<std::int64_t, std::int64_t> claimed;
  for (auto row = sql_->all_claims.query(); row.next();) {
    for (const std::int64_t id : ids_of(row.bytes(1))) claimed[id] = row.integer(0);
  }
  std::vector<live_call> lost;
  for (auto row = sql_->all_live.query(); row.next();) {
    const live_call live = read_live(row);
    static_cast<void>(services_->at(live.service));
    const auto found = claimed.empty() ? claimed.end() : claimed.find(live.id);
    const bool runs = found != claimed.end() && live.settled < found->second;
    if (found != claimed.end()) claimed.erase(found);
    if (runs) {
      lost.push_back(live);
    } else {
      schedule_.enter(live, now_ms());
      schedule_.commit();
    }
  }
  for (const auto& [id, batch] : claimed) restore_fresh(id, lost);
  std::ranges::sort(lost, {}, &live_call::id);
  return lost;
}

// Claimed in the commit that accepted it, and in no table of live calls: over, forgotten or lost.
void sqlite_calls::restore_fresh(std::int64_t id, std::vector<live_call>& lost) {
  if (ended(id)) return;
  live_call live;
  live.id = id;
  {
    auto row = sql_->select_terms.query(id);
    if (!row.next()) return;
    live.service = row.integer(0);
  }
  const core::stored_terms terms = terms_of(id);
  live.rank = rank_of(terms);
  live.deadline = terms.deadline.time_since_epoch().count();
  if (!webhook_of(id, flag::webhook).empty()) live.flags = flag::webhook;
  std::string line;
  if (auto row = sql_->select_line.query(id); row.next()) line = row.text(0);
  // It runs, so it is the first of its line.
  auto first = sql_->first_line.query(live.service, std::string_view(line));
  if (!line.empty() && first.next()) live.line_seq = first.integer(0);
  lost.push_back(live);
}

// The attempts of a process that is gone may have run: nobody knows.
void sqlite_calls::begin_term(wall_time now) {
  now_ = now;
  term_ = static_cast<std::uint64_t>(meta_integer(db_, "term")) + 1;
  const std::vector<live_call> lost = load_live();
  sql_->begin.run();
  set_meta(db_, "term", static_cast<std::int64_t>(term_));
  set_meta(db_, "clean", 0);
  sql_->clear_claims.run();
  for (const live_call& each : lost) lose(each);
  told all = commit(false);
  told_ = std::move(all);
}

void sqlite_calls::begin(wall_time now) {
  now_ = now;
  if (leases_frozen_) leases_frozen_until_ = now + options_.lease;
  leases_frozen_ = false;
  sql_->begin.run();
  places_before_ = places_;
  ids_reserved_before_ = ids_reserved_;
  if (commits_ % 16 == 0) {
    auto row = sql_->pages.query();
    if (row.next()) bytes_ = static_cast<std::uint64_t>(row.integer(0));
  }
  advance();
}

told sqlite_calls::commit(bool may_purge) {
  if (may_purge) forget_old();
  claim();
  if (!ended_.empty()) {
    sql_->insert_ended.run(now_ms(), bytes_of(ended_));
    next_forgotten_ = std::min(next_forgotten_, now_ + options_.result_kept);
  }
  claims_->write([this] { return ids_.draw(now_); });
  services_->flush();
  if (ids_.last() > ids_reserved_) {
    ids_reserved_ = ids_.last() + reserved_ahead;
    sql_->reserve_ids.run(ids_reserved_);
  }
  sql_->commit.run();
  ++commits_;
  schedule_.commit();
  running_.commit();
  claims_->commit();
  ended_.clear();
  key_changes_.clear();
  return take_told();
}

void sqlite_calls::rollback() {
  if (db_.in_transaction()) sql_->rollback.run();
  for (; !key_changes_.empty(); key_changes_.pop_back()) {
    const key_change& last = key_changes_.back();
    if (last.inserted) {
      keys_.erase(last.key, last.id);
    } else {
      keys_.insert(last.key, last.id);
    }
  }
  schedule_.rollback();
  running_.rollback();
  claims_->rollback();
  ended_.clear();
  services_->load();
  rows_ = 0;
  for (const auto& each : services_->all()) rows_ += each->rows();
  places_ = places_before_;
  ids_reserved_ = ids_reserved_before_;
  told_ = {};
  next_forgotten_ = wall_time::min();
}

bool sqlite_calls::pause(const std::string& service, bool paused) {
  service_state* which = services_->named(service);
  if (which == nullptr) return false;
  ++operations_;
  services_->pause(*which, paused);
  return true;
}

void sqlite_calls::hold(const std::string& service, bool held) {
  if (service_state* which = services_->named(service)) which->held = held;
}

void sqlite_calls::limit(const std::string& service, std::size_t running_max) {
  if (service_state* which = services_->named(service)) which->running_max = running_max;
}

std::optional<call_view> sqlite_calls::look(call_id id) {
  return reader(db_).look(id);
}

std::vector<call_view> sqlite_calls::with_key(const call_filter& filter) {
  const std::int64_t id = filter.key_print ? find_key(*filter.key_print) : 0;
  if (id == 0 || id <= static_cast<std::int64_t>(filter.after)) return {};
  auto view = look(call_id{static_cast<std::uint64_t>(id)});
  if (!view || (filter.state && *filter.state != view->state)) return {};
  auto row = sql_->select_terms.query(id);
  const bool named = filter.service.empty() ||
                     (row.next() && services_->at(row.integer(0)).counts.service == filter.service);
  if (!named) return {};
  return {*std::move(view)};
}

store_counts sqlite_calls::counts() {
  store_counts out;
  for (const auto& each : services_->all()) {
    service_counts counts = each->counts;
    counts.purged = each->purged_dead;
    counts.dead -= each->purged_dead;
    if (const auto oldest = schedule_.oldest_ready(each->number)) {
      counts.oldest_waiting = wall_time(std::chrono::milliseconds(*oldest));
    }
    out.services.push_back(std::move(counts));
  }
  out.commits = commits_;
  out.operations = operations_;
  out.fenced = fenced_;
  out.bytes = bytes_ + wal_bytes();
  return out;
}

wall_time sqlite_calls::next() const {
  const auto at = [](std::optional<std::int64_t> ms) {
    return ms ? wall_time(std::chrono::milliseconds(*ms)) : wall_time::max();
  };
  const wall_time lease = running_.next() == wall_time::max()
                              ? wall_time::max()
                              : std::max(running_.next(), leases_frozen_until_);
  return std::min({at(schedule_.next_due()), at(schedule_.next_over()), next_forgotten_, lease});
}

std::uint64_t sqlite_calls::wal_bytes() const {
  return std::max<std::uint64_t>(wal_reserved_,
                                 static_cast<std::uint64_t>(wal_pages_) * page_bytes);
}

void sqlite_calls::checkpoint(bool all) {
  const auto most = static_cast<int>(options_.wal_bytes_max / page_bytes);
  // Where a reader holds the WAL, it is not tried at each commit.
  if (wal_pages_ < wal_pages_tried_) wal_pages_tried_ = 0;
  if (!all && (wal_pages_ < most || wal_pages_ < wal_pages_tried_ + most / 4)) return;
  wal_pages_tried_ = wal_pages_;
  move_wal(all ? SQLITE_CHECKPOINT_RESTART : SQLITE_CHECKPOINT_PASSIVE);
}

void sqlite_calls::move_wal(int mode) {
  ::sqlite3_busy_timeout(db_.handle(), 0);
  const int code = ::sqlite3_wal_checkpoint_v2(db_.handle(), nullptr, mode, nullptr, nullptr);
  ::sqlite3_busy_timeout(db_.handle(), 2000);
  const int kind = code & 0xff;
  if (code == SQLITE_OK && mode != SQLITE_CHECKPOINT_PASSIVE) wal_pages_ = 0;
  // Readers hold it, or the disk is full: all is in the WAL still.
  if (code != SQLITE_OK && kind != SQLITE_BUSY && kind != SQLITE_FULL) db_.fail(code);
}

void sqlite_calls::close(wall_time now) {
  now_ = now;
  sql_->begin.run();
  set_meta(db_, "clean", 1);
  ids_reserved_ = ids_.last();
  set_meta(db_, "id_reserved", ids_reserved_);
  sql_->commit.run();
  move_wal(SQLITE_CHECKPOINT_TRUNCATE);
}

}  // namespace understudy::store::sqlite
