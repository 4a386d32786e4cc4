// Servers of a pool: configured ones, and ones that register for a time.
#include <gtest/gtest.h>

#include <algorithm>

#include "app/gateway/registry.hpp"
#include "app/router_support.hpp"

namespace understudy::app {
namespace {

using namespace std::chrono_literals;
using test::server_at;

struct registry_test : testing::Test {
  std::shared_ptr<test::fake_dispatcher> dispatcher = std::make_shared<test::fake_dispatcher>();
  std::vector<std::string> kinds;  // of the records
  registry servers{"orders", dispatcher,
                   [this](const core::record& record) { kinds.push_back(record.kind); }};
  core::time_point now{};

  using addresses = std::vector<std::string>;
};

TEST_F(registry_test, a_new_configuration_adds_updates_and_removes_what_differs) {
  servers.configure({server_at("a:1"), server_at("b:1"), server_at("c:1")});
  EXPECT_EQ(dispatcher->addresses(), (addresses{"a:1", "b:1", "c:1"}));
  servers.configure({server_at("a:1"), server_at("c:1", 1), server_at("d:1")});
  EXPECT_EQ(dispatcher->addresses(), (addresses{"a:1", "c:1", "d:1"}));
  EXPECT_EQ(dispatcher->updates, 1U);  // c alone: what is the same is not touched
}

TEST_F(registry_test, a_registration_lasts_for_its_ttl_unless_renewed) {
  EXPECT_EQ(servers.put(now, server_at("a:1"), 10s), std::nullopt);
  EXPECT_EQ(dispatcher->addresses(), addresses{"a:1"});
  EXPECT_EQ(servers.next_expiry(), now + 10s);

  EXPECT_EQ(servers.put(now + 8s, server_at("a:1"), 10s), std::nullopt);
  servers.expire(now + 10s);
  EXPECT_EQ(dispatcher->addresses(), addresses{"a:1"});
  EXPECT_EQ(servers.next_expiry(), now + 18s);

  servers.expire(now + 18s);
  EXPECT_EQ(dispatcher->addresses(), addresses{});
  EXPECT_EQ(servers.next_expiry(), std::nullopt);
  EXPECT_EQ(kinds, (std::vector<std::string>{"server_registered", "registration_expired"}));
}

TEST_F(registry_test, a_renewal_may_change_the_weight) {
  EXPECT_EQ(servers.put(now, server_at("a:1"), 10s), std::nullopt);
  EXPECT_EQ(servers.put(now, server_at("a:1"), 10s), std::nullopt);
  EXPECT_EQ(dispatcher->updates, 0U);
  EXPECT_EQ(servers.put(now, server_at("a:1", 0, 3), 10s), std::nullopt);
  EXPECT_EQ(dispatcher->updates, 1U);
  EXPECT_EQ(dispatcher->status().front().options.weight, 3.0);
}

TEST_F(registry_test, configured_servers_neither_register_nor_leave) {
  servers.configure({server_at("a:1")});
  EXPECT_NE(servers.put(now, server_at("a:1"), 10s), std::nullopt);
  EXPECT_NE(servers.remove("a:1"), std::nullopt);
  servers.expire(now + 1000h);
  EXPECT_EQ(dispatcher->addresses(), addresses{"a:1"});
}

TEST_F(registry_test, a_registered_server_that_is_configured_stays_for_good) {
  EXPECT_EQ(servers.put(now, server_at("a:1"), 10s), std::nullopt);
  servers.configure({server_at("a:1")});
  servers.expire(now + 1h);
  EXPECT_EQ(dispatcher->addresses(), addresses{"a:1"});
}

TEST_F(registry_test, a_new_configuration_leaves_registered_servers_alone) {
  servers.configure({server_at("a:1")});
  EXPECT_EQ(servers.put(now, server_at("b:1"), 10s), std::nullopt);
  servers.configure({server_at("c:1")});
  auto left = dispatcher->addresses();
  std::ranges::sort(left);
  EXPECT_EQ(left, (addresses{"b:1", "c:1"}));
}

TEST_F(registry_test, a_registered_server_may_leave) {
  EXPECT_EQ(servers.put(now, server_at("a:1"), 10s), std::nullopt);
  EXPECT_EQ(servers.remove("a:1"), std::nullopt);
  EXPECT_EQ(dispatcher->addresses(), addresses{});
  EXPECT_NE(servers.remove("a:1"), std::nullopt);
  EXPECT_EQ(kinds, (std::vector<std::string>{"server_registered", "server_unregistered"}));
}

TEST_F(registry_test, what_cannot_be_a_server_is_refused) {
  EXPECT_NE(servers.put(now, server_at("a"), 10s), std::nullopt);
  EXPECT_NE(servers.put(now, server_at("a:0"), 10s), std::nullopt);
  EXPECT_NE(servers.put(now, server_at("a:1"), 0s), std::nullopt);
  EXPECT_NE(servers.put(now, server_at("a:1"), 25h), std::nullopt);
  EXPECT_NE(servers.put(now, server_at("a:1", 0, 0), 10s), std::nullopt);
  EXPECT_NE(servers.put(now, server_at("a:1", 0, -1), 10s), std::nullopt);
  EXPECT_NE(servers.put(now, server_at("a:1", 101), 10s), std::nullopt);
  EXPECT_EQ(dispatcher->addresses(), addresses{});
}

TEST_F(registry_test, the_number_of_registrations_is_bounded) {
  for (std::size_t i = 0; i < registry::registered_max; ++i) {
    ASSERT_EQ(servers.put(now, server_at("a:" + std::to_string(i + 1)), 10s), std::nullopt);
  }
  EXPECT_NE(servers.put(now, server_at("b:1"), 10s), std::nullopt);
  EXPECT_EQ(servers.put(now, server_at("a:1"), 10s), std::nullopt);  // renewals go on
  EXPECT_EQ(dispatcher->addresses().size(), registry::registered_max);
}

TEST_F(registry_test, drain_and_resume_find_a_server_by_its_address) {
  servers.configure({server_at("a:1"), server_at("b:1")});
  EXPECT_EQ(servers.drain("b:1"), std::nullopt);
  EXPECT_EQ(dispatcher->status()[0].state, core::server_state::up);
  EXPECT_EQ(dispatcher->status()[1].state, core::server_state::drained);
  EXPECT_EQ(servers.resume("b:1"), std::nullopt);
  EXPECT_EQ(dispatcher->status()[1].state, core::server_state::up);
  const auto refused = servers.drain("c:1");
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->sentence, "The pool orders has no server c:1.");
  EXPECT_TRUE(refused->unknown);
  EXPECT_TRUE(servers.resume("c:1").value().unknown);
  EXPECT_TRUE(servers.remove("c:1").value().unknown);
  EXPECT_FALSE(servers.remove("a:1").value().unknown);  // it is there, but stays
}

TEST_F(registry_test, a_resolved_address_is_found_too) {
  servers.configure({server_at("orders.internal:1")});
  dispatcher->servers.begin()->second.options.address = "10.0.0.1:1";  // as resolved
  EXPECT_EQ(servers.drain("10.0.0.1:1"), std::nullopt);
  EXPECT_EQ(dispatcher->status()[0].state, core::server_state::drained);
}

TEST_F(registry_test, another_dispatcher_gets_the_servers_and_drains) {
  servers.configure({server_at("a:1"), server_at("b:1")});
  EXPECT_EQ(servers.put(now, server_at("c:1"), 10s), std::nullopt);
  EXPECT_EQ(servers.drain("b:1"), std::nullopt);
  const auto fresh = std::make_shared<test::fake_dispatcher>();
  servers.move_to(fresh);
  EXPECT_EQ(fresh->addresses(), (addresses{"a:1", "b:1", "c:1"}));
  EXPECT_EQ(fresh->status()[1].state, core::server_state::drained);
  servers.expire(now + 10s);
  EXPECT_EQ(fresh->addresses(), (addresses{"a:1", "b:1"}));
}

TEST_F(registry_test, a_drain_of_a_name_moves_too) {
  servers.configure({server_at("orders.internal:1")});
  EXPECT_EQ(servers.drain("orders.internal:1"), std::nullopt);
  // As the real dispatcher has it: the status lists addresses, with ids of their own.
  auto resolved = dispatcher->servers.extract(dispatcher->servers.begin());
  resolved.key() = resolved.mapped().id = core::server_id{77};
  resolved.mapped().options.address = "10.0.0.1:1";
  dispatcher->servers.insert(std::move(resolved));
  const auto fresh = std::make_shared<test::fake_dispatcher>();
  servers.move_to(fresh);
  EXPECT_EQ(fresh->status()[0].state, core::server_state::drained);
}

}  // namespace
}  // namespace understudy::app
