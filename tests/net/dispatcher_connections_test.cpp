// Connections between calls: kept, watched, dropped, never used once they are in doubt.
#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <thread>

#include "dispatcher_fixture.hpp"
#include "wire/frame.hpp"

namespace understudy::test {
namespace {

constexpr std::string_view from_a = R"(result {"jsonrpc":"2.0","id":"","result":"A"})";
constexpr std::string_view from_b = R"(result {"jsonrpc":"2.0","id":"","result":"B"})";

class dispatcher_connections_test : public dispatcher_test {
 protected:
  /// So many connections to the first server have carried a call, and rest.
  void rest(std::size_t count) {
    fake_step held = fake_result("\"A\"");
    held.hold = true;
    a_.always(held);
    std::vector<std::shared_ptr<running_call>> running;
    for (std::size_t i = 0; i < count; ++i) running.push_back(begin_call(request_body("T@call")));
    run_until([&] { return a_.call_count() == count; });
    a_.always(fake_result("\"A\""));
    a_.release();
    for (const auto& each : running) run_until_answered(each);
  }
  /// Of so many calls at once: how many are answered with this.
  std::size_t answers_of(std::size_t count, std::string_view answer) {
    std::vector<std::shared_ptr<running_call>> running;
    for (std::size_t i = 0; i < count; ++i) running.push_back(begin_call(request_body("T@call")));
    for (const auto& each : running) run_until_answered(each);
    return static_cast<std::size_t>(std::count_if(
        running.begin(), running.end(),
        [&](const auto& each) { return each->result && describe(*each->result) == answer; }));
  }

