#include "understudy/client.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <boost/describe.hpp>
#include <future>
#include <optional>
#include <thread>

#include "support/fake_server.hpp"

namespace understudy::test {
namespace {

using namespace std::chrono_literals;

struct order {
  std::int64_t id = 0;
  std::string name;
};
BOOST_DESCRIBE_STRUCT(order, (), (id, name))

/// What a call failed with.
struct failure {
  std::int64_t code;
  delivery sent;
  std::string data;
};

template <typename Call>
std::optional<failure> failure_of(Call&& call) {
  try {
    call();
  } catch (const rpc_error& error) {
    return failure{error.code(), error.sent(), error.data()};
  }
  return std::nullopt;
}

class client_test : public testing::Test {
 protected:
  client_options both() {
    client_options options;
    options.servers = {a_.address()};
    options.backups = {b_.address()};
    options.timeout = 20s;
    return options;
  }

  fake_server a_{fake_result("\"A\"")};
  fake_server b_{fake_result("\"B\"")};
};

TEST_F(client_test, arguments_and_results_are_typed) {
  client c(a_.address());
  a_.always(fake_result(R"({"id":7,"name":"x","more":1})"));
  const auto got = c.call<order>("OrderInterface@find", 7, "a/b", std::vector<int>{1, 2},
                                 std::optional<int>(), order{1, "y"}, true);
  EXPECT_EQ(got.id, 7);
  EXPECT_EQ(got.name, "x");
  EXPECT_EQ(a_.calls().at(0).body,
            R"({"jsonrpc":"2.0","method":"OrderInterface@find",)"
            R"("params":[7,"a\/b",[1,2],null,{"id":1,"name":"y"},true],"context":[],"id":""})");
  a_.always(fake_result("[1,2,3]"));
  EXPECT_EQ(c.call<std::vector<int>>("T@list"), (std::vector<int>{1, 2, 3}));
  EXPECT_EQ(c.call("T@list").as_array().size(), 3U);
  c.call<void>("T@list");
}

TEST_F(client_test, context_travels) {
  client c(a_.address());
  call_options options;
  options.context = R"({"trace":"abc"})";
  c.call<std::string>(options, "T@call");
  EXPECT_NE(a_.calls().at(0).body.find(R"("context":{"trace":"abc"})"), std::string::npos);
}

TEST_F(client_test, files_travel_both_ways) {
  client c(a_.address());
  fake_step step = fake_result("\"@file\"");
  step.files = {std::string(100000, 'z')};
  a_.always(step);
  const auto got = c.call<file>("T@convert", "name", file(std::string(200000, 'y')));
  EXPECT_EQ(got.bytes(), step.files[0]);
  ASSERT_EQ(a_.calls().size(), 1U);
  EXPECT_EQ(a_.calls()[0].files, std::vector<std::string>{std::string(200000, 'y')});
  EXPECT_NE(a_.calls()[0].body.find(R"(["name","@file"])"), std::string::npos);
}

TEST_F(client_test, a_services_error_keeps_code_message_and_data) {
  client c(a_.address());
  a_.always(fake_answer(
      R"({"jsonrpc":"2.0","id":"","error":{"code":42,"message":"\u4e16 x","data":{"a":1.0}}})"));
  try {
    c.call<int>("T@call");
    FAIL() << "no error";
  } catch (const rpc_error& error) {
    EXPECT_EQ(error.code(), 42);
    EXPECT_STREQ(error.what(), "\u4e16 x");
    EXPECT_EQ(error.data(), R"({"a":1.0})");
    EXPECT_EQ(error.sent(), delivery::answered);
  }
}

TEST_F(client_test, what_cannot_be_sent_was_not_sent) {
  client c(a_.address());
  const auto not_utf8 = failure_of([&] { c.call<int>("T@call", std::string("\xff")); });
  ASSERT_TRUE(not_utf8);
  EXPECT_EQ(not_utf8->code, code::invalid_params);
  EXPECT_EQ(not_utf8->sent, delivery::not_sent);
  const auto not_json = failure_of([&] { c.call_json("T@call", "[1,"); });
  ASSERT_TRUE(not_json);
  EXPECT_EQ(not_json->sent, delivery::not_sent);
  const auto no_method = failure_of([&] { c.call<int>("nothing"); });
  ASSERT_TRUE(no_method);
  EXPECT_EQ(no_method->sent, delivery::not_sent);
  EXPECT_EQ(a_.call_count(), 0U);
  EXPECT_THROW(client{client_options()}, std::invalid_argument);
}

TEST_F(client_test, a_result_of_another_type_says_so) {
  client c(a_.address());
  const auto wrong = failure_of([&] { c.call<std::vector<int>>("T@call"); });
  ASSERT_TRUE(wrong);
  EXPECT_EQ(wrong->sent, delivery::answered);
  const auto no_file = failure_of([&] { c.call<file>("T@call"); });
  ASSERT_TRUE(no_file);
  EXPECT_EQ(no_file->sent, delivery::answered);
}

TEST_F(client_test, moves_to_the_backup_when_the_server_dies) {
  client c(both());
  EXPECT_EQ(c.call<std::string>("T@call"), "A");
  a_.stop();
  for (int i = 0; i < 20; ++i) {
    // The first may have left for A as it died: then it is unknown and not repeated.
    std::string got;
    const auto failed = failure_of([&] { got = c.call<std::string>("T@call"); });
    if (failed) {
      EXPECT_EQ(failed->code, code::outcome_unknown);
      EXPECT_EQ(failed->sent, delivery::unknown);
    } else {
      EXPECT_EQ(got, "B");
    }
  }
  EXPECT_EQ(c.call<std::string>("T@call"), "B");
}

TEST_F(client_test, unknown_is_repeated_only_with_permission) {
  fake_step dies;
  dies.write_only = 0;
  auto options = both();
  options.idempotent = {"T@get*"};
  client c(options);
  const auto run = [&](const call_options& each, std::string_view method) {
    a_.next({dies});
    std::string got;
    const auto failed = failure_of([&] { got = c.call<std::string>(each, method); });
    return failed ? std::to_string(failed->code) : got;
  };
  EXPECT_EQ(run({}, "T@put"), "-32001");
  EXPECT_EQ(b_.call_count(), 0U);
  client by_pattern(options);
  a_.next({dies});
  EXPECT_EQ(by_pattern.call<std::string>("T@GETall"), "B");
  client by_option(options);
  call_options repeatable;
  repeatable.idempotent = true;
  EXPECT_NE(by_option.call<std::string>(repeatable, "T@put"), "");
}

TEST_F(client_test, no_server_until_the_timeout) {
  a_.stop();
  b_.stop();
  client c(both());
  call_options soon;
  soon.timeout = 100ms;
  const auto failed = failure_of([&] { c.call<int>(soon, "T@call"); });
  ASSERT_TRUE(failed);
  EXPECT_EQ(failed->code, code::no_server);
  EXPECT_EQ(failed->sent, delivery::not_sent);
}

TEST_F(client_test, the_longest_timeout_is_no_overflow) {
  client c(both());
  call_options patient;
  patient.timeout = std::chrono::milliseconds::max();
  EXPECT_EQ(c.call<std::string>(patient, "T@call"), "A");
}

TEST_F(client_test, a_call_in_a_hurry_speaks_against_no_server) {
  auto options = both();
  std::vector<std::string> lines;  // of the client's thread; read when it has ended
  options.log = [&](const std::string& line) { lines.push_back(line); };
  {
    client c(options);
    fake_step held;
    held.hold = true;
    a_.always(held);
    call_options soon;
    soon.timeout = 20ms;
    for (int i = 0; i < 6; ++i) EXPECT_TRUE(failure_of([&] { c.call<int>(soon, "T@call"); }));
    a_.release();
    a_.always(fake_result("\"A\""));
    EXPECT_EQ(c.call<std::string>("T@call"), "A");
  }
  for (const auto& line : lines) EXPECT_EQ(line.find("attempts failed"), std::string::npos) << line;
}

TEST_F(client_test, beyond_calls_max_calls_are_refused) {
  fake_step held = fake_result("\"held\"");
  held.hold = true;
  a_.always(held);
  auto options = both();
  options.calls_max = 1;
  client c(options);
  auto first = std::async(std::launch::async, [&] { return c.call<std::string>("T@call"); });
  while (a_.call_count() == 0) std::this_thread::yield();
  const auto refused = failure_of([&] { c.call<int>("T@call"); });
  a_.release();
  EXPECT_EQ(first.get(), "held");
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->code, code::overloaded);
  EXPECT_EQ(refused->sent, delivery::not_sent);
}

TEST_F(client_test, the_description_is_the_servers_own) {
  a_.on_probe(fake_result(R"({"T":{}})"));
  client c(a_.address());
  EXPECT_EQ(c.describe(), R"({"T":{}})");
}

TEST_F(client_test, many_threads_share_one_client) {
  client c(both());
  std::atomic<int> good{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 50; ++i) good += c.call<std::string>("T@call", i) == "A";
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(good, 400);
  EXPECT_EQ(a_.call_count(), 400U);
}

task<std::string> two_calls(client& c) {
  const auto first = co_await c.call_async<std::string>("T@call", 1);
  const auto second = co_await c.call_async<std::string>("T@call", 2);
  co_return first + second;
}

TEST_F(client_test, coroutines_await_calls) {
  client c(both());
  EXPECT_EQ(sync_wait(two_calls(c)), "AA");
  const auto failed = failure_of([&] {
    a_.always(fake_error(7));
    sync_wait(two_calls(c));
  });
  ASSERT_TRUE(failed);
  EXPECT_EQ(failed->code, 7);
}

TEST_F(client_test, its_end_waits_for_the_calls_under_way) {
  fake_step held = fake_result("\"held\"");
  held.hold = true;
  a_.always(held);
  std::promise<std::string> got;
  auto c = std::make_unique<client>(both());
  std::thread caller([&, used = c.get()] { got.set_value(used->call<std::string>("T@call")); });
  while (a_.call_count() == 0) std::this_thread::yield();
  std::thread ends([&] { c.reset(); });
  a_.release();
  ends.join();
  caller.join();
  EXPECT_EQ(got.get_future().get(), "held");
}

TEST_F(client_test, decisions_are_told) {
  std::promise<std::string> told;
  std::atomic<bool> once{false};
  auto options = both();
  options.log = [&](const std::string& line) {
    if (line.find("server_down") == 0 && !once.exchange(true)) told.set_value(line);
  };
  client c(options);
  EXPECT_EQ(c.call<std::string>("T@call"), "A");
  a_.stop();
  EXPECT_NE(told.get_future().get().find(a_.address()), std::string::npos);
}

}  // namespace
}  // namespace understudy::test
