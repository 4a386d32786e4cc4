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

}  // namespace
}  // namespace understudy::store
