// Stored calls in worlds full of trouble: the rules (ledger.hpp) hold, judged from outside.
// UNDERSTUDY_CALL_SIM=N runs N worlds.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <iostream>

#include "store/sim/world.hpp"

namespace understudy::store::sim {
namespace {

std::uint64_t worlds() {
  const char* asked = std::getenv("UNDERSTUDY_CALL_SIM");
  return asked == nullptr ? 240 : std::strtoull(asked, nullptr, 10);
}

// The first world to run: to see one again that failed.
std::uint64_t first() {
  const char* asked = std::getenv("UNDERSTUDY_CALL_SIM_FIRST");
  return asked == nullptr ? 1 : std::strtoull(asked, nullptr, 10);
}

// In parts, which run at the same time.
constexpr std::uint64_t parts = 4;

struct totals {
  std::uint64_t worlds = 0, calls = 0, deaths = 0, effects = 0;
  duration lasted{};
  ledger::tally judged{};
  std::array<std::uint64_t, 10> tenths{};  ///< of pauses
  std::uint64_t pauses = 0;

  void add(const world& w) {
    ++worlds;
    lasted += w.lasted();
    calls += w.book().calls().size();
    deaths += w.owner().deaths();
    for (const auto& [id, call] : w.book().calls()) effects += call.effects;
    for (std::size_t i = 0; i < judged.size(); ++i) judged.at(i) += w.book().judged().at(i);
    for (const double share : w.owner().pauses()) {
      ++tenths.at(std::min<std::size_t>(9, static_cast<std::size_t>(share * 10)));
      ++pauses;
    }
  }
  void print() const {
    std::cout << "simulated: " << worlds << " worlds, "
              << std::chrono::duration<double, std::ratio<3600>>(lasted).count() << " hours, "
              << calls << " calls, " << effects << " effects, " << deaths
              << " deaths of the gateway; judged:\n";
    for (std::size_t i = 0; i < judged.size(); ++i) {
      std::cout << "  " << name_of(static_cast<rule>(i)) << ' ' << judged.at(i) << '\n';
    }
  }
};

std::string sentences(const world& w) {
  std::string out;
  for (const auto& each : w.wrong()) out += each + '\n';
  return out;
}

class CallSimulation : public ::testing::TestWithParam<std::uint64_t> {};

TEST_P(CallSimulation, KeepsEveryRuleWhateverHappens) {
  totals sum;
  for (std::uint64_t seed = first() + GetParam(); seed < first() + worlds(); seed += parts) {
    world w(random_plan(seed));
    w.run();
    ASSERT_EQ(sentences(w), "") << "UNDERSTUDY_CALL_SIM_FIRST=" << seed;
    sum.add(w);
  }
  sum.print();
  if (sum.worlds < 60) return;  // too few to have met everything
  for (std::size_t i = 0; i < sum.judged.size(); ++i) {
    EXPECT_GT(sum.judged.at(i), 0U)
        << name_of(static_cast<rule>(i)) << " was never put to the test";
  }
  // Full jitter: each tenth of what a pause may be has about a tenth of them.
  ASSERT_GT(sum.pauses, 200U);
  for (const std::uint64_t tenth : sum.tenths) {
    EXPECT_GT(tenth * 25, sum.pauses);
    EXPECT_LT(tenth * 5, sum.pauses);
  }
}

INSTANTIATE_TEST_SUITE_P(All, CallSimulation, ::testing::Range(std::uint64_t{0}, parts));

TEST(CallSimulationHistory, TheSameSeedMakesTheSameHistory) {
  for (std::uint64_t seed = 500; seed < 510; ++seed) {
    world one(random_plan(seed));
    world two(random_plan(seed));
    world other(random_plan(seed + 1000));
    one.run();
    two.run();
    other.run();
    EXPECT_EQ(one.hash(), two.hash()) << "seed " << seed;
    EXPECT_NE(one.hash(), other.hash());
  }
}

}  // namespace
}  // namespace understudy::store::sim
