// What holds for a call on its way: wishes, deadlines, another dispatcher after a reload.
#include "app/router_fixture.hpp"

namespace understudy::app {
namespace {

TEST_F(router_test, wishes_are_granted_or_refused_before_anything_is_sent) {
  add_pool("orders");
  start();
  EXPECT_EQ(result_of(ask(R"({"mode":"durable"})")), "-32004");
  const routed refused = ask(R"({"call":"c-1-1"})");
  EXPECT_EQ(result_of(refused), "-32602");
  EXPECT_TRUE(refused.own);
  EXPECT_NE(refused.body.find(R"("data":{"retry":false})"), std::string::npos) << refused.body;
  EXPECT_TRUE(pool("orders")->calls.empty());
  EXPECT_EQ(reports, (std::vector<std::string>{" A@get -32004 own", " A@get -32602 own"}));
  EXPECT_EQ(result_of(ask(R"({"mode":"direct"})")), "\"orders\"");
  EXPECT_EQ(pool("orders")->calls[0],
            R"({"method":"A@get","context":{"understudy":{"mode":"direct"}}})");
}

TEST_F(router_test, a_callers_deadline_shortens_and_never_lengthens) {
  add_pool("orders");
  config.deadline = 1h;
  start();
  const auto before = std::chrono::steady_clock::now();
  ask("{}");
  ask(R"({"deadline_ms":60000})");
  ask(R"({"deadline_ms":9223372036854775807})");
  ask(R"({"deadline_ms":1800000})", 60s);
  ask(R"({"deadline_ms":60000})", 30min);
  const auto& deadlines = pool("orders")->deadlines;
  EXPECT_GE(deadlines[0], before + 1h);
  EXPECT_LT(deadlines[1], deadlines[0] - 30min);
  EXPECT_GE(deadlines[2], before + 1h);
  EXPECT_LT(deadlines[2] - before, 2h);
  EXPECT_LT(deadlines[3], deadlines[0] - 30min);
  EXPECT_LT(deadlines[4], deadlines[0] - 30min);
  EXPECT_EQ(pool("orders")->hurried, (std::vector<bool>{false, true, false, true, true}));
}

TEST_F(router_test, what_was_not_sent_moves_to_the_new_dispatcher) {
  add_pool("orders");
  start();
  core::give_up stopped;
  stopped.code = code::no_server;
  const auto reload = [&](const net::forward&) {
    config.pools[0].options.ramp += 1s;
    routes->configure(config);  // as if it happened while the call was parked
    return stopped;
  };
  pool("orders")->answer = reload;
  EXPECT_EQ(result_of(call("A@get")), "\"orders\"");
  ASSERT_EQ(made["orders"].size(), 2U);
  EXPECT_EQ(made["orders"][0]->calls, made["orders"][1]->calls);
  EXPECT_EQ(reports, std::vector<std::string>{"orders A@get result"});

  stopped.sent = delivery::unknown;  // that is never repeated blindly
  pool("orders")->answer = reload;
  EXPECT_EQ(call("A@get").code, code::no_server);
  ASSERT_EQ(made["orders"].size(), 3U);
  EXPECT_TRUE(made["orders"][2]->calls.empty());
}

}  // namespace
}  // namespace understudy::app
