// What a caller gets, and how often each server runs the call, for each way a server can fail.
// A (priority 0) misbehaves, B (priority 1) answers "B".
#include <ostream>

#include "dispatcher_fixture.hpp"
#include "wire/frame.hpp"

namespace understudy::test {
namespace {

constexpr std::string_view from_a = R"(result {"jsonrpc":"2.0","id":"","result":"A"})";
constexpr std::string_view from_b = R"(result {"jsonrpc":"2.0","id":"","result":"B"})";
constexpr std::string_view unknown = "error -32001 unknown";

/// What the caller gets, and how often A and B ran the call.
struct expectation {
  std::string got;
  std::size_t a;
  std::size_t b;
};

struct behaviour {
  std::string name;
  fake_step step;
  expectation once;        ///< not idempotent
  expectation repeatable;  ///< idempotent
};

std::ostream& operator<<(std::ostream& out, const behaviour& which) {
  return out << which.name;
}

fake_step changed(fake_step step, const std::function<void(fake_step&)>& change) {
  change(step);
  return step;
}

std::string frame(std::string_view body) {
  std::string out;
  wire::append_frame(out, wire::frame_type::message, body);
  return out;
}

std::string error_of(std::int64_t code) {
  return "result " + fake_error(code).answer;
}

std::vector<behaviour> lost_or_unreadable() {
  const expectation kept{std::string(unknown), 1, 0};
  const expectation moved{std::string(from_b), 1, 1};
  const auto good = fake_result("\"A\"");
  const std::vector<std::pair<std::string, fake_step>> steps = {
      {"closes_after_reading", changed(good, [](auto& s) { s.write_only = 0; })},
      {"resets_after_reading", changed(good, [](auto& s) { s.write_only = 0, s.reset = true; })},
      {"half_a_header", changed(good, [](auto& s) { s.write_only = 4; })},
      {"half_an_answer", changed(good, [](auto& s) { s.write_only = 20; })},
      {"half_an_answer_then_reset",
       changed(good, [](auto& s) { s.write_only = 20, s.reset = true; })},
      {"garbage", fake_raw("\x16\x03\x01 this is no frame at all")},
      {"speaks_http", fake_raw("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")},
      {"empty_frame", fake_answer("")},
      {"zero_body", fake_answer("0")},
      {"not_json", fake_answer("<br />Fatal error: something")},
      {"neither_result_nor_error", fake_answer(R"({"jsonrpc":"2.0","id":""})")},
      {"code_is_no_int", fake_answer(R"({"error":{"code":"HY000","message":"x","data":null}})")},
      {"file_then_end",
       changed(fake_raw(std::string("\0\0\0\3\0\0\0\1abc", 11)), [](auto& s) { s.close = true; })},
  };
  std::vector<behaviour> all;
  for (const auto& [name, step] : steps) all.push_back({name, step, kept, moved});
  return all;
}

std::vector<behaviour> answers() {
  std::vector<behaviour> all;
  const expectation a{std::string(from_a), 1, 0};
  const auto good = fake_result("\"A\"");
  all.push_back({"answers", good, a, a});
  all.push_back({"answers_then_closes", changed(good, [](auto& s) { s.close = true; }), a, a});
  all.push_back({"answers_twice", fake_raw(frame(good.answer) + frame(good.answer)), a, a});
  for (const std::int64_t code : {-32603, -32000, -32003, 10500}) {
    const expectation kept{error_of(code), 1, 0};
    const expectation moved{std::string(from_b), 1, 1};
    all.push_back(
        {"fault_" + std::to_string(code < 0 ? -code : code), fake_error(code), kept, moved});
  }
  // -32004 is among the pool's fault codes here, and still no fault.
  for (const std::int64_t code :
       {0, 42, -32700, -32601, -32602, -32001, -32002, -32004, -32005, -32011, -32012}) {
    const expectation kept{error_of(code), 1, 0};
    all.push_back(
        {"error_" + std::to_string(code < 0 ? -code : code), fake_error(code), kept, kept});
  }
  return all;
}

class dispatcher_behaviour_test : public dispatcher_test,
                                  public testing::WithParamInterface<behaviour> {
 protected:
  void check(bool idempotent, const expectation& expected) {
    fake_server a(GetParam().step);
    fake_server b(fake_result("\"B\""));
    auto options = quiet_options();
    options.fault_codes = {10500, -32004};
    use({&a, &b}, options);
    call_setup setup;
    setup.idempotent = idempotent;
    EXPECT_EQ(describe(call(request_body("T@call"), setup)), expected.got);
    EXPECT_EQ(a.call_count(), expected.a);
    EXPECT_EQ(b.call_count(), expected.b);
  }
};

TEST_P(dispatcher_behaviour_test, not_idempotent) {
  check(false, GetParam().once);
}
TEST_P(dispatcher_behaviour_test, idempotent) {
  check(true, GetParam().repeatable);
}

const auto name_of = [](const auto& info) { return info.param.name; };
INSTANTIATE_TEST_SUITE_P(unknown, dispatcher_behaviour_test,
                         testing::ValuesIn(lost_or_unreadable()), name_of);
INSTANTIATE_TEST_SUITE_P(answered, dispatcher_behaviour_test, testing::ValuesIn(answers()),
                         name_of);

TEST_F(dispatcher_test, refused_is_not_sent_and_tried_elsewhere) {
  fake_server a;
  fake_server b(fake_result("\"B\""));
  a.stop();
  use({&a, &b});
  EXPECT_EQ(describe(call(request_body("T@call"))), from_b);
  EXPECT_EQ(a.call_count(), 0U);
  EXPECT_EQ(b.call_count(), 1U);
}

// The kernel completes the connection and may take the request before the reset comes: then it is
// unknown, although nothing ran. Either way the call is never handed to B after it may have left.
TEST_F(dispatcher_test, a_connection_reset_at_accept_never_runs_a_call_twice) {
  fake_server a;
  fake_server b(fake_result("\"B\""));
  a.reject_connections(true);
  use({&a, &b});
  const auto got = describe(call(request_body("T@call")));
  EXPECT_TRUE(got == from_b || got == unknown) << got;
  EXPECT_EQ(a.call_count(), 0U);
  EXPECT_EQ(b.call_count(), got == from_b ? 1U : 0U);
  call_setup repeatable;
  repeatable.idempotent = true;
  EXPECT_EQ(describe(call(request_body("T@call"), repeatable)), from_b);
}

TEST_F(dispatcher_test, a_server_that_hangs_costs_the_deadline_and_no_second_run) {
  fake_server a(changed(fake_step(), [](auto& s) { s.hold = true; }));
  fake_server b;
  use({&a, &b});
  call_setup setup;
  setup.within = 100ms;
  EXPECT_EQ(describe(call(request_body("T@call"), setup)), unknown);
  setup.idempotent = true;
  EXPECT_EQ(describe(call(request_body("T@call"), setup)), "error -32002 unknown");
  EXPECT_EQ(a.call_count(), 2U);
  EXPECT_EQ(b.call_count(), 0U);
  // An answer that comes late is nobody's.
  a.always(fake_result("\"new\""));
  a.release();
  EXPECT_EQ(describe(call(request_body("T@call"))),
            R"(result {"jsonrpc":"2.0","id":"","result":"new"})");
}

TEST_F(dispatcher_test, an_answer_beyond_the_limits_is_not_repeated) {
  auto options = quiet_options();
  options.limits.message_bytes_max = 1000;
  fake_server a(fake_result("\"" + std::string(1000, 'x') + "\""));
  fake_server b;
  use({&a, &b}, options);
  call_setup setup;
  setup.idempotent = true;
  EXPECT_EQ(describe(call(request_body("T@call"), setup)), "error -32005 unknown");
  EXPECT_EQ(a.call_count(), 1U);
  EXPECT_EQ(b.call_count(), 0U);
}

TEST_F(dispatcher_test, a_call_that_kills_connections_is_not_tried_a_third_time) {
  const auto kills = changed(fake_step(), [](auto& s) { s.write_only = 0; });
  fake_server a(kills);
  fake_server b(kills);
  fake_server c(kills);
  use({&a, &b, &c});
  call_setup setup;
  setup.idempotent = true;
  EXPECT_EQ(describe(call(request_body("T@call"), setup)), unknown);
  EXPECT_EQ(a.call_count() + b.call_count() + c.call_count(), 2U);
}

TEST_F(dispatcher_test, repeats_end_with_the_retry_budget) {
  auto options = quiet_options();
  options.pool.retry_tokens_max = 2;
  options.pool.retry_ratio = 0;
  fake_server a(fake_error(-32603));
  fake_server b(fake_result("\"B\""));
  use({&a, &b}, options);
  call_setup setup;
  setup.idempotent = true;
  std::size_t repeated = 0;
  for (int i = 0; i < 5; ++i) {
    if (describe(call(request_body("T@call"), setup)) == from_b && a.call_count() > repeated) {
      ++repeated;
    }
  }
  EXPECT_LE(a.call_count() + b.call_count(), 5U + 2U);
  EXPECT_GE(a.call_count(), 3U);
}

TEST_F(dispatcher_test, bytes_pass_as_they_came) {
  const std::string odd = R"({ "method" : "T@call","id":18446744073709551616, )"
                          R"("params":[1.0,1e400,"\/é",{"b":1,"a":2}]})";
  const std::string answer = R"({"result":{"z":1.0,"a":1e400} ,"id":"", "jsonrpc":"2.0"})";
  fake_server a(fake_answer(answer));
  use({&a});
  EXPECT_EQ(describe(call(odd)), "result " + answer);
  ASSERT_EQ(a.call_count(), 1U);
  EXPECT_EQ(a.calls()[0].body, odd);
}

}  // namespace
}  // namespace understudy::test
