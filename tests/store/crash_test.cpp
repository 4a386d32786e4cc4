// The power fails at any write or sync: nothing that was acknowledged is lost.
#include "store/support/crash_run.hpp"
#include "store/support/size.hpp"

namespace understudy::store {
namespace {

std::string all_of(const std::vector<std::string>& sentences) {
  std::string out;
  for (const auto& each : sentences) out += each + '\n';
  return out;
}

// In parts, which run at the same time.
constexpr std::uint64_t parts = 4;

class PowerCuts : public ::testing::TestWithParam<std::uint64_t> {};

TEST_P(PowerCuts, LoseNothingThatWasAcknowledged) {
  constexpr std::uint64_t rounds = 20;
  std::uint64_t accepted = 0;
  for (std::uint64_t seed = GetParam(); seed < power_cuts() / rounds; seed += parts) {
    crash_run run(seed);
    for (std::uint64_t i = 0; i < rounds && run.wrong().empty(); ++i) run.round();
    if (run.wrong().empty()) run.drain();
    accepted += run.accepted();
    ASSERT_EQ(all_of(run.wrong()), "") << "seed " << seed;
  }
  EXPECT_GT(accepted, 0U);
}

INSTANTIATE_TEST_SUITE_P(All, PowerCuts, ::testing::Range(std::uint64_t{0}, parts));

// Otherwise the tests above would prove nothing.
TEST(PowerCut, LosesMuchOnADiskThatLies) {
  int lost = 0;
  constexpr int runs = 20;
  for (std::uint64_t seed = 0; seed < runs; ++seed) {
    crash_run run(seed);
    run.lie();
    for (int i = 0; i < 10 && run.wrong().empty(); ++i) run.round();
    lost += run.wrong().empty() ? 0 : 1;
  }
  EXPECT_GT(lost, runs / 2);
}

// The WAL is never cut in operation: behind what is written into it now are frames of before.
TEST(PowerCut, NeverBringsBackAnEarlierRoundOfTheWal) {
  core::dice dice(5);
  for (std::uint64_t n = 1; n < 120; ++n) {
    memory_disk disk;
    sqlite::calls_options options;
    options.file = "calls.db";
    options.vfs = disk.name();
    options.fresh_tag = "tag";
    options.wal_bytes_max = 1UL << 20U;
    std::vector<claimed_call> running;
    std::set<call_id> done;
    const auto work = [&](sqlite::sqlite_calls& calls) {
      calls.begin(start_time);
      calls.grant(1);
      static_cast<void>(calls.accept(call_of("Orders")));
      if (!running.empty()) {
        static_cast<void>(calls.report(report_of(running.front(), call_state::done)));
      }
      const auto told = calls.commit();
      if (!running.empty()) done.insert(running.front().id);
      running = told.claimed;
    };
    try {
      sqlite::sqlite_calls calls(options, start_time);
      for (int i = 0; i < 10; ++i) work(calls);
      calls.checkpoint(true);
      ASSERT_EQ(disk.contents().at("calls.db-wal").size(), 1536UL << 10U);
      disk.die_after(n);
      while (n > 0) work(calls);
    } catch (const sqlite::error&) {
      ASSERT_TRUE(disk.dead());
    }
    disk.cut(dice);
    sqlite::sqlite_calls calls(options, start_time);
    for (const call_id id : done) ASSERT_EQ(calls.look(id)->state, call_state::done) << n;
    sqlite::connection db("calls.db", sqlite::access::read, disk.name());
    ASSERT_EQ(all_of(sqlite::verify(db)), "") << n;
  }
}

}  // namespace
}  // namespace understudy::store
