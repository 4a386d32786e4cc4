// How a store is opened, and what people are shown.
#include "store/support/calls.hpp"
#include "store/support/memory_disk.hpp"

namespace understudy::store {
namespace {

using Opening = store_fixture;

TEST_F(Opening, KeepsTheTagOfTheFirst) {
  open();
  options.fresh_tag = "other";
  EXPECT_EQ(open().tag(), "tag");
}

TEST_F(Opening, RefusesANewerVersionWithASentence) {
  open();
  calls.reset();
  sqlite::connection(options.file, sqlite::access::write, "")
      .run("UPDATE meta SET value=99 WHERE name='schema'");
  try {
    open();
    FAIL();
  } catch (const std::runtime_error& e) {
    EXPECT_NE(std::string(e.what()).find("newer version"), std::string::npos) << e.what();
  }
  sqlite::connection(options.file, sqlite::access::write, "")
      .run("UPDATE meta SET value=1 WHERE name='schema'");
}

TEST_F(Opening, RefusesADatabaseOfSomethingElse) {
  sqlite::connection(options.file, sqlite::access::write, "").run("CREATE TABLE orders(id)");
  EXPECT_THROW(open(), std::runtime_error);
  EXPECT_FALSE(calls);
}

TEST_F(Opening, RefusesAFileWhoseCallsAreOfNoService) {
  accept(call_of("Orders"));
  calls.reset();
  sqlite::connection(options.file, sqlite::access::write, "").run("UPDATE live SET service=7");
  EXPECT_THROW(open(), std::runtime_error);
  sqlite::connection(options.file, sqlite::access::write, "").run("UPDATE live SET service=1");
  open();
}

TEST_F(Opening, KnowsWhetherItWasClosed) {
  EXPECT_TRUE(open().was_clean());
  EXPECT_FALSE(open().was_clean());
  store().close(now);
  EXPECT_TRUE(open().was_clean());
}

TEST_F(Opening, EmptiesTheWalBeforeItAcknowledges) {
  accept(call_of("Orders"));
  EXPECT_GT(std::filesystem::file_size(options.file + "-wal"), 0U);
  calls.reset();
  EXPECT_GT(std::filesystem::file_size(options.file + "-wal"), 0U) << "a crash leaves it";
  memory_disk disk;
  std::vector<std::string> events;
  {
    sqlite::calls_options with = options;
    with.vfs = disk.name();
    sqlite::sqlite_calls first(with, now);
    first.begin(now);
    static_cast<void>(first.accept(call_of("Orders")));
    static_cast<void>(first.commit());
    disk.fault = [&](disk_call what, std::string_view file) {
      const bool wal = file.ends_with("-wal");
      if (what == disk_call::sync && !wal) events.emplace_back("file synced");
      if (what == disk_call::truncate && wal) events.emplace_back("wal emptied");
      if (what == disk_call::write && wal) events.emplace_back("wal written");
      return SQLITE_OK;
    };
  }
  sqlite::calls_options with = options;
  with.vfs = disk.name();
  const sqlite::sqlite_calls second(with, now);
  ASSERT_GE(events.size(), 3U);
  EXPECT_EQ(events[0], "file synced");
  EXPECT_EQ(events[1], "wal emptied");
  EXPECT_EQ(events[2], "wal written");
}

TEST_F(Opening, TheWalBeginsAnewWhenAskedAndKeepsItsSpace) {
  accept(call_of("Orders"));
  sqlite::connection db(options.file, sqlite::access::read, "");
  db.run("BEGIN; SELECT count(*) FROM call");
  accept(call_of("Orders"));
  store().checkpoint(true);
  accept(call_of("Orders"));
  db.run("COMMIT");
  store().checkpoint(true);
  EXPECT_FALSE(store().wal_in_use());
  const auto reserved = options.wal_bytes_max + options.wal_bytes_max / 2;
  EXPECT_EQ(std::filesystem::file_size(options.file + "-wal"), reserved);
  EXPECT_GE(in_one([](auto& s) { return s.counts().bytes; }), reserved);
  store().close(now);
  EXPECT_EQ(std::filesystem::file_size(options.file + "-wal"), 0U);
  options.bytes_max = 1UL << 20U;
  open();
  EXPECT_LE(std::filesystem::file_size(options.file + "-wal"), options.bytes_max / 8);
}

class Lists : public store_fixture {
 protected:
  std::vector<call_id> list(const call_filter& filter) {
    sqlite::connection db(options.file, sqlite::access::read, "");
    std::vector<call_id> out;
    for (const auto& each : sqlite::reader(db).list(filter)) out.push_back(each.id);
    return out;
  }
};

TEST_F(Lists, ByServiceAndStateAndPage) {
  std::vector<call_id> ids;
  for (int i = 0; i < 6; ++i) ids.push_back(accept(call_of(i % 2 == 0 ? "Orders" : "Stock")));
  call_filter filter;
  EXPECT_EQ(list(filter), ids);
  filter.count_max = 2;
  filter.after = ids[1];
  EXPECT_EQ(list(filter), (std::vector{ids[2], ids[3]}));
  filter.service = "Stock";
  EXPECT_EQ(list(filter), (std::vector{ids[3], ids[5]}));
  filter.service = "Unknown";
  EXPECT_TRUE(list(filter).empty());
  filter = call_filter{};
  filter.state = call_state::waiting;
  EXPECT_EQ(list(filter), ids);
  const claimed_call first = claim_one();
  filter.state = call_state::running;
  EXPECT_EQ(list(filter), std::vector{first.id});
  finish(first);
  filter.state = call_state::done;
  EXPECT_EQ(list(filter), std::vector{first.id});
  const claimed_call second = claim_one();
  finish(second, call_state::dead);
  filter.state = call_state::dead;
  EXPECT_EQ(list(filter), std::vector{second.id});
  filter.state = call_state::cancelled;
  EXPECT_TRUE(list(filter).empty());
}

TEST_F(Lists, ByKey) {
  const new_call call = with_key(call_of("Orders"), "k");
  const call_id id = accept(call);
  call_filter filter;
  filter.key_print = call.key_print;
  ASSERT_EQ(store().with_key(filter).size(), 1U);
  EXPECT_EQ(store().with_key(filter)[0].id, id);
  EXPECT_EQ(store().with_key(filter)[0].key, "k");
  filter.state = call_state::done;
  EXPECT_TRUE(store().with_key(filter).empty());
  filter.state.reset();
  filter.service = "Stock";
  EXPECT_TRUE(store().with_key(filter).empty());
}

TEST_F(Lists, CountsSayWhenTheOldestBecameDue) {
  EXPECT_FALSE(counts("Orders").oldest_waiting);
  accept(call_of("Orders"));
  const wall_time then = now;
  now += 1h;
  accept(call_of("Orders"));
  EXPECT_EQ(counts("Orders").oldest_waiting, then);
  EXPECT_GT(in_one([](auto& s) { return s.counts().bytes; }), 4096U);
}

TEST(KeyIndex, FindsWhatIsInItAndNothingElse) {
  sqlite::key_index index;
  core::dice dice(3);
  std::map<std::int64_t, print> all;
  for (std::int64_t id = 1; id <= 30000; ++id) {
    print key = print_of(std::to_string(id));
    // Some begin alike.
    if (dice.next() % 8 == 0) std::copy_n(print_of("same").begin(), 7, key.begin());
    index.insert(key, id);
    all[id] = key;
    if (dice.next() % 3 == 0) {
      const auto gone = std::next(all.begin(), static_cast<long>(dice.next() % 5 % all.size()));
      index.erase(gone->second, gone->first);
      index.erase(gone->second, gone->first);
      all.erase(gone);
    }
  }
  EXPECT_EQ(index.size(), all.size());
  for (const auto& [id, key] : all) {
    EXPECT_EQ(index.find(key, [&, wanted = id](std::int64_t maybe) { return maybe == wanted; }),
              id);
  }
  EXPECT_EQ(index.find(print_of("none"), [](std::int64_t) { return true; }), 0);
  EXPECT_LT(index.bytes(), all.size() * 26);
}

}  // namespace
}  // namespace understudy::store
