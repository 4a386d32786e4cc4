#include "app/admin/lane_status.hpp"

#include <gtest/gtest.h>

#include "app/admin/status_json.hpp"
#include "app/fake_router.hpp"

namespace understudy::test {
namespace {

using core::server_state;

constexpr auto up = server_state::up;
constexpr auto suspect = server_state::suspect;
constexpr auto down = server_state::down;

app::pool_status lane(const std::vector<server_state>& states) {
  app::pool_status pool = fake_router::pool("orders", states);
  pool.parked = 2;
  for (auto& server : pool.servers) {
    server.in_flight = 3;
    server.attempts = 100;
    server.failures = 5;
  }
  return pool;
}

unsigned seeing(const app::server_view& server, server_state state) {
  return server.lanes.at(static_cast<std::size_t>(state));
}

TEST(lane_status, one_lane_stays_as_it_is) {
  const auto all = app::add_up({{lane({up, down})}});
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(all[0].servers[0].attempts, 100U);
  EXPECT_EQ(seeing(all[0].servers[1], down), 0U);
}

TEST(lane_status, counts_are_added_up) {
  const auto all = app::add_up({{lane({up})}, {lane({up})}, {lane({up})}});
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(all[0].parked, 6U);
  ASSERT_EQ(all[0].servers.size(), 1U);
  EXPECT_EQ(all[0].servers[0].in_flight, 9U);
  EXPECT_EQ(all[0].servers[0].attempts, 300U);
  EXPECT_EQ(all[0].servers[0].failures, 15U);
  EXPECT_EQ(all[0].servers[0].state, up);
  EXPECT_EQ(seeing(all[0].servers[0], up), 0U) << "told only where lanes differ";
}

TEST(lane_status, the_state_is_the_worst_and_who_sees_which_is_told) {
  const auto all = app::add_up({{lane({up})}, {lane({down})}, {lane({suspect})}, {lane({up})}});
  const auto& server = all.at(0).servers.at(0);
  EXPECT_EQ(server.state, down);
  EXPECT_EQ(seeing(server, up), 2U);
  EXPECT_EQ(seeing(server, suspect), 1U);
  EXPECT_EQ(seeing(server, down), 1U);
  app::gateway_status status;
  status.pools = all;
  EXPECT_NE(app::to_json(status).find(R"("lanes":{"up":2,"suspect":1,"down":1})"),
            std::string::npos)
      << app::to_json(status);
}

TEST(lane_status, a_server_that_one_lane_can_use_is_usable) {
  EXPECT_TRUE(app::usable(app::add_up({{lane({down})}, {lane({up})}}).at(0)));
  EXPECT_FALSE(app::usable(app::add_up({{lane({down})}, {lane({down})}}).at(0)));
}

TEST(lane_status, a_server_that_only_one_lane_has_is_there) {
  const auto all = app::add_up({{lane({up})}, {lane({up, suspect})}});
  ASSERT_EQ(all.at(0).servers.size(), 2U);
  EXPECT_EQ(all[0].servers[1].attempts, 100U);
  EXPECT_EQ(seeing(all[0].servers[1], suspect), 1U);
}

TEST(lane_status, methods_away_from_any_lane_are_listed_once) {
  auto one = lane({up});
  one.servers[0].methods_away = {"A@a", "A@b"};
  auto other = lane({up});
  other.servers[0].methods_away = {"A@b", "A@c"};
  EXPECT_EQ(app::add_up({{one}, {other}}).at(0).servers[0].methods_away,
            (std::vector<std::string>{"A@a", "A@b", "A@c"}));
}

}  // namespace
}  // namespace understudy::test
