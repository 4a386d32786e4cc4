// Any I/O may fail: nothing that was acknowledged is lost, and nobody is told what is not so.
#include <atomic>
#include <condition_variable>
#include <mutex>

#include "store/sqlite/sqlite_store.hpp"
#include "store/support/answers.hpp"
#include "store/support/calls.hpp"
#include "store/support/memory_disk.hpp"

namespace understudy::store {
namespace {

sqlite::calls_options options_on(const memory_disk& disk) {
  sqlite::calls_options options;
  options.file = "calls.db";
  options.vfs = disk.name();
  options.fresh_tag = "tag";
  options.cache_bytes = 64UL << 10U;
  options.wal_bytes_max = 32UL << 10U;
  return options;
}

// A short life of a store that remembers what was acknowledged.
class short_life {
 public:
  explicit short_life(memory_disk& disk) : disk_(disk) {}

  /// False: something failed, and it ended as a process would.
  bool live() {
    try {
      sqlite::sqlite_calls calls(options_on(disk_), start_time);
      learn(calls.take_told());
      std::vector<claimed_call> claims;
      for (int i = 0; i < 8; ++i) {
        // What fails for want of room is repeated without accepting anything.
        if (!transaction(calls, i, claims, false))
          static_cast<void>(transaction(calls, i, claims, true));
        calls.checkpoint(i == 5);
      }
      calls.close(start_time);
      return true;
    } catch (const std::runtime_error&) {
      return false;
    }
  }

  /// Reads what is left and finds what is missing.
  std::string check() {
    std::string wrong;
    sqlite::sqlite_calls calls(options_on(disk_), start_time);
    for (const call_id id : accepted_) {
      if (!calls.look(id)) wrong += "an accepted call is lost\n";
    }
    for (const auto& [id, payload] : done_) {
      const auto view = calls.look(id);
      if (!view || view->state != call_state::done) wrong += "an end is lost\n";
      if (view && view->payload != payload) wrong += "a result is lost\n";
    }
    for (const call_id id : claimed_) {
      const auto view = calls.look(id);
      if (view && view->attempts == 0) wrong += "an attempt is not counted\n";
    }
    sqlite::connection db("calls.db", sqlite::access::read, disk_.name());
    for (const auto& each : sqlite::verify(db)) wrong += each + '\n';
    return wrong;
  }
  [[nodiscard]] std::size_t done() const { return done_.size(); }

 private:
  bool transaction(sqlite::sqlite_calls& calls, int number, std::vector<claimed_call>& claims,
                   bool full) {
    calls.refuse(full ? "full" : "");
    std::vector<call_id> accepted;
    std::map<call_id, std::string> done;
    try {
      calls.begin(start_time + std::chrono::milliseconds(number));
      calls.grant(2);
      for (int i = 0; i < 3; ++i) {
        const std::string name = std::to_string(number) + std::to_string(i);
        const auto answer =
            calls.accept(with_key(call_of("Orders", std::string(2000, '7') + name), "k" + name));
        if (answer.what == acceptance::kind::accepted) accepted.push_back(answer.id);
      }
      for (const claimed_call& each : claims) {
        const std::string payload = std::to_string(static_cast<std::uint64_t>(each.id));
        if (calls.report(report_of(each, call_state::done, payload))) done[each.id] = payload;
      }
      sqlite::told told = calls.commit();
      claims = told.claimed;
      learn(std::move(told));
    } catch (const sqlite::error& e) {
      if (!e.full()) throw;
      calls.rollback();
      return false;
    }
    accepted_.insert(accepted_.end(), accepted.begin(), accepted.end());
    done_.merge(done);
    return true;
  }
  void learn(sqlite::told told) {
    for (const auto& each : told.claimed) claimed_.push_back(each.id);
  }

