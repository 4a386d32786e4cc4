// A gateway end to end over frames: bytes, files, errors, failover.
#include <gtest/gtest.h>
#include <malloc.h>

#include <atomic>
#include <deque>
#include <thread>

#include "app/gateway_support.hpp"
#include "support/fake_server.hpp"
#include "wire/answer.hpp"
#include "wire/frame.hpp"

namespace understudy::test {
namespace {

struct gateway_test : testing::Test {
  fake_server first{fake_result("\"first\"")};
  fake_server second{fake_result("\"second\"")};
  app::gateway_config config = free_ports();
  std::unique_ptr<app::gateway> gateway;

  void SetUp() override {
    for (fake_server* server : {&first, &second}) {
      server->on_probe(fake_answer(std::string(described)));
    }
    app::pool_config pool = quick_pool();
    pool.servers = {server_on(first.address()), server_on(second.address(), 1)};
    pool.idempotent = {"A@get*"};
    config.pools.push_back(std::move(pool));
  }
  void start() {
    gateway = std::make_unique<app::gateway>(config);
    gateway->start();
  }
  std::uint16_t port(std::string_view pool = {}) const {
    return port_of(gateway->frames_address(pool));
  }
};

TEST_F(gateway_test, calls_go_to_the_primary_and_on_to_the_backup_when_it_dies) {
  start();
  wire_socket caller(port());
  EXPECT_EQ(result_of(caller.ask(request_text("A@get", "[]"))), "\"first\"");
  first.stop();
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(result_of(caller.ask(request_text("A@get", "[]"))), "\"second\"");
  }
  EXPECT_TRUE(eventually([&] { return has_event(*gateway, "server_down"); }));
}

TEST_F(gateway_test, a_returned_primary_takes_calls_again) {
  start();
  wire_socket caller(port());
  first.stop();
  EXPECT_EQ(result_of(caller.ask(request_text("A@get", "[]"))), "\"second\"");
  first.start();
  EXPECT_TRUE(eventually(
      [&] { return result_of(caller.ask(request_text("A@get", "[]"))) == "\"first\""; }));
}

// A sanitizer's allocator tells nothing: its builds cannot see this fail.
TEST_F(gateway_test, a_caller_that_rests_leaves_nothing_of_a_name_as_long_as_a_frame) {
  config.limits.message_bytes_max = 2U << 20;
  start();
  const auto allocated = [] {
    const auto all = ::mallinfo2();
    return all.uordblks + all.hblkhd;
  };
  constexpr std::size_t count = 20;
  constexpr std::size_t name_bytes = std::size_t{1} << 20;
  std::deque<wire_socket> callers;
  for (std::size_t i = 0; i < count; ++i) {
    callers.emplace_back(port());
    EXPECT_EQ(result_of(callers.back().ask(request_text("A@get", "[]"))), "\"first\"");
  }
  const auto before = allocated();
  for (auto& caller : callers) {
    (void)caller.ask(request_text("A" + std::string(name_bytes, 'x') + "@get", "[]"));
  }
  EXPECT_TRUE(eventually([&] { return allocated() < before + count * 65536; }));
}

TEST_F(gateway_test, no_call_fails_while_the_primary_dies_under_load) {
  start();
  std::atomic<int> good{0};
  std::atomic<int> bad{0};
  std::atomic<bool> over{false};
  std::vector<std::thread> callers;
  for (int i = 0; i < 4; ++i) {
    callers.emplace_back([&] {
      wire_socket caller(port());
      while (!over) {
        const std::string result = result_of(caller.ask(request_text("A@get", "[]")));
        ++(result == "\"first\"" || result == "\"second\"" ? good : bad);
      }
    });
  }
  EXPECT_TRUE(eventually([&] { return first.call_count() > 50; }));
  first.stop();
  EXPECT_TRUE(eventually([&] { return second.call_count() > 50; }));
  over = true;
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(bad, 0);
  EXPECT_GT(good, 100);
}

TEST_F(gateway_test, what_may_not_run_twice_is_not_repeated) {
  start();
  wire_socket caller(port());
  fake_step cut;
  cut.write_only = 0;
  first.next({cut});
  EXPECT_EQ(result_of(caller.ask(request_text("A@place", "[]"))), "-32001");
  EXPECT_EQ(first.call_count(), 1U);
  EXPECT_EQ(second.call_count(), 0U);
}

TEST_F(gateway_test, requests_and_answers_pass_as_the_bytes_that_came) {
  const std::string request =
      R"( {"id" : 7,"params":[1.0,1e400,-0,0.10,18446744073709551616,"é\/\u0041"],"b":1, )"
      R"("method":"A@get","a":{"z":1,"a":2}} )";
  const std::string answer =
      R"({"z":1, "result":{"b":1.0,"a":1E400,"é":"\u00e9"},"id":"x","jsonrpc":"2.0"})";
  first.always(fake_answer(answer));
  start();
  wire_socket caller(port());
  EXPECT_EQ(caller.ask(request), answer);
  ASSERT_EQ(first.calls().size(), 1U);
  EXPECT_EQ(first.calls()[0].body, request);
}

TEST_F(gateway_test, errors_of_a_service_pass_as_the_bytes_that_came) {
  const std::string answer = R"({"error":{"message":"no","code":42,"data":{"x":1.0}},"id":""})";
  first.always(fake_answer(answer));
  start();
  wire_socket caller(port());
  EXPECT_EQ(caller.ask(request_text("A@get", "[]")), answer);
  EXPECT_EQ(second.call_count(), 0U);
}

TEST_F(gateway_test, files_go_through_both_ways) {
  fake_step step = fake_result("\"@file\"");
  step.files = {std::string(100'000, 'd')};
  first.always(step);
  start();
  wire_socket caller(port());
  const std::string one(65'500, 'a');
  const std::string two = "0";
  std::string out;
  wire::append_frame(out, wire::frame_type::file, one);
  wire::append_frame(out, wire::frame_type::file, two);
  wire::append_frame(out, wire::frame_type::message, request_text("A@get", R"(["@file","@file"])"));
  caller.send(out);
  const auto file = caller.receive();
  const auto answer = caller.receive();
  ASSERT_TRUE(file && answer);
  EXPECT_EQ(file->type, 1U);
  EXPECT_EQ(file->body, step.files[0]);
  EXPECT_EQ(result_of(answer->body), "\"@file\"");
  ASSERT_EQ(first.calls().size(), 1U);
  EXPECT_EQ(first.calls()[0].files, (std::vector<std::string>{one, two}));
}

TEST_F(gateway_test, poison_is_answered_and_never_forwarded) {
  start();
  wire_socket caller(port());
  for (const char* poison : {"", "0"}) EXPECT_EQ(result_of(caller.ask(poison)), "-32600");
  EXPECT_EQ(result_of(caller.ask(request_text("A@get", "[]"))), "\"first\"");
  EXPECT_EQ(first.call_count(), 1U);
}

TEST_F(gateway_test, what_is_no_request_is_answered_and_never_forwarded) {
  start();
  wire_socket caller(port());
  const std::pair<const char*, const char*> cases[] = {
      {"{", "-32700"},
      {"\xff", "-32700"},
      {"[]", "-32602"},
      {"1", "-32602"},
      {R"({"params":[]})", "-32602"},
      {R"({"method":"A"})", "-32602"},
      {R"({"method":"A@get","params":"x"})", "-32602"},
  };
  for (const auto& [body, code] : cases) EXPECT_EQ(result_of(caller.ask(body)), code) << body;
  EXPECT_EQ(first.call_count(), 0U);
}

TEST_F(gateway_test, a_frame_that_cannot_be_read_is_answered_and_ends_the_connection) {
  start();
  wire_socket caller(port());
  caller.send(std::string_view("\0\0\0\2\0\0\0\x9{}", 10));
  const auto answer = caller.receive();
  ASSERT_TRUE(answer);
  EXPECT_EQ(result_of(answer->body), "-32600");
  EXPECT_TRUE(caller.closed());
  wire_socket other(port());
  EXPECT_EQ(result_of(other.ask(request_text("A@get", "[]"))), "\"first\"");
}

TEST_F(gateway_test, a_message_beyond_the_limit_is_refused) {
  config.limits.message_bytes_max = 4096;
  start();
  wire_socket caller(port());
  caller.send(message_frame(request_text("A@get", "[\"" + std::string(5000, 'x') + "\"]")));
  const auto answer = caller.receive();
  ASSERT_TRUE(answer);
  EXPECT_EQ(result_of(answer->body), "-32600");
  EXPECT_EQ(first.call_count(), 0U);
}

TEST_F(gateway_test, pipelined_calls_are_answered_in_order) {
  first.next({fake_result("1"), fake_result("2"), fake_result("3")});
  start();
  wire_socket caller(port());
  const std::string call = message_frame(request_text("A@get", "[]"));
  caller.send(call + call + call);
  for (const char* wanted : {"1", "2", "3"}) {
    const auto answer = caller.receive();
    ASSERT_TRUE(answer);
    EXPECT_EQ(result_of(answer->body), wanted);
  }
}

TEST_F(gateway_test, an_unknown_service_is_told_so_once_services_are_known) {
  start();
  wire_socket caller(port());
  EXPECT_TRUE(eventually(
      [&] { return result_of(caller.ask(request_text("Nope@get", "[]"))) == "-32601"; }));
}

TEST_F(gateway_test, the_description_lists_the_services_as_the_server_wrote_them) {
  start();
  wire_socket caller(port());
  EXPECT_EQ(caller.ask("@action_interface"), described);
}

TEST_F(gateway_test, a_pool_has_an_address_of_its_own) {
  app::pool_config own = quick_pool("own");
  own.servers = {server_on(second.address())};
  own.listen = "127.0.0.1:0";
  config.pools[0].servers.pop_back();
  config.pools.push_back(std::move(own));
  start();
  wire_socket shared(port());
  wire_socket direct(port("own"));
  EXPECT_EQ(result_of(shared.ask(request_text("A@get", "[]"))), "\"first\"");
  EXPECT_EQ(result_of(direct.ask(request_text("A@get", "[]"))), "\"second\"");
}

TEST_F(gateway_test, calls_wait_for_a_server_while_all_are_down) {
  start();
  wire_socket caller(port());
  EXPECT_EQ(result_of(caller.ask(request_text("A@get", "[]"))), "\"first\"");
  first.stop();
  second.stop();
  EXPECT_TRUE(eventually([&] { return has_event(*gateway, "pool_empty"); }));
  caller.send_message(request_text("A@get", "[]"));
  EXPECT_TRUE(caller.quiet());
  second.start();
  const auto answer = caller.receive();
  ASSERT_TRUE(answer);
  EXPECT_EQ(result_of(answer->body), "\"second\"");
}

TEST_F(gateway_test, a_call_ends_with_its_deadline) {
  config.deadline = std::chrono::milliseconds(100);
  fake_step hang;
  hang.hold = true;
  first.always(hang);
  second.always(hang);
  start();
  wire_socket caller(port());
  EXPECT_EQ(result_of(caller.ask(request_text("A@place", "[]"))), "-32001");
}

TEST_F(gateway_test, an_address_in_use_is_one_sentence) {
  config.listen = first.address();
  app::gateway refused(config);
  try {
    refused.start();
    FAIL() << "it listens where another one does";
  } catch (const std::runtime_error& error) {
    EXPECT_NE(std::string(error.what()).find(first.address()), std::string::npos) << error.what();
  }
}

}  // namespace
}  // namespace understudy::test
