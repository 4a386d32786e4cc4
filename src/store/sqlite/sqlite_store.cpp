#include "store/sqlite/sqlite_store.hpp"

#include <pthread.h>
#include <sys/statvfs.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "store/sqlite/reader.hpp"

namespace understudy::store {

using namespace std::chrono_literals;
using sqlite::sqlite_calls;
using steady = std::chrono::steady_clock;

namespace {

// What one transaction holds at most.
constexpr std::size_t batch_operations_max = 4000;
constexpr std::size_t batch_bytes_max = 8UL << 20U;
// Above it forgetting what is old waits for a quieter moment.
constexpr std::size_t batch_quiet = 2000;
// The disk is looked at so often: less than its reserve is written meanwhile.
constexpr auto disk_look = 100ms;
constexpr auto list_limit = 2s;
constexpr auto verify_limit = 60s;
constexpr auto check_limit = 30min;

wall_time wall_now() {
  return std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
}

void stop_the_process(const std::string& sentence) {
  std::fprintf(stderr, "understudy: %s\n", sentence.c_str());
  std::abort();
}

}  // namespace

struct sqlite_store::operation {
  virtual ~operation() = default;
  /// Again after a rollback.
  virtual void apply(sqlite_calls& calls) = 0;
  virtual void answer_it() = 0;
  std::size_t bytes = 0;
  bool accepts = false;
  std::optional<print> key;  ///< which it will ask for
};

template <typename Result, typename Do>
struct sqlite_store::operation_of final : operation {
  operation_of(Do how, answer<Result> whom) : what(std::move(how)), answered(std::move(whom)) {}
  void apply(sqlite_calls& calls) override { result = what(calls); }
  void answer_it() override {
    if (answered) answered(std::move(result));
  }
  Do what;
  answer<Result> answered;
  Result result{};
};

sqlite_store::sqlite_store(sqlite_options options, call_sink& sink)
    : options_(std::move(options)), sink_(sink) {
  if (!options_.fatal) options_.fatal = &stop_the_process;
  const std::string& file = options_.calls.file;
  lock_.emplace(file + ".lock");
  try {
    calls_.emplace(options_.calls, wall_now());
  } catch (const std::exception& e) {
    throw std::runtime_error("can not open the call store " + file + ": " + e.what());
  }
  tag_ = calls_->tag();
  reads_.emplace(file, options_.calls.vfs);
  if (!calls_->was_clean()) check_file();
  thread_ = std::thread([this] { run(); });
}

sqlite_store::~sqlite_store() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  thread_.join();
  reads_.reset();
}

void sqlite_store::push(std::unique_ptr<operation> what) {
  bool first = false;
  {
    const std::lock_guard lock(mutex_);
    first = asked_.empty();
    asked_.push_back(std::move(what));
  }
  if (first) changed_.notify_one();
}

template <typename Result, typename Do>
void sqlite_store::ask(Do what, answer<Result> answered, std::size_t bytes) {
  auto made = std::make_unique<operation_of<Result, Do>>(std::move(what), std::move(answered));
  made->bytes = bytes;
  push(std::move(made));
}

template <typename Do>
void sqlite_store::tell(Do what) {
  auto quiet = [does = std::move(what)](sqlite_calls& calls) {
    does(calls);
    return true;
  };
  push(std::make_unique<operation_of<bool, decltype(quiet)>>(std::move(quiet), nullptr));
}

void sqlite_store::accept(new_call call, answer<acceptance> answered) {
  ++accepting_;
  const std::size_t bytes = call.params.size() + call.context.size();
  const std::optional<print> key = call.key.empty() ? std::nullopt : std::optional(call.key_print);
  auto what = [kept = std::move(call)](sqlite_calls& calls) { return calls.accept(kept); };
  auto made = std::make_unique<operation_of<acceptance, decltype(what)>>(std::move(what),
                                                                         std::move(answered));
  made->bytes = bytes;
  made->accepts = true;
  made->key = key;
  push(std::move(made));
}

void sqlite_store::grant(std::size_t places) {
  tell([places](sqlite_calls& calls) { calls.grant(places); });
}

