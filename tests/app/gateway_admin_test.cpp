// A gateway end to end: HTTP, registration, reload, drain.
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "app/gateway_support.hpp"
#include "support/fake_server.hpp"
#include "wire/answer.hpp"

namespace understudy::test {
namespace {

using namespace std::chrono_literals;

struct gateway_admin_test : testing::Test {
  fake_server first{fake_result("\"first\"")};
  fake_server second{fake_result("\"second\"")};
  app::gateway_config config = free_ports();
  std::unique_ptr<app::gateway> gateway;

  void SetUp() override {
    for (fake_server* server : {&first, &second}) {
      server->on_probe(fake_answer(std::string(described)));
    }
    app::pool_config pool = quick_pool();
    pool.servers = {server_on(first.address())};
    config.pools.push_back(std::move(pool));
  }
  void start() {
    gateway = std::make_unique<app::gateway>(config);
    gateway->start();
  }
  std::string ask(std::string_view pool = {}) const {
    wire_socket caller(port_of(gateway->frames_address(pool)));
    const std::string body = caller.ask(request_text("A@get", "[]"));
    const auto parsed = wire::parse_answer(body);
    return parsed && !parsed->is_error() ? std::string(parsed->result) : body;
  }
};

TEST_F(gateway_admin_test, calls_come_over_http_too) {
  start();
  const auto answer = fetch(*gateway, "POST", "/rpc", R"({"method":"A@get","id":7})");
  EXPECT_EQ(answer.status, 200);
  EXPECT_NE(answer.body.find("\"first\""), std::string::npos) << answer.body;
  EXPECT_NE(answer.body.find("\"id\":7"), std::string::npos) << answer.body;
}

TEST_F(gateway_admin_test, status_metrics_and_readiness_are_told) {
  start();
  EXPECT_EQ(ask(), "\"first\"");
  const auto status = fetch(*gateway, "GET", "/status.json");
  EXPECT_EQ(status.status, 200);
  EXPECT_NE(status.body.find(first.address()), std::string::npos);
  EXPECT_NE(status.body.find(gateway->frames_address()), std::string::npos);
  EXPECT_NE(fetch(*gateway, "GET", "/metrics").body.find("understudy_calls_total"),
            std::string::npos);
  EXPECT_EQ(fetch(*gateway, "GET", "/readyz").status, 200);
  EXPECT_EQ(fetch(*gateway, "GET", "/healthz").status, 200);
}

TEST_F(gateway_admin_test, a_server_registers_takes_calls_and_leaves) {
  start();
  const std::string path = "/servers/p/" + second.address();
  EXPECT_EQ(fetch(*gateway, "PUT", path, R"({"ttl_ms":60000})").status / 100, 2);
  first.stop();
  EXPECT_TRUE(eventually([&] { return ask() == "\"second\""; }));
  EXPECT_TRUE(has_event(*gateway, "server_registered"));
  EXPECT_EQ(fetch(*gateway, "DELETE", path).status / 100, 2);
  EXPECT_TRUE(has_event(*gateway, "server_unregistered"));
  EXPECT_EQ(fetch(*gateway, "DELETE", path).status / 100, 4);
}

TEST_F(gateway_admin_test, a_registration_that_is_not_renewed_goes) {
  start();
  const std::string path = "/servers/p/" + second.address();
  EXPECT_EQ(fetch(*gateway, "PUT", path, R"({"ttl_ms":200})").status / 100, 2);
  EXPECT_TRUE(eventually([&] { return has_event(*gateway, "registration_expired"); }));
  EXPECT_EQ(fetch(*gateway, "GET", "/status.json").body.find("\"" + second.address() + "\""),
            std::string::npos);
}

TEST_F(gateway_admin_test, a_drained_server_gets_no_calls_until_it_is_resumed) {
  config.pools[0].servers.push_back(server_on(second.address(), 1));
  start();
  EXPECT_EQ(ask(), "\"first\"");
  const std::string path = "/servers/p/" + first.address();
  EXPECT_EQ(fetch(*gateway, "POST", path + "/drain").status / 100, 2);
  const std::size_t before = first.call_count();
  for (int i = 0; i < 10; ++i) EXPECT_EQ(ask(), "\"second\"");
  EXPECT_EQ(first.call_count(), before);
  EXPECT_EQ(fetch(*gateway, "POST", path + "/resume").status / 100, 2);
  EXPECT_TRUE(eventually([&] { return ask() == "\"first\""; }));
}

TEST_F(gateway_admin_test, a_reload_adds_and_removes_servers_under_running_calls) {
  start();
  std::atomic<bool> over{false};
  std::atomic<int> calls{0};
  std::atomic<int> failed{0};
  std::thread caller([&] {
    wire_socket socket(port_of(gateway->frames_address()));
    while (!over) {
      if (answer_kind(socket.ask(request_text("A@get", "[]"))) != "result") ++failed;
      ++calls;
    }
  });
  EXPECT_TRUE(eventually([&] { return calls > 20; }));
  for (int round = 0; round < 10; ++round) {
    fake_server& now = round % 2 == 0 ? second : first;
    config.pools[0].servers = {server_on(now.address())};
    if (round % 3 == 0) config.pools[0].options.probes_up = 1 + round % 2;
    EXPECT_EQ(gateway->reload(config), std::vector<std::string>{});
    const std::size_t before = now.call_count();
    EXPECT_TRUE(eventually([&] { return now.call_count() > before + 5; })) << round;
  }
  over = true;
  caller.join();
  EXPECT_EQ(failed, 0);
}

TEST_F(gateway_admin_test, a_reload_adds_and_removes_addresses_of_pools) {
  start();
  app::pool_config own = quick_pool("own");
  own.servers = {server_on(second.address())};
  own.listen = "127.0.0.1:0";
  config.pools.push_back(own);
  EXPECT_EQ(gateway->reload(config), std::vector<std::string>{});
  const std::string address = gateway->frames_address("own");
  const std::string status = fetch(*gateway, "GET", "/status.json").body;
  EXPECT_NE(status.find(R"("name":"own","listen":")" + address + '"'), std::string::npos) << status;
  EXPECT_EQ(ask("own"), "\"second\"");
  EXPECT_EQ(ask(), "\"first\"");

  wire_socket open(port_of(address));
  config.pools.pop_back();
  EXPECT_EQ(gateway->reload(config), std::vector<std::string>{});
  EXPECT_EQ(gateway->frames_address("own"), "");
  EXPECT_TRUE(open.closed());
  EXPECT_EQ(ask(), "\"first\"");
}

TEST_F(gateway_admin_test, a_reload_that_cannot_be_done_changes_nothing) {
  start();
  app::gateway_config wanted = config;
  wanted.pools[0].servers = {server_on(second.address())};
  app::pool_config own = quick_pool("own");
  own.listen = first.address();  // in use
  wanted.pools.push_back(own);
  EXPECT_EQ(gateway->reload(wanted).size(), 1U);
  EXPECT_EQ(ask(), "\"first\"");

  wanted = config;
  wanted.pools[0].servers = {server_on(second.address())};
  wanted.http = "127.0.0.1:1";
  wanted.limits.message_bytes_max = 4096;
  EXPECT_EQ(gateway->reload(wanted).size(), 2U);
  EXPECT_EQ(ask(), "\"first\"");
  EXPECT_EQ(gateway->frames_address("own"), "");
}

TEST_F(gateway_admin_test, a_drain_lets_the_running_call_end) {
  start();
  EXPECT_EQ(ask(), "\"first\"");
  wire_socket idle(port_of(gateway->frames_address()));
  wire_socket caller(port_of(gateway->frames_address()));
  fake_step held = fake_result("\"late\"");
  held.hold = true;
  first.next({held});
  const std::size_t before = first.call_count();
  caller.send_message(request_text("A@get", "[]"));
  ASSERT_TRUE(eventually([&] { return first.call_count() > before; }));

  drain_watch drain(*gateway);
  EXPECT_TRUE(idle.closed());
  EXPECT_TRUE(eventually([&] { return fetch(*gateway, "GET", "/readyz").status == 503; }));
  EXPECT_THROW(ask(), std::runtime_error);  // no new connections
  EXPECT_FALSE(drain.done());
  first.release();
  const auto answer = caller.receive();
  ASSERT_TRUE(answer);
  EXPECT_NE(answer->body.find("\"late\""), std::string::npos);
  EXPECT_TRUE(caller.closed());
  EXPECT_TRUE(drain.wait());
}

TEST_F(gateway_admin_test, a_drain_ends_with_its_timeout) {
  config.drain_timeout = 100ms;
  fake_step held;
  held.hold = true;
  first.always(held);
  start();
  wire_socket caller(port_of(gateway->frames_address()));
  caller.send_message(request_text("A@get", "[]"));
  ASSERT_TRUE(eventually([&] { return first.call_count() > 0; }));
  drain_watch drain(*gateway);
  EXPECT_TRUE(drain.wait());
  EXPECT_TRUE(has_event(*gateway, "drain_cut"));
  gateway->stop();
}

}  // namespace
}  // namespace understudy::test
