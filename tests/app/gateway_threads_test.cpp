// A gateway with several lanes, end to end: what one of them does, decides and is told.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <thread>

#include "app/gateway_support.hpp"
#include "support/fake_server.hpp"
#include "wire/answer.hpp"

namespace understudy::test {
namespace {

using namespace std::chrono_literals;

constexpr unsigned lanes = 3;

struct gateway_threads_test : testing::Test {
  fake_server first{fake_result("\"first\"")};
  fake_server second{fake_result("\"second\"")};
  app::gateway_config config = free_ports();
  std::unique_ptr<app::gateway> gateway;

  void SetUp() override {
    for (fake_server* server : {&first, &second}) {
      server->on_probe(fake_answer(std::string(described)));
    }
    config.threads = lanes;
    app::pool_config pool = quick_pool();
    pool.servers = {server_on(first.address()), server_on(second.address(), 1)};
    pool.services = {"A"};
    pool.idempotent = {"A@get*"};
    pool.options.hedge_after = 0ms;  // who answers is not to hang on how busy this machine is
    config.pools.push_back(std::move(pool));
  }
  void start() {
    gateway = std::make_unique<app::gateway>(config);
    gateway->start();
  }
  std::uint16_t port() const { return port_of(gateway->frames_address()); }
  std::string status() const { return fetch(*gateway, "GET", "/status.json").body; }
  bool server_is(const fake_server& server, std::string_view state) const {
    const std::string at = "\"address\":\"" + server.address() + "\",\"state\":\"";
    return status().find(at + std::string(state) + '"') != std::string::npos;
  }
  bool lanes_differ() const { return status().find("\"lanes\"") != std::string::npos; }
};

// Connections are handed out in turn: this many in a row are one on each lane.
struct one_on_each_lane {
  explicit one_on_each_lane(std::uint16_t port) {
    for (unsigned i = 0; i < lanes; ++i) callers.push_back(std::make_unique<wire_socket>(port));
  }
  std::string ask(std::size_t lane, std::string_view method = "A@get") {
    return result_of(callers[lane]->ask(request_text(method, "[]")));
  }
  std::vector<std::unique_ptr<wire_socket>> callers;
};

// Callers, each with a connection of its own, that go on until they are stopped.
class crowd {
 public:
  crowd(std::uint16_t port, int size) {
    for (int i = 0; i < size; ++i) callers_.emplace_back([this, port] { call(port); });
  }
  ~crowd() { stop(); }
  void stop() {
    over_ = true;
    for (std::thread& caller : callers_) caller.join();
    callers_.clear();
  }
  std::atomic<int> good{0};
  std::atomic<int> bad{0};

 private:
  void call(std::uint16_t port) {
    wire_socket caller(port);
    while (!over_) {
      const std::string result = result_of(caller.ask(request_text("A@get", "[]")));
      ++(result == "\"first\"" || result == "\"second\"" ? good : bad);
    }
  }