void sqlite_store::report(attempt_report attempt, answer<bool> answered) {
  const std::size_t bytes = attempt.payload.size();
  auto what = [kept = std::move(attempt)](sqlite_calls& calls) { return calls.report(kept); };
  ask<bool>(std::move(what), std::move(answered), bytes);
}

void sqlite_store::renew(std::vector<held_claim> claims) {
  tell([kept = std::move(claims)](sqlite_calls& calls) { calls.renew(kept); });
}

void sqlite_store::pause(std::string service, bool paused, answer<bool> answered) {
  auto what = [name = std::move(service), paused](sqlite_calls& calls) {
    return calls.pause(name, paused);
  };
  ask<bool>(std::move(what), std::move(answered));
}

void sqlite_store::hold(std::string service, bool held) {
  tell([name = std::move(service), held](sqlite_calls& calls) { calls.hold(name, held); });
}

void sqlite_store::limit(std::string service, std::size_t running_max) {
  tell([name = std::move(service), running_max](sqlite_calls& calls) {
    calls.limit(name, running_max);
  });
}

void sqlite_store::cancel(call_id id, answer<std::optional<call_state>> answered) {
  ask<std::optional<call_state>>([id](sqlite_calls& calls) { return calls.cancel(id); },
                                 std::move(answered));
}

void sqlite_store::retry(call_id id, bool as_new, answer<std::optional<call_id>> answered) {
  ask<std::optional<call_id>>([id, as_new](sqlite_calls& calls) { return calls.retry(id, as_new); },
                              std::move(answered));
}

void sqlite_store::purge(call_id id, answer<bool> answered) {
  ask<bool>([id](sqlite_calls& calls) { return calls.purge(id); }, std::move(answered));
}

void sqlite_store::look(call_id id, answer<std::optional<call_view>> answered) {
  ask<std::optional<call_view>>([id](sqlite_calls& calls) { return calls.look(id); },
                                std::move(answered));
}

void sqlite_store::counts(answer<store_counts> answered) {
  ask<store_counts>([](sqlite_calls& calls) { return calls.counts(); }, std::move(answered));
}

void sqlite_store::list(call_filter filter, answer<std::vector<call_view>> answered) {
  if (filter.key_print) {
    // The index of keys is the writer's.
    ask<std::vector<call_view>>(
        [kept = std::move(filter)](sqlite_calls& calls) { return calls.with_key(kept); },
        std::move(answered));
    return;
  }
  auto whom = std::make_shared<answer<std::vector<call_view>>>(std::move(answered));
  const bool asked = reads_->ask(
      list_limit, [whom, kept = std::move(filter)](sqlite::connection* db, const std::string&) {
        std::vector<call_view> found;
        try {
          if (db != nullptr) found = sqlite::reader(*db).list(kept);
        } catch (const sqlite::error&) {
          found.clear();  // nothing can be read: the writer will say so
        }
        (*whom)(std::move(found));
      });
  if (!asked) (*whom)({});
}

void sqlite_store::verify(answer<std::vector<std::string>> answered) {
  auto whom = std::make_shared<answer<std::vector<std::string>>>(std::move(answered));
  const bool asked =
      reads_->ask(verify_limit, [whom](sqlite::connection* db, const std::string& why) {
        std::vector<std::string> found;
        try {
          if (db == nullptr) throw std::runtime_error(why);
          found = sqlite::verify(*db);
        } catch (const std::exception& e) {
          found = {std::string("it could not be verified: ") + e.what()};
        }
        (*whom)(std::move(found));
      });
  if (!asked) (*whom)({"it could not be verified: too many questions wait already"});
}

void sqlite_store::check_file() {
  if (!options_.checked) return;
  const auto task = [tell_it = options_.checked](sqlite::connection* db, const std::string& why) {
    std::vector<std::string> found;
    try {
      if (db == nullptr) throw std::runtime_error(why);
      found = sqlite::check_file(*db);
    } catch (const std::exception& e) {
      found = {std::string("it could not be checked: ") + e.what()};
    }
    tell_it(found);
  };
  // It is the first that is asked: there is room.
  static_cast<void>(reads_->ask(check_limit, task));
}

// The writing thread.

