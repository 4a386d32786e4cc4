// Two attempts of one call: the first good answer counts, the other one goes on by itself.
#include "dispatcher_fixture.hpp"

namespace understudy::test {
namespace {

constexpr std::string_view from_a = R"(result {"jsonrpc":"2.0","id":"","result":"A"})";
constexpr std::string_view from_b = R"(result {"jsonrpc":"2.0","id":"","result":"B"})";

class dispatcher_hedge_test : public dispatcher_test {
 protected:
  dispatcher_hedge_test() {
    held_.hold = true;
    auto options = quiet_options();
    options.pool.hedge_after = 10ms;
    use({&a_, &b_}, options);
    // Known good, and known to be quick.
    run_until([&] { return a_.probe_count() > 0 && b_.probe_count() > 0; });
    for (int i = 0; i < 20; ++i) EXPECT_EQ(describe(call(request_body("T@call"))), from_a);
  }
  net::forward_result call_idempotent() {
    call_setup setup;
    setup.idempotent = true;
    return call(request_body("T@call"), setup);
  }
  [[nodiscard]] unsigned in_flight(std::size_t server) const {
    return dispatcher_->status()[server].in_flight;
  }

  fake_server a_{fake_result("\"A\"")};
  fake_server b_{fake_result("\"B\"")};
  fake_step held_ = fake_result("\"A\"");
};

TEST_F(dispatcher_hedge_test, an_idempotent_call_that_hangs_is_answered_by_another_server) {
  a_.next({held_});
  const auto got = call_idempotent();
  EXPECT_EQ(describe(got), from_b);
  EXPECT_EQ(std::get<net::forwarded>(got).attempts, 2U);
  EXPECT_EQ(in_flight(0), 1U) << "the first attempt goes on";
  a_.release();
  run_until([&] { return in_flight(0) == 0; });
  EXPECT_EQ(describe(call(request_body("T@call"))), from_a);
}

TEST_F(dispatcher_hedge_test, the_connection_of_an_unwanted_answer_is_used_again) {
  const auto before = a_.accepted();
  a_.next({held_});
  EXPECT_EQ(describe(call_idempotent()), from_b);
  a_.release();
  run_until([&] { return in_flight(0) == 0; });
  for (int i = 0; i < 5; ++i) EXPECT_EQ(describe(call(request_body("T@call"))), from_a);
  EXPECT_LE(a_.accepted(), before + 1);  // at most a probe's
}

TEST_F(dispatcher_hedge_test, the_first_attempt_may_still_win) {
  a_.next({held_});
  b_.next({held_});
  call_setup setup;
  setup.idempotent = true;
  const auto running = begin_call(request_body("T@call"), setup);
  run_until([&] { return b_.call_count() == 1; });
  a_.release();
  run_until_answered(running);
  EXPECT_EQ(describe(*running->result), from_a);
  b_.release();
  run_until([&] { return in_flight(1) == 0; });
}

TEST_F(dispatcher_hedge_test, a_call_that_may_not_be_repeated_is_not_hedged) {
  a_.next({held_});
  const auto running = begin_call(request_body("T@call"));
  run_until([&] { return a_.call_count() == 21; });
  const auto until = std::chrono::steady_clock::now() + 200ms;
  run_until([&] { return std::chrono::steady_clock::now() > until; });
  EXPECT_EQ(b_.call_count(), 0U);
  a_.release();
  run_until_answered(running);
  EXPECT_EQ(describe(*running->result), from_a);
}

TEST_F(dispatcher_hedge_test, if_the_second_fails_the_first_is_waited_for) {
  a_.next({held_});
  fake_step lost;
  lost.write_only = 0;
  b_.next({lost});
  call_setup setup;
  setup.idempotent = true;
  const auto running = begin_call(request_body("T@call"), setup);
  run_until([&] { return b_.call_count() == 1 && in_flight(1) == 0; });
  EXPECT_FALSE(running->result);
  a_.release();
  run_until_answered(running);
  EXPECT_EQ(describe(*running->result), from_a);
}

TEST_F(dispatcher_hedge_test, files_go_with_both_attempts) {
  a_.next({held_});
  call_setup setup;
  setup.idempotent = true;
  setup.files = {"one", "two"};
  EXPECT_EQ(describe(call(request_body("T@call"), setup)), from_b);
  ASSERT_EQ(b_.call_count(), 1U);
  EXPECT_EQ(b_.calls()[0].files, (std::vector<std::string>{"one", "two"}));
  a_.release();
  run_until([&] { return in_flight(0) == 0; });
}

// What is left on its own must end with the dispatcher: the fixture checks that.
TEST_F(dispatcher_hedge_test, stop_ends_attempts_that_nobody_waits_for) {
  a_.next({held_});
  EXPECT_EQ(describe(call_idempotent()), from_b);
  EXPECT_EQ(in_flight(0), 1U);
  dispatcher_->stop();
  run_until([&] { return in_flight(0) == 0; });
}

// A method that fails on one server is tried there with copies of calls that the other one answers.
TEST_F(dispatcher_hedge_test, copies_bring_a_method_back) {
  a_.always(fake_error(code::internal_error));
  run_until([&] {
    (void)call_idempotent();
    return records_of("method_away") == 1;
  });
  EXPECT_EQ(describe(call_idempotent()), from_b);
  a_.always(fake_result("\"A\""));
  run_until([&] {
    EXPECT_EQ(describe(call_idempotent()), from_b) << "no caller gets a copy's answer";
    return records_of("method_returning") == 1 || HasFailure();
  });
}

}  // namespace
}  // namespace understudy::test
