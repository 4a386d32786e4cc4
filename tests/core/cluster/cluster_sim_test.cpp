#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <iostream>

#include "core/cluster/world.hpp"

namespace understudy::sim::cluster {
namespace {

// In all four parts together.
std::uint64_t takeovers_wanted() {
  const char* const given = std::getenv("UNDERSTUDY_TAKEOVERS");
  return given == nullptr ? 100'000 : std::strtoull(given, nullptr, 10);
}

// What happened in one world, line by line.
void show(std::uint64_t seed) {
  std::vector<std::string> story;
  world again(random_plan(seed));
  again.story = &story;
  again.run();
  for (const std::string& each : story) std::cout << each << '\n';
}

TEST(ClusterSim, TheSameSeedMakesTheSameHistory) {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    world one(random_plan(seed));
    world other(random_plan(seed));
    one.run();
    other.run();
    EXPECT_EQ(one.hash(), other.hash());
    EXPECT_GT(one.acknowledged(), 0U);
  }
}

class ClusterSimulation : public testing::TestWithParam<unsigned> {};

TEST_P(ClusterSimulation, NothingAcknowledgedIsLostWhateverDies) {
  const char* const only = std::getenv("UNDERSTUDY_SEED");
  if (only != nullptr) return show(std::strtoull(only, nullptr, 10));
  const std::uint64_t wanted = std::max<std::uint64_t>(takeovers_wanted() / 4, 1);
  std::uint64_t takeovers = 0;
  std::uint64_t switchovers = 0;
  std::uint64_t acknowledged = 0;
  std::uint64_t worlds = 0;
  unsigned broken = 0;
  for (std::uint64_t seed = GetParam() * 1'000'000 + 1; takeovers < wanted && broken < 5; ++seed) {
    world it(random_plan(seed));
    it.run();
    takeovers += it.takeovers();
    switchovers += it.switchovers();
    acknowledged += it.acknowledged();
    ++worlds;
    if (it.wrong().empty()) continue;
    ++broken;
    for (const std::string& each : it.wrong()) ADD_FAILURE() << "seed " << seed << ": " << each;
  }
  EXPECT_GT(acknowledged, worlds);
  EXPECT_TRUE(switchovers > 0 || wanted < 100);
  std::cout << worlds << " worlds, " << takeovers << " takeovers, " << switchovers
            << " switchovers, " << acknowledged << " acknowledged\n";
}

INSTANTIATE_TEST_SUITE_P(All, ClusterSimulation, testing::Range(0U, 4U));

}  // namespace
}  // namespace understudy::sim::cluster