  memory_disk& disk_;
  std::vector<call_id> accepted_;
  std::vector<call_id> claimed_;
  std::map<call_id, std::string> done_;
};

struct failure {
  const char* name;
  disk_call what;
  int code;
};

constexpr failure failures[] = {
    {"write", disk_call::write, SQLITE_IOERR_WRITE},
    {"full", disk_call::write, SQLITE_FULL},
    {"sync", disk_call::sync, SQLITE_IOERR_FSYNC},
    {"reserve", disk_call::reserve, SQLITE_IOERR_WRITE},
    {"truncate", disk_call::truncate, SQLITE_IOERR_TRUNCATE},
    {"open", disk_call::open, SQLITE_CANTOPEN},
    {"read", disk_call::read, SQLITE_IOERR_READ},
    {"short read", disk_call::read, SQLITE_IOERR_SHORT_READ},
};

// Of each kind the n-th call fails, for every n: once, or from then on.
TEST(IoError, AtAnyCallLosesNothingThatWasAcknowledged) {
  core::dice dice(1);
  for (const failure& kind : failures) {
    for (const bool stays : {false, true}) {
      int failed = 0;
      for (int n = 1;; ++n) {
        memory_disk disk;
        int seen = 0;
        disk.fault = [&](disk_call what, std::string_view) {
          if (what != kind.what) return SQLITE_OK;
          ++seen;
          return seen == n || (stays && seen > n) ? kind.code : SQLITE_OK;
        };
        short_life life(disk);
        const bool whole = life.live();
        if (seen < n) {
          EXPECT_TRUE(whole);
          EXPECT_GT(life.done(), 0U);
          break;
        }
        failed += whole ? 0 : 1;
        EXPECT_TRUE(whole || kind.what != disk_call::reserve) << "it goes on without";
        // After a failed sync the kernel may have dropped what it could not write.
        disk.fault = nullptr;
        disk.cut(dice);
        ASSERT_EQ(life.check(), "") << kind.name << ' ' << n;
      }
      EXPECT_TRUE(failed > 0 || kind.what != disk_call::sync);
    }
  }
}

class DiskWithWriter : public ::testing::Test {
 protected:
  DiskWithWriter() {
    options.calls = options_on(disk);
    options.calls.file = folder.file();  // its lock is a real file
    options.calls.wal_bytes_max = 16UL << 20U;
    options.fatal = [this](const std::string& sentence) {
      const std::lock_guard lock(mutex);
      fatal = sentence;
      changed.notify_all();
    };
  }
  temporary_folder folder;
  memory_disk disk;
  sqlite_options options;
  listening_sink sink;
  std::mutex mutex;
  std::condition_variable changed;
  std::string fatal;
};

TEST_F(DiskWithWriter, EndsTheProcessWhereACommitIsOfUnknownFate) {
  std::atomic<bool> fails = false;
  std::atomic<int> answered = 0;
  disk.fault = [&](disk_call what, std::string_view) {
    return fails && what == disk_call::sync ? SQLITE_IOERR_FSYNC : SQLITE_OK;
  };
  {
    sqlite_store store(options, sink);
    fails = true;
    store.accept(call_now("Orders"), [&](const acceptance&) { ++answered; });
    std::unique_lock lock(mutex);
    changed.wait_for(lock, 30s, [&] { return !fatal.empty(); });
    lock.unlock();
    store.accept(call_now("Orders"), [&](const acceptance&) { ++answered; });
  }
  EXPECT_NE(fatal.find("can not go on"), std::string::npos) << fatal;
  EXPECT_EQ(answered, 0);
}

TEST_F(DiskWithWriter, RefusesCallsOnAFullDiskAndEndsThoseItHas) {
  std::atomic<bool> full = false;
  // What a completion needs there is still room for.
  disk.fault = [&](disk_call what, std::string_view) {
    if (what == disk_call::write && full.exchange(false)) return SQLITE_FULL;
    return SQLITE_OK;
  };
  sqlite_store store(options, sink);
  store.grant(1);
  const auto first = answer_of<acceptance>(
      [&](auto answered) { store.accept(call_now("Orders"), std::move(answered)); });
  const claimed_call claimed = sink.wait_claimed(1).at(0);
  EXPECT_EQ(claimed.id, first.id);
  std::promise<acceptance> refused;
  std::promise<bool> reported;
  full = true;
  store.accept(call_now("Orders"), [&](acceptance got) { refused.set_value(std::move(got)); });
  const acceptance got = refused.get_future().get();
  EXPECT_EQ(got.what, acceptance::kind::refused);
  EXPECT_NE(got.reason.find("full"), std::string::npos) << got.reason;
  store.report(report_of(claimed, call_state::done), [&](bool held) { reported.set_value(held); });
  EXPECT_TRUE(reported.get_future().get());
  EXPECT_TRUE(fatal.empty()) << fatal;
}

TEST_F(DiskWithWriter, TellsNothingBeforeItIsDurable) {
  std::atomic<bool> blocks = false;
  std::atomic<bool> blocked = false;
  disk.fault = [&](disk_call what, std::string_view) {
    if (what == disk_call::sync && blocks) {
      blocked = true;
      blocked.notify_all();
      blocks.wait(true);
    }
    return SQLITE_OK;
  };
  std::atomic<int> answered = 0;
  sqlite_store store(options, sink);
  store.grant(1);
  answer_of<store_counts>([&](auto done) { store.counts(std::move(done)); });
  blocks = true;
  store.accept(call_now("Orders"), [&](const acceptance&) { ++answered; });
  blocked.wait(false);
  EXPECT_EQ(answered, 0);
  EXPECT_EQ(sink.claims(), 0U);
  EXPECT_EQ(store.accepting(), 1U);
  blocks = false;
  blocks.notify_all();
  sink.wait_claimed(1);
  EXPECT_EQ(answered, 1);
}

}  // namespace
}  // namespace understudy::store
