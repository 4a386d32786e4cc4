// What a pool is known to serve, and which of its methods may run twice.
#include <gtest/gtest.h>

#include "app/learn.hpp"

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
  EXPECT_FALSE(pool.serves("A"));
}

TEST(router_learn, services_of_all_servers_add_up) {
  pool_services pool({}, {});
  EXPECT_EQ(pool.learn({service("A"), service("B")}), (names{"A", "B"}));
  EXPECT_EQ(pool.learn({service("B"), service("C")}), names{"C"});
  EXPECT_EQ(pool.names(), (names{"A", "B", "C"}));
  EXPECT_TRUE(pool.serves("A"));
  EXPECT_FALSE(pool.serves("a"));  // interfaces have a case
}

TEST(router_learn, configured_services_are_the_only_ones) {
  pool_services pool({"A"}, {});
  EXPECT_TRUE(pool.known());
  EXPECT_FALSE(pool.described());
  EXPECT_TRUE(pool.serves("A"));
  EXPECT_EQ(pool.learn({service("A"), service("B")}), names{"A"});
  EXPECT_TRUE(pool.described());
  EXPECT_FALSE(pool.serves("B"));
  EXPECT_EQ(pool.names(), names{"A"});
}

TEST(router_learn, the_latest_description_of_a_service_counts) {
  pool_services pool({}, {});
  const auto get = request(R"({"method":"A@get"})");
  pool.learn({service("A", "get", true, "{1}")});
  EXPECT_TRUE(pool.idempotent(get));
  pool.learn({service("A", "get", false, "{2}")});
  EXPECT_FALSE(pool.idempotent(get));
  std::vector<wire::service_description> described;
  pool.append_descriptions(described);
  ASSERT_EQ(described.size(), 1U);
  EXPECT_EQ(described[0].text, "{2}");
}

TEST(router_learn, methods_may_run_twice_by_pattern_or_by_comment_only) {
  pool_services pool({}, {"A@find*"});
  pool.learn({service("A", "getAll", true)});
  EXPECT_TRUE(pool.idempotent(request(R"({"method":"A@findOne"})")));
  EXPECT_TRUE(pool.idempotent(request(R"({"method":"A@FINDONE"})")));
  EXPECT_TRUE(pool.idempotent(request(R"({"method":"A@getall"})")));
  EXPECT_FALSE(pool.idempotent(request(R"({"method":"A@place"})")));
  EXPECT_FALSE(pool.idempotent(request(R"({"method":"B@getAll"})")));
}

TEST(router_learn, what_a_peer_can_teach_is_bounded) {
  pool_services pool({}, {});
  for (std::size_t i = 0; i < pool_services::services_max + 10; ++i) {
    pool.learn({service("S" + std::to_string(i))});
  }
  EXPECT_EQ(pool.names().size(), pool_services::services_max);
}

}  // namespace
}  // namespace understudy::app
