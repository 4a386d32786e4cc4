// Many calls at once, and servers that die under them.
#include <map>

#include "dispatcher_fixture.hpp"

namespace understudy::test {
namespace {

class dispatcher_load_test : public dispatcher_test {
 protected:
  std::vector<std::shared_ptr<running_call>> burst(int calls, bool idempotent) {
    std::vector<std::shared_ptr<running_call>> running;
    for (int i = 0; i < calls; ++i) {
      call_setup setup;
      setup.idempotent = idempotent;
      running.push_back(
          begin_call(request_body("T@call", "[" + std::to_string(made_++) + "]"), setup));
    }
    return running;
  }

  /// How often each call ran, on both servers together.
  [[nodiscard]] std::map<std::string, int> runs() const {
    std::map<std::string, int> counts;
    for (const auto* server : {&a_, &b_}) {
      for (const auto& ran : server->calls()) ++counts[ran.body];
    }
    return counts;
  }

  int made_ = 0;
  fake_server a_{fake_result("\"A\"")};
  fake_server b_{fake_result("\"B\"")};
};

TEST_F(dispatcher_load_test, many_calls_at_once_each_run_once) {
  use({&a_, &b_});
  const auto running = burst(500, false);
  for (const auto& call : running) {
    run_until_answered(call);
    EXPECT_TRUE(std::holds_alternative<net::forwarded>(*call->result)) << describe(*call->result);
  }
  const auto counts = runs();
  EXPECT_EQ(counts.size(), 500U);
  for (const auto& [body, times] : counts) EXPECT_EQ(times, 1) << body;
}

class dispatcher_kill_test : public dispatcher_load_test,
                             public testing::WithParamInterface<bool> {};

TEST_P(dispatcher_kill_test, a_server_killed_under_a_burst) {
  const bool idempotent = GetParam();
  use({&a_, &b_});
  std::map<std::string, std::string> got;
  std::vector<std::shared_ptr<running_call>> all;
  for (int round = 0; round < 10; ++round) {
    const auto running = burst(50, idempotent);
    all.insert(all.end(), running.begin(), running.end());
    if (round == 5) {
      run_until([&] { return a_.call_count() > 260; });
      a_.stop();
    }
    for (const auto& call : running) run_until_answered(call);
  }
  const auto counts = runs();
  std::size_t failed = 0;
  for (const auto& call : all) {
    const auto found = counts.find(call->body);
    const int times = found == counts.end() ? 0 : found->second;
    if (std::holds_alternative<net::forwarded>(*call->result)) {
      EXPECT_GE(times, 1) << "answered, but it never ran";
    } else {
      ++failed;
      EXPECT_EQ(describe(*call->result), "error -32001 unknown");
    }
    EXPECT_LE(times, idempotent ? 2 : 1) << call->body;
  }
  if (idempotent) {
    EXPECT_EQ(failed, 0U);
  }
  EXPECT_EQ(state_of(a_), core::server_state::down);
  EXPECT_GE(b_.call_count(), 200U);
}

INSTANTIATE_TEST_SUITE_P(calls, dispatcher_kill_test, testing::Bool(), [](const auto& each) {
  return each.param ? "idempotent" : "not_idempotent";
});

}  // namespace
}  // namespace understudy::test