  fake_server a_{fake_result("\"A\"")};
  fake_server b_{fake_result("\"B\"")};
};

TEST_F(dispatcher_connections_test, one_connection_carries_calls_one_after_another) {
  use({&a_});
  for (int i = 0; i < 20; ++i) ASSERT_EQ(describe(call(request_body("T@call"))), from_a);
  EXPECT_LE(a_.accepted(), 2U);  // one of them for the probe at the start
  EXPECT_EQ(a_.call_count(), 20U);
}

TEST_F(dispatcher_connections_test, the_end_of_an_idle_connection_is_noticed_without_a_call) {
  use({&a_, &b_});
  ASSERT_EQ(describe(call(request_body("T@call"))), from_a);
  run_until([&] { return b_.probe_count() > 0; });
  a_.stop();
  run_until([&] { return state_of(a_) == core::server_state::down; });
  const auto got = call(request_body("T@call"));
  ASSERT_EQ(describe(got), from_b);
  EXPECT_EQ(std::get<net::forwarded>(got).attempts, 1U);
  EXPECT_EQ(std::get<net::forwarded>(got).server, b_.address());
}

TEST_F(dispatcher_connections_test, a_connection_closed_a_moment_ago_costs_no_call) {
  use({&a_});
  for (int i = 0; i < 50; ++i) {
    ASSERT_EQ(describe(call(request_body("T@call"))), from_a);
    a_.drop_connections();  // its FIN is here before the loop turns again
  }
  EXPECT_EQ(a_.call_count(), 50U);
}

TEST_F(dispatcher_connections_test, many_closed_a_moment_ago_cost_no_call_of_a_burst) {
  use({&a_});
  rest(8);
  a_.drop_connections();
  EXPECT_EQ(answers_of(8, from_a), 8U);
  EXPECT_EQ(a_.call_count(), 16U);
}

TEST_F(dispatcher_connections_test, nor_do_bytes_on_many_that_nobody_asked_for) {
  use({&a_});
  rest(8);
  std::string forged;
  wire::append_frame(forged, wire::frame_type::message, fake_result("\"forged\"").answer);
  a_.send_unasked(forged);
  EXPECT_EQ(answers_of(8, from_a), 8U);
  EXPECT_EQ(a_.call_count(), 16U);
}

TEST_F(dispatcher_connections_test, a_server_gone_a_moment_ago_gets_no_call_of_a_burst) {
  use({&a_, &b_});
  rest(8);
  a_.stop();
  EXPECT_EQ(answers_of(8, from_b), 8U);
  EXPECT_EQ(a_.call_count(), 8U);
  EXPECT_EQ(b_.call_count(), 8U);
}

TEST_F(dispatcher_connections_test, bytes_that_nobody_asked_for_are_never_an_answer) {
  use({&a_});
  std::string forged;
  wire::append_frame(forged, wire::frame_type::message, fake_result("\"forged\"").answer);
  for (int i = 0; i < 50; ++i) {
    ASSERT_EQ(describe(call(request_body("T@call"))), from_a);
    a_.send_unasked(forged);
  }
  run_until([&] { return state_of(a_) == core::server_state::up; });
}

TEST_F(dispatcher_connections_test, a_second_answer_is_never_the_next_calls_answer) {
  use({&a_});
  std::string twice;
  wire::append_frame(twice, wire::frame_type::message, fake_result("\"A\"").answer);
  wire::append_frame(twice, wire::frame_type::message, fake_result("\"again\"").answer);
  for (int i = 0; i < 50; ++i) {
    a_.next({fake_raw(twice)});
    ASSERT_EQ(describe(call(request_body("T@call"))), from_a);
  }
}

TEST_F(dispatcher_connections_test, connections_idle_too_long_are_closed_without_suspicion) {
  auto options = quiet_options();
  options.idle_max = 1s;
  use({&a_}, options);
  ASSERT_EQ(describe(call(request_body("T@call"))), from_a);
  run_until([&] { return a_.probe_count() > 0 && a_.open_connections() == 0; });
  EXPECT_EQ(state_of(a_), core::server_state::up);
  EXPECT_EQ(describe(call(request_body("T@call"))), from_a);
}

TEST_F(dispatcher_connections_test, beyond_the_most_connections_calls_are_refused) {
  auto options = quiet_options();
  options.connections_max = 2;
  a_.on_probe(fake_result(R"({"T":{}})"));
  use({&a_}, options);
  ASSERT_EQ(describe(call(request_body("T@call"))), from_a);
  run_until([&] { return learned_.size() == 1; });  // the probe, which takes a place, has ended
  fake_step held = fake_result("\"held\"");
  held.hold = true;
  a_.always(held);
  const auto first = begin_call(request_body("T@call"));
  const auto second = begin_call(request_body("T@call"));
  run_until([&] { return a_.call_count() == 3; });
  const auto third = call(request_body("T@call"));
  EXPECT_EQ(describe(third), "error -32003 not_sent");
  EXPECT_GT(std::get<core::give_up>(third).retry_after, core::duration::zero());
  a_.release();
  run_until_answered(first);
  run_until_answered(second);
  EXPECT_EQ(describe(*first->result), describe(*second->result));
  EXPECT_EQ(a_.call_count(), 3U);
}

TEST_F(dispatcher_connections_test, a_call_that_found_no_connection_goes_elsewhere) {
  auto options = quiet_options();
  options.connections_max = 1;
  for (auto* server : {&a_, &b_}) server->on_probe(fake_result(R"({"T":{}})"));
  use({&a_, &b_}, options);
  run_until([&] { return learned_.size() == 2; });  // the probes have ended
  fake_step held = fake_result("\"held\"");
  held.hold = true;
  a_.always(held);
  const auto first = begin_call(request_body("T@call"));
  run_until([&] { return a_.call_count() == 1; });
  EXPECT_EQ(describe(call(request_body("T@call"))), from_b);
  EXPECT_EQ(state_of(a_), core::server_state::up);
  a_.release();
  run_until_answered(first);
}

TEST_F(dispatcher_connections_test, a_connection_that_is_late_is_a_doubt_and_no_verdict) {
  // A full backlog: the kernel drops the SYN, as a lost packet would be.
  boost::asio::ip::tcp::acceptor deaf(io_);
  deaf.open(boost::asio::ip::tcp::v4());
  deaf.bind({boost::asio::ip::address_v4::loopback(), 0});
  deaf.listen(0);
  std::vector<boost::asio::ip::tcp::socket> fill;
  for (int i = 0; i < 4; ++i) {
    fill.emplace_back(io_).async_connect(deaf.local_endpoint(), [](auto) {});
  }
  auto options = quiet_options();
  options.connect_timeout = 50ms;
  use({}, options);
  core::server_options server;
  server.address = "127.0.0.1:" + std::to_string(deaf.local_endpoint().port());
  dispatcher_->add(server);
  server.address = b_.address();
  server.priority = 1;
  dispatcher_->add(server);
  EXPECT_EQ(describe(call(request_body("T@call"))), from_b);
  EXPECT_EQ(dispatcher_->status()[0].state, core::server_state::suspect);
  EXPECT_EQ(records_of("server_suspect"), 1U);
  EXPECT_EQ(records_of("server_down"), 0U);
  dispatcher_->stop();
  for (auto& socket : fill) socket.close();
  deaf.close();  // resets what still knocks: the probe ends
}

TEST_F(dispatcher_connections_test, a_long_method_name_is_cut_in_records) {
  use({&a_});
  dispatcher_->drain(ids_[0]);
  net::forward request;
  const std::string name = "T@" + std::string(1 << 20, 'x');
  const std::string body = request_body(name);
  request.method = name;
  request.body = body;
  request.deadline = core::time_point::clock::now() + 20s;
  std::optional<net::forward_result> got;
  boost::asio::co_spawn(
      io_, dispatcher_->call(std::move(request)),
      [&](const std::exception_ptr&, net::forward_result result) { got = std::move(result); });
  run_until([&] { return got.has_value(); });
  run_until([&] { return records_of("call_refused") == 1; });
  for (const auto& [name_of, value] : records_.back().evidence) EXPECT_LT(value.size(), 1000U);
}

TEST_F(dispatcher_connections_test, a_server_taken_out_has_no_services_any_more) {
  a_.on_probe(fake_result(R"({"T":{}})"));
  use({&a_});
  run_until([&] { return learned_.size() == 1; });
  dispatcher_->remove(ids_[0]);
  ASSERT_EQ(learned_.size(), 2U);
  EXPECT_TRUE(learned_[1].empty());
}

TEST_F(dispatcher_connections_test, an_answer_says_whether_it_is_an_error) {
  use({&a_});
  EXPECT_EQ(std::get<net::forwarded>(call(request_body("T@call"))).error_code, std::nullopt);
  a_.next({fake_error(0)});
  EXPECT_EQ(std::get<net::forwarded>(call(request_body("T@call"))).error_code, 0);
}

TEST_F(dispatcher_connections_test, a_server_taken_out_under_a_call_still_answers_it) {
  fake_step held = fake_result("\"held\"");
  held.hold = true;
  a_.always(held);
  use({&a_, &b_});
  const auto running = begin_call(request_body("T@call"));
  run_until([&] { return a_.call_count() == 1; });
  dispatcher_->remove(ids_[0]);
  EXPECT_EQ(describe(call(request_body("T@call"))), from_b);
  a_.release();
  run_until_answered(running);
  EXPECT_EQ(describe(*running->result), R"(result {"jsonrpc":"2.0","id":"","result":"held"})");
  run_until([&] { return a_.open_connections() == 0; });
}

TEST_F(dispatcher_connections_test, drained_and_resumed) {
  use({&a_, &b_});
  dispatcher_->drain(ids_[0]);
  EXPECT_EQ(describe(call(request_body("T@call"))), from_b);
  EXPECT_EQ(a_.call_count(), 0U);
  dispatcher_->drain(ids_[1]);
  EXPECT_EQ(describe(call(request_body("T@call"))), "error -32000 not_sent");
  dispatcher_->resume(ids_[1]);
  EXPECT_EQ(describe(call(request_body("T@call"))), from_b);
}

TEST_F(dispatcher_connections_test, probes_tell_what_a_server_offers) {
  a_.on_probe(fake_result(
      R"({"T":{"call":{"parameters":[],"returnType":"string","comment":"/** @idempotent */"}}})"));
  use({&a_});
  run_until([&] { return !learned_.empty(); });
  ASSERT_EQ(learned_[0].size(), 1U);
  EXPECT_EQ(learned_[0][0].name, "T");
  ASSERT_EQ(learned_[0][0].methods.size(), 1U);
  EXPECT_TRUE(learned_[0][0].methods[0].idempotent);
}

TEST_F(dispatcher_connections_test, a_probe_may_be_a_method) {
  auto options = quiet_options();
  options.probe_method = "T@alive";
  use({&a_}, options);
  run_until([&] { return a_.call_count() == 1; });
  EXPECT_EQ(a_.calls()[0].body, request_body("T@alive"));
  EXPECT_EQ(a_.probe_count(), 0U);
}

// A process that was paused finds its probes' timeouts passed, though the server had no chance.
TEST_F(dispatcher_connections_test, a_timeout_that_is_noticed_late_is_no_evidence) {
  auto options = quiet_options();
  options.pool.probe_interval = 10ms;
  options.pool.probe_timeout = 600ms;
  fake_step silent;
  silent.hold = true;
  a_.on_probe(silent);
  use({&a_, &b_}, options);
  for (std::size_t probes = 1; probes <= options.pool.probes_down + 1; ++probes) {
    run_until([&] { return a_.probe_count() >= probes; });
    EXPECT_EQ(records_of("server_down"), 0U);
    std::this_thread::sleep_for(options.pool.probe_timeout + 400ms);
  }
  run_until([&] { return state_of(a_) == core::server_state::down; });  // not paused: in time
  EXPECT_EQ(state_of(b_), core::server_state::up);
}

}  // namespace
}  // namespace understudy::test
