// Calls while no server is there: they wait within bounds, and go when one comes.
#include <algorithm>
#include <boost/asio/co_spawn.hpp>

#include "dispatcher_fixture.hpp"

namespace understudy::test {
namespace {

constexpr std::string_view from_a = R"(result {"jsonrpc":"2.0","id":"","result":"A"})";

class dispatcher_parking_test : public dispatcher_test {
 protected:
  net::dispatcher_options options_ = quiet_options();
  fake_server a_{fake_result("\"A\"")};
};

TEST_F(dispatcher_parking_test, parked_calls_are_answered_when_a_server_comes) {
  options_.pool.limits.start = 200;
  a_.stop();
  use({&a_}, options_);
  std::vector<std::shared_ptr<running_call>> calls;
  for (int i = 0; i < 100; ++i) calls.push_back(begin_call(request_body("T@call")));
  run_until([&] { return dispatcher_->parked() + dispatcher_->queued() == 100; });
  a_.start();
  for (const auto& running : calls) {
    run_until_answered(running);
    EXPECT_EQ(describe(*running->result), from_a);
  }
  EXPECT_EQ(a_.call_count(), 100U);
  EXPECT_EQ(dispatcher_->parked(), 0U);
}

TEST_F(dispatcher_parking_test, a_parked_call_ends_with_its_deadline) {
  a_.stop();
  use({&a_}, options_);
  call_setup setup;
  setup.within = 200ms;
  EXPECT_EQ(describe(call(request_body("T@call"), setup)), "error -32000 not_sent");
  EXPECT_EQ(dispatcher_->parked(), 0U);
}

TEST_F(dispatcher_parking_test, beyond_the_parking_place_calls_are_refused) {
  options_.pool.parked_max = 1;
  a_.stop();
  use({&a_}, options_);
  const auto first = begin_call(request_body("T@call"));
  run_until([&] { return dispatcher_->parked() == 1; });
  EXPECT_EQ(describe(call(request_body("T@call"))), "error -32003 not_sent");
  a_.start();
  run_until_answered(first);
  EXPECT_EQ(describe(*first->result), from_a);
}

TEST_F(dispatcher_parking_test, a_call_that_may_not_park_is_refused_at_once) {
  a_.stop();
  use({&a_}, options_);
  const std::string body = request_body("T@call");
  net::forward request;
  request.method = "T@call";
  request.body = body;
  request.deadline = core::time_point::clock::now() + 1h;
  request.parks = false;
  std::optional<net::forward_result> got;
  boost::asio::co_spawn(
      io_, dispatcher_->call(request),
      [&](const std::exception_ptr&, net::forward_result result) { got = std::move(result); });
  run_until([&] { return got.has_value(); });
  EXPECT_EQ(describe(*got), "error -32000 not_sent");
  EXPECT_EQ(dispatcher_->parked(), 0U);
}

TEST_F(dispatcher_parking_test, stopping_ends_the_wait) {
  a_.stop();
  use({&a_}, options_);
  const auto parked = begin_call(request_body("T@call"));
  run_until([&] { return dispatcher_->parked() == 1; });
  dispatcher_->stop();
  run_until_answered(parked);
  EXPECT_EQ(describe(*parked->result), "error -32000 not_sent");
}

TEST_F(dispatcher_parking_test, stopping_ends_the_wait_for_a_place) {
  options_.pool.limits.start = options_.pool.limits.most = 1;
  fake_step held = fake_result("\"A\"");
  held.hold = true;
  a_.always(held);
  use({&a_}, options_);
  const auto running = begin_call(request_body("T@call"));
  run_until([&] { return a_.call_count() == 1; });
  const auto queued = begin_call(request_body("T@call"));
  run_until([&] { return dispatcher_->queued() == 1; });
  dispatcher_->stop();
  run_until_answered(queued);
  EXPECT_EQ(describe(*queued->result), "error -32000 not_sent");
  a_.release();
  run_until_answered(running);
  EXPECT_EQ(describe(*running->result), from_a);
  EXPECT_EQ(a_.call_count(), 1U);
}

TEST_F(dispatcher_parking_test, stopping_lets_running_calls_end) {
  fake_step held = fake_result("\"A\"");
  held.hold = true;
  a_.always(held);
  use({&a_}, options_);
  const auto running = begin_call(request_body("T@call"));
  run_until([&] { return a_.call_count() == 1; });
  dispatcher_->stop();
  a_.release();
  run_until_answered(running);
  EXPECT_EQ(describe(*running->result), from_a);
}

TEST_F(dispatcher_parking_test, a_dispatcher_destroyed_under_calls_leaks_nothing) {
  fake_step held;
  held.hold = true;
  a_.always(held);
  use({&a_}, options_);
  const auto running = begin_call(request_body("T@call"));
  run_until([&] { return a_.call_count() == 1; });
  dispatcher_.reset();
  a_.stop();
  run_until_answered(running);
  EXPECT_EQ(describe(*running->result), "error -32001 unknown");
}

TEST_F(dispatcher_parking_test, a_name_is_looked_up_before_the_first_call_fails) {
  use({}, options_);
  core::server_options named;
  named.address = "localhost" + a_.address().substr(a_.address().rfind(':'));
  const auto id = dispatcher_->add(named);
  EXPECT_EQ(describe(call(request_body("T@call"))), from_a);
  EXPECT_GE(dispatcher_->status().size(), 1U);
  dispatcher_->remove(id);
  EXPECT_EQ(dispatcher_->status().size(), 0U);
  EXPECT_EQ(describe(call(request_body("T@call"))), "error -32000 not_sent");
}

TEST_F(dispatcher_parking_test, a_name_without_an_address_is_reported_once) {
  use({}, options_);
  core::server_options nameless;
  nameless.address = "no port at all";
  dispatcher_->add(nameless);
  EXPECT_EQ(describe(call(request_body("T@call"))), "error -32000 not_sent");
  EXPECT_EQ(records_of("name_not_found"), 1U);
}

}  // namespace
}  // namespace understudy::test