void sqlite_store::run() {
  ::pthread_setname_np(::pthread_self(), "call store");
  try {
    serve();
  } catch (const std::exception& e) {
    // Neither what was asked nor what was committed last is known to be durable.
    options_.fatal("the call store " + options_.calls.file + " can not go on: " + e.what());
  }
}

void sqlite_store::serve() {
  batch none;
  answer_all(none, calls_->take_told());
  while (wait()) {
    watch_disk();
    batch all = next_batch();
    if (all.empty() && calls_->next() > wall_now()) {
      // Idle: what is in the file needs no WAL, and a start is quicker.
      if (calls_->wal_in_use() && steady::now() - last_commit_ > 1s) calls_->checkpoint(true);
      continue;
    }
    carry_out(all);
    calls_->checkpoint(false);
    last_commit_ = steady::now();
  }
  calls_->close(wall_now());
  calls_.reset();
}

// Until there is something to do; false: it is over.
bool sqlite_store::wait() {
  if (taken_done_ < taken_.size()) return true;
  const wall_time next = calls_->next();
  const wall_time now = wall_now();
  std::unique_lock lock(mutex_);
  // At least once a second: the wall clock may be set.
  const auto most = next > now ? std::min<std::chrono::milliseconds>(next - now, 1000ms) : 0ms;
  changed_.wait_for(lock, most, [this] { return stopping_ || !asked_.empty(); });
  if (asked_.empty()) return !stopping_;
  taken_.clear();
  taken_done_ = 0;
  taken_.swap(asked_);
  return true;
}

sqlite_store::batch sqlite_store::next_batch() {
  batch all;
  std::size_t bytes = 0;
  while (taken_done_ < taken_.size() && all.size() < batch_operations_max &&
         bytes < batch_bytes_max) {
    bytes += taken_[taken_done_]->bytes;
    all.push_back(std::move(taken_[taken_done_++]));
  }
  return all;
}

void sqlite_store::carry_out(batch& all) {
  bool again = false;
  for (;;) {
    try {
      calls_->begin(wall_now());
      for (const auto& each : all) {
        if (each->key) calls_->expect(*each->key);
      }
      for (const auto& each : all) each->apply(*calls_);
      sqlite::told what = calls_->commit(!again && all.size() < batch_quiet);
      answer_all(all, std::move(what));
      return;
    } catch (const sqlite::error& e) {
      if (!e.full()) throw;
    }
    // All that was asked is repeated, but accepts nothing more: what ends makes room.
    calls_->rollback();
    calls_->refuse("the disk of the call store is full");
    disk_seen_ = steady::now();
    if (again) {
      calls_->checkpoint(true);
      std::unique_lock lock(mutex_);
      if (changed_.wait_for(lock, 100ms, [this] { return stopping_; })) {
        all.clear();  // not durable, and not answered
        return;
      }
    }
    again = true;
  }
}

void sqlite_store::answer_all(batch& all, sqlite::told what) {
  for (const auto& each : all) {
    if (each->accepts) --accepting_;
    each->answer_it();
  }
  if (!what.claimed.empty()) sink_.claimed(std::move(what.claimed));
  if (!what.ended.empty()) sink_.ended(std::move(what.ended));
}

void sqlite_store::watch_disk() {
  const auto now = steady::now();
  const wall_time wall = wall_now();
  if (last_wall_) {
    const auto drift = (wall - *last_wall_) - (now - last_steady_);
    if (drift > 5s || drift < -5s) calls_->clock_jumped();
  }
  last_wall_ = wall;
  last_steady_ = now;
  if (now - disk_seen_ < disk_look) return;
  disk_seen_ = now;
  const auto folder = std::filesystem::absolute(options_.calls.file).parent_path();
  struct statvfs disk {};
  if (::statvfs(folder.c_str(), &disk) != 0) return calls_->refuse("");
  const double free = static_cast<double>(disk.f_bavail) * static_cast<double>(disk.f_frsize);
  const double all = static_cast<double>(disk.f_blocks) * static_cast<double>(disk.f_frsize);
  const bool low =
      free < all * options_.disk_free_share && free < static_cast<double>(options_.disk_free_bytes);
  calls_->refuse(low ? "the disk of the call store is almost full" : "");
}

}  // namespace understudy::store
