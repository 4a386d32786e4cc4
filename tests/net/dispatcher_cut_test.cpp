// The exchange is cut at each of its bytes: every time the caller learns the truth, and a call that
// may not be repeated never is.
#include "dispatcher_fixture.hpp"
#include "wire/frame.hpp"

namespace understudy::test {
namespace {

constexpr std::string_view from_b = R"(result {"jsonrpc":"2.0","id":"","result":"B"})";

class dispatcher_cut_test : public dispatcher_test {
 protected:
  dispatcher_cut_test() {
    auto options = quiet_options();
    options.pool.hold_down = 0s;
    options.pool.ramp = 0s;
    options.pool.lost_max = 1000;
    use({&a_, &b_}, options);
    body_ = request_body("T@call", "[\"payload\"]");
  }

  /// One call with A cutting as `step` says; A is up when it begins.
  std::string cut(const fake_step& step, bool idempotent) {
    dispatcher_->resume(ids_.front());  // the method would be left for good reason
    run_until([&] { return state_of(a_) == core::server_state::up; });
    a_.next({step});
    before_a_ = a_.call_count();
    before_b_ = b_.call_count();
    call_setup setup;
    setup.idempotent = idempotent;
    return describe(call(body_, setup));
  }
  [[nodiscard]] std::size_t ran_on_a() const { return a_.call_count() - before_a_; }
  [[nodiscard]] std::size_t ran_on_b() const { return b_.call_count() - before_b_; }

  fake_server a_;
  fake_server b_{fake_result("\"B\"")};
  std::string body_;
  std::size_t before_a_ = 0;
  std::size_t before_b_ = 0;
};

class dispatcher_cut_request_test : public dispatcher_cut_test,
                                    public testing::WithParamInterface<bool> {};

TEST_P(dispatcher_cut_request_test, at_each_byte_of_the_request) {
  const bool reset = GetParam();
  const auto bytes = wire::frame_header_bytes + body_.size();
  for (std::size_t n = 0; n <= bytes; ++n) {
    SCOPED_TRACE(n);
    fake_step step;
    step.read_only = n;
    step.reset = reset;
    EXPECT_EQ(cut(step, false), "error -32001 unknown");
    EXPECT_EQ(ran_on_a(), n == bytes ? 1U : 0U);
    EXPECT_EQ(ran_on_b(), 0U);
    EXPECT_EQ(cut(step, true), from_b);
    EXPECT_EQ(ran_on_b(), 1U);
    if (HasFailure()) return;
  }
}

TEST_P(dispatcher_cut_request_test, at_each_byte_of_the_answer) {
  const bool reset = GetParam();
  const fake_step good;
  const auto bytes = wire::frame_header_bytes + good.answer.size();
  for (std::size_t n = 0; n < bytes; ++n) {
    SCOPED_TRACE(n);
    fake_step step;
    step.write_only = n;
    step.reset = reset;
    EXPECT_EQ(cut(step, false), "error -32001 unknown");
    EXPECT_EQ(ran_on_a(), 1U);
    EXPECT_EQ(ran_on_b(), 0U);
    EXPECT_EQ(cut(step, true), from_b);
    EXPECT_EQ(ran_on_a(), 1U);
    EXPECT_EQ(ran_on_b(), 1U);
    if (HasFailure()) return;
  }
}

INSTANTIATE_TEST_SUITE_P(end, dispatcher_cut_request_test, testing::Bool(),
                         [](const auto& each) { return each.param ? "rst" : "fin"; });

}  // namespace
}  // namespace understudy::test
