// What a pool is known to serve, and which of its methods may run twice.
#include <gtest/gtest.h>

#include "app/gateway/learn.hpp"

namespace understudy::app {
namespace {

using names = std::vector<std::string>;

wire::service_description service(const std::string& name, const std::string& method = "get",
                                  bool idempotent = false, const std::string& text = "{}") {
  wire::service_description made;
  made.name = name;
  made.text = text;
  wire::method_description described;
  described.name = method;
  described.idempotent = idempotent;
  made.methods.push_back(described);
  return made;
}

wire::request request(std::string_view body) {
  return std::get<wire::request>(wire::parse_request(body));
}

TEST(router_learn, nothing_is_known_before_a_server_spoke) {
  const pool_services pool({}, {});
  EXPECT_FALSE(pool.known());
  EXPECT_FALSE(pool.described());
  EXPECT_EQ(pool.claims("A"), claim::none);
}

TEST(router_learn, services_of_all_servers_add_up) {
  pool_services pool({}, {});
  EXPECT_EQ(pool.learn("a:1", {service("A"), service("B")}), (names{"A", "B"}));
  EXPECT_EQ(pool.learn("b:1", {service("B"), service("C")}), names{"C"});
  EXPECT_EQ(pool.names(), (names{"A", "B", "C"}));
  EXPECT_EQ(pool.claims("A"), claim::present);
  EXPECT_EQ(pool.claims("a"), claim::none);  // interfaces have a case
}

TEST(router_learn, configured_services_are_the_only_ones) {
  pool_services pool({"A"}, {});
  EXPECT_TRUE(pool.known());
  EXPECT_FALSE(pool.described());
  EXPECT_EQ(pool.claims("A"), claim::present);
  EXPECT_EQ(pool.learn("a:1", {service("A"), service("B")}), names{"A"});
  EXPECT_TRUE(pool.described());
  EXPECT_EQ(pool.claims("B"), claim::none);
  EXPECT_EQ(pool.names(), names{"A"});
}

TEST(router_learn, the_latest_description_of_a_service_counts) {
  pool_services pool({}, {});
  const auto get = request(R"({"method":"A@get"})");
  pool.learn("a:1", {service("A", "get", true, "{1}")});
  EXPECT_TRUE(pool.idempotent(get));
  pool.learn("a:1", {service("A", "get", false, "{2}")});
  EXPECT_FALSE(pool.idempotent(get));
  std::vector<wire::service_description> described;
  pool.append_descriptions(described);
  ASSERT_EQ(described.size(), 1U);
  EXPECT_EQ(described[0].text, "{2}");
}

TEST(router_learn, methods_may_run_twice_by_pattern_or_by_comment_only) {
  pool_services pool({}, {"A@find*"});
  pool.learn("a:1", {service("A", "getAll", true)});
  EXPECT_TRUE(pool.idempotent(request(R"({"method":"A@findOne"})")));
  EXPECT_TRUE(pool.idempotent(request(R"({"method":"A@FINDONE"})")));
  EXPECT_TRUE(pool.idempotent(request(R"({"method":"A@getall"})")));
  EXPECT_FALSE(pool.idempotent(request(R"({"method":"A@place"})")));
  EXPECT_FALSE(pool.idempotent(request(R"({"method":"B@getAll"})")));
}

TEST(router_learn, what_only_a_server_that_is_gone_had_is_remembered) {
  pool_services pool({}, {});
  pool.learn("a:1", {service("A"), service("B")});
  pool.learn("b:1", {service("B")});
  EXPECT_EQ(pool.learn("a:1", {}), names{});
  EXPECT_EQ(pool.claims("A"), claim::remembered);
  EXPECT_EQ(pool.claims("B"), claim::present);
  EXPECT_TRUE(pool.known());
  std::vector<wire::service_description> described;
  pool.append_descriptions(described);
  ASSERT_EQ(described.size(), 1U);
  EXPECT_EQ(described[0].name, "B");
  EXPECT_EQ(pool.learn("c:1", {service("A")}), names{"A"});  // again
  EXPECT_EQ(pool.claims("A"), claim::present);
  pool.learn("c:1", {});
  pool.learn("b:1", {});
  EXPECT_FALSE(pool.described());
}

TEST(router_learn, a_server_that_has_a_service_no_more_may_say_so) {
  pool_services pool({}, {});
  pool.learn("a:1", {service("A"), service("B")});
  pool.learn("a:1", {service("B")});
  EXPECT_EQ(pool.claims("A"), claim::remembered);
  EXPECT_EQ(pool.claims("B"), claim::present);
}

TEST(router_learn, a_new_configuration_shows_what_was_learned_before) {
  pool_services pool({"A"}, {});
  pool.learn("a:1", {service("A"), service("B", "get", true)});
  pool.configure({}, {});
  EXPECT_EQ(pool.claims("B"), claim::present);
  EXPECT_EQ(pool.names(), (names{"A", "B"}));
  EXPECT_TRUE(pool.idempotent(request(R"({"method":"B@get"})")));
  pool.configure({"B"}, {});
  EXPECT_EQ(pool.claims("A"), claim::none);
  EXPECT_TRUE(pool.described());
}

TEST(router_learn, what_a_peer_can_teach_is_bounded) {
  pool_services pool({}, {});
  std::vector<wire::service_description> all;
  for (std::size_t i = 0; i < pool_services::services_max + 10; ++i) {
    all.push_back(service("S" + std::to_string(i)));
  }
  EXPECT_EQ(pool.learn("a:1", all).size(), pool_services::services_max);
  EXPECT_EQ(pool.names().size(), pool_services::services_max);
  EXPECT_EQ(pool.learn("b:1", {service("T")}), names{});
  pool.learn("a:1", {});
  EXPECT_EQ(pool.learn("b:1", {service("T")}), names{"T"}) << "what is only remembered makes room";
  EXPECT_LE(pool.names().size(), pool_services::services_max);
}

TEST(router_learn, the_bytes_that_a_peer_can_teach_are_bounded) {
  pool_services pool({}, {});
  const std::string half(pool_services::text_bytes_max / 2 + 1, ' ');
  EXPECT_EQ(pool.learn("a:1", {service("A", "get", true, half)}), names{"A"});
  EXPECT_EQ(pool.learn("b:1", {service("B", "get", true, half)}), names{});
  // A text that does not fit is not kept; nor is what the older one allowed.
  EXPECT_TRUE(pool.idempotent(request(R"({"method":"A@get"})")));
  pool.learn("a:1", {service("A", "get", false, half + half)});
  EXPECT_EQ(pool.claims("A"), claim::present);
  EXPECT_FALSE(pool.idempotent(request(R"({"method":"A@get"})")));
  pool.learn("a:1", {});
  EXPECT_EQ(pool.learn("b:1", {service("B", "get", true, half)}), names{"B"});
}

}  // namespace
}  // namespace understudy::app
