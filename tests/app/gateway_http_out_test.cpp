// A gateway in front of servers that speak JSON-RPC over HTTP: callers of both kinds, failover,
// administration.
#include <gtest/gtest.h>

#include "app/gateway_support.hpp"
#include "support/fake_server.hpp"
#include "wire/answer.hpp"

namespace understudy::test {
namespace {

struct gateway_http_out : testing::Test {
  fake_server first{fake_result("\"first\""), fake_speaks::http};
  fake_server second{fake_result("\"second\""), fake_speaks::http};
  app::gateway_config config = free_ports();
  std::unique_ptr<app::gateway> gateway;

  void SetUp() override {
    for (fake_server* server : {&first, &second}) {
      server->on_probe(fake_error(-32601, "no such method"));
    }
    app::pool_config pool = quick_pool();
    pool.servers = {server_on(first.address()), server_on(second.address(), 1)};
    pool.idempotent = {"A@get*"};
    config.pools.push_back(std::move(pool));
    gateway = std::make_unique<app::gateway>(config);
    gateway->start();
  }
  [[nodiscard]] net::http_response post(const std::string& body) const {
    return fetch(*gateway, "POST", "/rpc", body);
  }
};

TEST_F(gateway_http_out, carries_calls_of_both_kinds_of_caller) {
  const auto answer = post(R"({"jsonrpc":"2.0","method":"A@get","params":[1.0],"id":"x"})");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body, R"({"jsonrpc":"2.0","id":"x","result":"first"})");
  wire_socket caller(port_of(gateway->frames_address()));
  const std::string asked =
      R"({"jsonrpc":"2.0","method":"A@get","params":[],"context":[],"id":""})";
  EXPECT_EQ(caller.ask(asked), R"({"jsonrpc":"2.0","id":"","result":"first"})");
  ASSERT_EQ(first.call_count(), 2U);
  EXPECT_EQ(first.calls().front().body,
            R"({"jsonrpc":"2.0","method":"A@get","params":[1.0],"id":"x"})");
  EXPECT_EQ(first.calls().back().body, asked);
}

TEST_F(gateway_http_out, carries_notifications_and_answers_nothing) {
  const auto answer = post(R"({"jsonrpc":"2.0","method":"A@get"})");
  EXPECT_EQ(answer.status, 204);
  EXPECT_EQ(answer.body, "");
  ASSERT_EQ(first.call_count(), 1U);
  EXPECT_EQ(first.calls().front().body, R"({"id":"","jsonrpc":"2.0","method":"A@get"})");
}

TEST_F(gateway_http_out, goes_on_with_the_backup_when_the_primary_dies) {
  const std::string call = R"({"jsonrpc":"2.0","method":"A@get","params":[],"id":1})";
  EXPECT_EQ(post(call).body, R"({"jsonrpc":"2.0","id":1,"result":"first"})");
  first.stop();
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(post(call).body, R"({"jsonrpc":"2.0","id":1,"result":"second"})");
  }
  EXPECT_TRUE(eventually([&] { return has_event(*gateway, "server_down"); }));
  first.start();
  EXPECT_TRUE(eventually(
      [&] { return post(call).body == R"({"jsonrpc":"2.0","id":1,"result":"first"})"; }));
}

TEST_F(gateway_http_out, is_administered_by_url) {
  fake_server third(fake_result("\"third\""), fake_speaks::http);
  third.on_probe(fake_error(-32601, "no such method"));
  EXPECT_EQ(fetch(*gateway, "PUT", "/servers/p/" + third.address()).status, 200);
  EXPECT_NE(fetch(*gateway, "GET", "/status.json").body.find("/rpc"), std::string::npos);
  for (const auto* server : {&first, &second}) {
    EXPECT_EQ(fetch(*gateway, "POST", "/servers/p/" + server->address() + "/drain").status, 200);
  }
  const auto answer = post(R"({"jsonrpc":"2.0","method":"A@get","params":[],"id":1})");
  EXPECT_EQ(answer.body, R"({"jsonrpc":"2.0","id":1,"result":"third"})");
  EXPECT_EQ(fetch(*gateway, "DELETE", "/servers/p/" + third.address()).status, 200);
  EXPECT_EQ(fetch(*gateway, "PUT", "/servers/p/ftp://127.0.0.1:1/x").status, 404);
}

TEST(gateway_config_http, asks_for_the_services_of_one_of_several_pools) {
  const auto problems = [](std::string_view more) {
    return app::parse_config(R"(
[pool.a]
servers = ["127.0.0.1:9501"]
[pool.b]
servers = ["http://127.0.0.1:8080/rpc", {address = "http://[::1]:8080"}]
)" + std::string(more))
        .problems;
  };
  EXPECT_TRUE(problems("services = [\"B\"]").empty());
  ASSERT_EQ(problems("").size(), 1U);
  EXPECT_NE(problems("").front().message.find("list its services"), std::string::npos);
}

}  // namespace
}  // namespace understudy::test