  std::atomic<bool> over_{false};
  std::vector<std::thread> callers_;
};

TEST_F(gateway_threads_test, calls_on_all_lanes_are_answered_and_added_up) {
  config.pools[0].servers = {server_on(first.address())};
  start();
  std::vector<std::thread> callers;
  std::atomic<int> good{0};
  for (int i = 0; i < 9; ++i) {
    callers.emplace_back([&] {
      wire_socket caller(port());
      for (int n = 0; n < 50; ++n) {
        good += result_of(caller.ask(request_text("A@get", "[]"))) == "\"first\"" ? 1 : 0;
      }
    });
  }
  for (int i = 0; i < 2 * static_cast<int>(lanes); ++i) {
    const auto answer = fetch(*gateway, "POST", "/rpc", R"({"method":"A@get","id":7})");
    good += answer.body.find("\"first\"") != std::string::npos ? 1 : 0;
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(good, 456);
  const std::string metrics = fetch(*gateway, "GET", "/metrics").body;
  EXPECT_NE(metrics.find("understudy_calls_total{outcome=\"result\",pool=\"p\"} 456\n"),
            std::string::npos)
      << metrics;
  EXPECT_NE(metrics.find("understudy_call_seconds_count{pool=\"p\"} 456\n"), std::string::npos);
  EXPECT_NE(status().find("\"in_flight\":0,\"limit\":96,\"attempts\":456,\"failures\":0"),
            std::string::npos)
      << status();
}

TEST_F(gateway_threads_test, connections_go_to_all_lanes) {
  start();
  one_on_each_lane callers(port());
  fake_step cut;
  cut.write_only = 0;
  for (unsigned lane = 0; lane < lanes; ++lane) {
    first.next({cut});
    EXPECT_EQ(callers.ask(lane, "A@place"), "-32001");
  }
  const auto told_by_all = [&] {
    std::vector<std::string> told;
    for (const auto& e : gateway->events().since(0)) {
      if (e.record.kind != "call_not_repeated") continue;
      for (const auto& [name, value] : e.record.evidence) {
        if (name == "lane") told.push_back(value);
      }
    }
    std::ranges::sort(told);
    return told == std::vector<std::string>{"0", "1", "2"};
  };
  EXPECT_TRUE(eventually(told_by_all));
}

TEST_F(gateway_threads_test, a_drain_holds_on_every_lane_when_it_is_answered) {
  start();
  one_on_each_lane callers(port());
  const std::string path = "/servers/p/" + first.address();
  for (int round = 0; round < 5; ++round) {
    for (unsigned lane = 0; lane < lanes; ++lane) {
      EXPECT_TRUE(eventually([&] { return callers.ask(lane) == "\"first\""; }));
    }
    EXPECT_EQ(fetch(*gateway, "POST", path + "/drain").status, 200);
    const std::size_t before = first.call_count();
    for (unsigned lane = 0; lane < lanes; ++lane) EXPECT_EQ(callers.ask(lane), "\"second\"");
    EXPECT_EQ(first.call_count(), before);
    EXPECT_TRUE(server_is(first, "drained"));
    EXPECT_FALSE(lanes_differ());
    EXPECT_EQ(fetch(*gateway, "POST", path + "/resume").status, 200);
  }
}

TEST_F(gateway_threads_test, changes_that_meet_leave_all_lanes_alike) {
  start();
  const std::string path = "/servers/p/" + first.address();
  std::vector<std::thread> operators;
  for (const auto* change : {"/drain", "/resume", "/drain", "/resume"}) {
    operators.emplace_back([this, path, change] {
      for (int i = 0; i < 20; ++i) {
        EXPECT_EQ(fetch(*gateway, "POST", path + change).status, 200);
      }
    });
  }
  for (std::thread& one : operators) one.join();
  EXPECT_TRUE(eventually([&] { return !lanes_differ(); }));
}

TEST_F(gateway_threads_test, no_idempotent_call_fails_while_the_primary_dies) {
  start();
  crowd callers(port(), 6);
  EXPECT_TRUE(eventually([&] { return first.call_count() > 100; }));
  first.stop();
  EXPECT_TRUE(eventually([&] { return second.call_count() > 100; }));
  first.start();
  const std::size_t before = first.call_count();
  EXPECT_TRUE(eventually([&] { return first.call_count() > before + 50; }));
  callers.stop();
  EXPECT_EQ(callers.bad, 0);
}

// Probes are an hour apart, idle connections stay open, and only one lane has a call: the others
// know it from that lane.
TEST_F(gateway_threads_test, a_server_that_one_lane_leaves_is_left_by_all) {
  config.pools[0].options.probe_interval = 1h;
  start();
  one_on_each_lane callers(port());
  EXPECT_EQ(callers.ask(1), "\"first\"");
  EXPECT_TRUE(eventually([&] { return first.probe_count() >= lanes; }));
  first.reject_connections(true);
  fake_step cut;
  cut.write_only = 0;
  first.next({cut});
  EXPECT_EQ(callers.ask(1), "\"second\"");
  EXPECT_TRUE(eventually([&] { return server_is(first, "down") && !lanes_differ(); })) << status();
}

TEST_F(gateway_threads_test, a_method_that_one_lane_moves_away_is_moved_by_all) {
  config.pools[0].options.probe_interval = 1h;
  start();
  one_on_each_lane callers(port());
  EXPECT_EQ(callers.ask(2), "\"first\"");
  first.always(fake_error(-32603));
  EXPECT_TRUE(eventually([&] {
    EXPECT_EQ(callers.ask(2), "\"second\"");
    return has_event(*gateway, "method_away");
  }));
  (void)status();  // each lane is asked: what it was told before, it has heard
  const std::size_t before = first.call_count();
  for (unsigned lane = 0; lane < lanes; ++lane) EXPECT_EQ(callers.ask(lane), "\"second\"");
  EXPECT_EQ(first.call_count(), before);
}

TEST_F(gateway_threads_test, a_registration_holds_and_ends_on_every_lane) {
  config.pools[0].servers = {server_on(second.address(), 1)};
  start();
  one_on_each_lane callers(port());
  for (unsigned lane = 0; lane < lanes; ++lane) EXPECT_EQ(callers.ask(lane), "\"second\"");
  const std::string path = "/servers/p/" + first.address();
  EXPECT_EQ(fetch(*gateway, "PUT", path, R"({"ttl_ms":60000})").status, 200);
  for (unsigned lane = 0; lane < lanes; ++lane) {
    EXPECT_TRUE(eventually([&] { return callers.ask(lane) == "\"first\""; })) << lane;
  }
  EXPECT_EQ(fetch(*gateway, "PUT", path, R"({"ttl_ms":100})").status, 200);  // renewed, for less
  EXPECT_TRUE(eventually([&] { return has_event(*gateway, "registration_expired"); }));
  EXPECT_EQ(status().find("\"address\":\"" + first.address()), std::string::npos);
  const std::size_t before = first.call_count();
  for (unsigned lane = 0; lane < lanes; ++lane) EXPECT_EQ(callers.ask(lane), "\"second\"");
  EXPECT_EQ(first.call_count(), before);
  EXPECT_EQ(fetch(*gateway, "DELETE", path).status, 404);
}

TEST_F(gateway_threads_test, a_reload_holds_on_every_lane_and_costs_no_call) {
  config.pools[0].servers = {server_on(first.address())};
  start();
  one_on_each_lane callers(port());
  crowd busy(port(), 4);
  for (int round = 0; round < 6; ++round) {
    fake_server& wanted = round % 2 == 0 ? second : first;
    config.pools[0].servers = {server_on(wanted.address())};
    if (round % 3 == 0) config.pools[0].options.probes_up = 1 + round % 2;
    EXPECT_EQ(gateway->reload(config), std::vector<std::string>{});
    for (unsigned lane = 0; lane < lanes; ++lane) {
      EXPECT_EQ(callers.ask(lane), round % 2 == 0 ? "\"second\"" : "\"first\"");
    }
  }
  busy.stop();
  EXPECT_EQ(busy.bad, 0);
  EXPECT_GT(busy.good, 0);
  config.threads = lanes + 1;
  EXPECT_EQ(gateway->reload(config).size(), 1U) << "threads need a restart";
}

TEST_F(gateway_threads_test, the_address_of_a_new_pool_serves_on_every_lane_at_once) {
  start();
  for (int round = 0; round < 5; ++round) {
    app::pool_config own = quick_pool("own");
    own.servers = {server_on(second.address())};
    own.services = {"A"};
    own.listen = "127.0.0.1:0";
    config.pools.push_back(own);
    EXPECT_EQ(gateway->reload(config), std::vector<std::string>{});
    one_on_each_lane callers(port_of(gateway->frames_address("own")));
    for (unsigned lane = 0; lane < lanes; ++lane) EXPECT_EQ(callers.ask(lane), "\"second\"");
    config.pools.pop_back();
    EXPECT_EQ(gateway->reload(config), std::vector<std::string>{});
    for (const auto& caller : callers.callers) EXPECT_TRUE(caller->closed());
  }
}

TEST_F(gateway_threads_test, a_drain_of_the_gateway_lets_the_calls_of_all_lanes_end) {
  start();
  one_on_each_lane idle(port());
  one_on_each_lane callers(port());
  fake_step held = fake_result("\"late\"");
  held.hold = true;
  first.always(held);
  for (const auto& caller : callers.callers) caller->send_message(request_text("A@place", "[]"));
  ASSERT_TRUE(eventually([&] { return first.call_count() == lanes; }));
  drain_watch drain(*gateway);
  for (const auto& caller : idle.callers) EXPECT_TRUE(caller->closed());
  EXPECT_FALSE(drain.done());
  first.release();
  for (const auto& caller : callers.callers) {
    const auto answer = caller->receive();
    ASSERT_TRUE(answer);
    EXPECT_EQ(result_of(answer->body), "\"late\"");
    EXPECT_TRUE(caller->closed());
  }
  EXPECT_TRUE(drain.wait());
}

TEST_F(gateway_threads_test, what_is_said_to_all_lanes_is_recorded_once) {
  start();
  const std::string path = "/servers/p/" + first.address();
  EXPECT_EQ(fetch(*gateway, "POST", path + "/drain").status, 200);
  (void)status();  // what other lanes have to say of it is home by now
  const auto all = gateway->events().since(0);
  const auto drained = std::ranges::count_if(
      all, [](const app::event& e) { return e.record.kind == "server_drained"; });
  EXPECT_EQ(drained, 1);
}

TEST_F(gateway_threads_test, it_ends_in_the_middle_of_calls) {
  fake_step held;
  held.hold = true;
  first.always(held);
  start();
  one_on_each_lane callers(port());
  for (const auto& caller : callers.callers) caller->send_message(request_text("A@place", "[]"));
  ASSERT_TRUE(eventually([&] { return first.call_count() == lanes; }));
  std::vector<std::unique_ptr<wire_socket>> streams;
  for (unsigned i = 0; i < lanes; ++i) {
    auto& stream =
        streams.emplace_back(std::make_unique<wire_socket>(port_of(gateway->http_address())));
    stream->send("GET /events HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_TRUE(stream->read_once(12).starts_with("HTTP/1.1 200"));
  }
  gateway.reset();
  for (const auto& caller : callers.callers) EXPECT_TRUE(caller->closed());
}

}  // namespace
}  // namespace understudy::test
