#include "app/common/event_log.hpp"

#include <gtest/gtest.h>

#include <thread>

#include "wire/json_text.hpp"

namespace understudy::test {
namespace {

core::record make(std::string kind) {
  core::record out;
  out.kind = std::move(kind);
  return out;
}

std::vector<std::uint64_t> numbers(const std::vector<app::event>& events) {
  std::vector<std::uint64_t> out;
  for (const auto& e : events) out.push_back(e.number);
  return out;
}

using list = std::vector<std::uint64_t>;

TEST(event_log, keeps_the_last_ones) {
  app::event_log log(3);
  EXPECT_TRUE(log.since(0).empty());
  for (int i = 1; i <= 5; ++i) log.write(make("k" + std::to_string(i)));
  EXPECT_EQ(numbers(log.since(0)), (list{3, 4, 5}));
  EXPECT_EQ(numbers(log.since(4)), (list{5}));
  EXPECT_EQ(numbers(log.since(5)), list{});
  EXPECT_EQ(log.since(4).front().record.kind, "k5");
  EXPECT_GT(log.since(4).front().time_ms, 1'600'000'000'000);
}

TEST(event_log, takes_a_number_from_before_a_restart_for_none) {
  app::event_log log;
  log.write(make("a"));
  EXPECT_EQ(numbers(log.since(7)), (list{1}));
}

TEST(event_log, tells_watchers) {
  app::event_log log;
  log.write(make("before"));
  list seen;
  list replayed;
  const auto watch = [](list& to) {
    return [&to](const app::event& e) { to.push_back(e.number); };
  };
  const auto handle = log.watch(watch(seen));
  log.watch(watch(replayed), 0);
  log.write(make("during"));
  log.unwatch(handle);
  log.write(make("after"));
  EXPECT_EQ(seen, (list{2}));
  EXPECT_EQ(replayed, (list{1, 2, 3}));
}

TEST(event_log, keeps_the_order_for_watchers_whoever_writes) {
  app::event_log log(10);
  list seen;
  log.watch([&seen](const app::event& e) { seen.push_back(e.number); }, 0);
  std::vector<std::thread> writers;
  for (int i = 0; i < 4; ++i) {
    writers.emplace_back([&log] {
      for (int n = 0; n < 250; ++n) log.write(make("x"));
    });
  }
  for (auto& writer : writers) writer.join();
  list expected(1000);
  for (std::size_t i = 0; i < expected.size(); ++i) expected[i] = i + 1;
  EXPECT_EQ(seen, expected);
  EXPECT_EQ(log.since(0).size(), 10U);
}

TEST(event_log, writes_json_on_one_line) {
  app::event e;
  e.number = 4;
  e.time_ms = 1700000000000;
  e.record.kind = "server_down";
  e.record.subject = "pool \"a\"\n";
  e.record.evidence = {{"connect_errors", "2"}, {"last", "\xff"}};
  e.record.rule = "r";
  e.record.effect = "e";
  EXPECT_EQ(app::to_json(e),
            "{\"number\":4,\"time_ms\":1700000000000,\"kind\":\"server_down\","
            "\"subject\":\"pool \\\"a\\\"\\n\",\"evidence\":{\"connect_errors\":\"2\",\"last\":"
            "\"\xef\xbf\xbd\"},\"rule\":\"r\",\"effect\":\"e\",\"epoch\":null}");
}

}  // namespace
}  // namespace understudy::test
