// Calls find their pool: by configured and learned services, by address, across a reload.
#include "app/router_fixture.hpp"

namespace understudy::app {
namespace {

TEST_F(router_test, configured_services_go_to_their_pools) {
  add_pool("orders", {"OrderInterface"});
  add_pool("users", {"UserInterface"});
  start();
  EXPECT_EQ(result_of(call("OrderInterface@get")), "\"orders\"");
  EXPECT_EQ(result_of(call("UserInterface@get")), "\"users\"");
  EXPECT_EQ(pool("orders")->calls, std::vector<std::string>{R"({"method":"OrderInterface@get"})"});
  EXPECT_EQ(reports, (std::vector<std::string>{"orders OrderInterface@get result",
                                               "users UserInterface@get result"}));
}

TEST_F(router_test, an_unknown_service_is_told_in_the_real_servers_words) {
  add_pool("orders", {"OrderInterface"});
  start();
  const routed answer = call("Nope@get");
  EXPECT_EQ(answer.body, R"({"jsonrpc":"2.0","id":"","error":{"code":-32601,)"
                         R"("message":"Service Nope is not founded!","data":null}})");
  EXPECT_TRUE(answer.own);
  EXPECT_EQ(answer.code, code::method_not_found);
  EXPECT_TRUE(pool("orders")->calls.empty());
  EXPECT_EQ(reports, std::vector<std::string>{" Nope@get -32601 own"});
}

TEST_F(router_test, learned_services_go_to_their_pools) {
  add_pool("orders");
  add_pool("users");
  start();
  pool("orders")->tell({"OrderInterface"});
  pool("users")->tell({"UserInterface"});
  EXPECT_EQ(result_of(call("OrderInterface@get")), "\"orders\"");
  EXPECT_EQ(result_of(call("UserInterface@get")), "\"users\"");
  EXPECT_EQ(result_of(call("Nope@get")), "-32601");
}

TEST_F(router_test, the_only_pool_gets_the_call_while_nothing_is_learned) {
  add_pool("orders");
  start();
  EXPECT_EQ(result_of(call("OrderInterface@get")), "\"orders\"");
  pool("orders")->tell({"UserInterface"});
  EXPECT_EQ(result_of(call("OrderInterface@get")), "-32601");
}

TEST_F(router_test, a_call_waits_for_the_services_to_be_learned) {
  add_pool("orders");
  add_pool("users");
  start();
  pending waiting;
  begin(waiting, "OrderInterface@get");
  EXPECT_FALSE(waiting.answer);
  pool("users")->tell({"UserInterface"});  // the other one may still be it
  context.poll();
  EXPECT_FALSE(waiting.answer);
  pool("orders")->tell({"OrderInterface"});
  finish(waiting);
  ASSERT_TRUE(waiting.answer);
  EXPECT_EQ(result_of(*waiting.answer), "\"orders\"");
}

TEST_F(router_test, a_service_is_not_denied_while_a_pool_has_said_nothing) {
  add_pool("orders");
  add_pool("users");
  start();
  pool("users")->tell({"UserInterface"});
  const routed answer = call("OrderInterface@get");  // after learn_wait
  EXPECT_EQ(answer.code, code::no_server);
  EXPECT_NE(answer.body.find("\"retry\":true"), std::string::npos) << answer.body;
}

TEST_F(router_test, a_service_of_two_pools_stays_with_the_first_and_is_told) {
  add_pool("first");
  add_pool("second");
  start();
  pool("second")->tell({"A"});
  pool("first")->tell({"A"});
  EXPECT_EQ(result_of(call("A@get")), "\"first\"");
  ASSERT_EQ(records.size(), 1U);
  EXPECT_EQ(records[0].kind, "service_conflict");
}

TEST_F(router_test, a_pool_with_an_address_of_its_own_is_there_alone) {
  add_pool("shared", {"A"});
  add_pool("own", {"A", "B"}, "127.0.0.1:0");
  start();
  EXPECT_EQ(result_of(call("A@get")), "\"shared\"");
  EXPECT_EQ(result_of(call("B@get")), "-32601");
  EXPECT_EQ(result_of(call("A@get", "own")), "\"own\"");
  EXPECT_EQ(result_of(call("C@get", "own")), "-32601");
  EXPECT_EQ(result_of(call("A@get", "gone")), "-32601");
}

TEST_F(router_test, descriptions_of_the_shared_pools_are_merged_as_received) {
  add_pool("orders");
  add_pool("users");
  add_pool("own", {}, "127.0.0.1:0");
  start();
  pool("orders")->tell({"OrderInterface"});
  pool("users")->tell({"UserInterface"});
  pool("own")->tell({"OwnInterface"});
  EXPECT_EQ(result_of(call("@action_interface")),
            R"({"OrderInterface":{"get":{}},"UserInterface":{"get":{}}})");
  EXPECT_EQ(result_of(call("@action_interface", "own")), R"({"OwnInterface":{"get":{}}})");
}

TEST_F(router_test, a_pool_that_was_not_described_yet_is_asked) {
  add_pool("orders");
  start();
  pool("orders")->answer = [](const net::forward& request) {
    net::forwarded done;
    if (request.body == "@action_interface") {
      done.body = R"({"jsonrpc":"2.0","id":"","result":{"A":{"get":{"x": 1.0}}}})";
    }
    return done;
  };
  EXPECT_EQ(result_of(call("@action_interface")), R"({"A":{"get":{"x": 1.0}}})");
  EXPECT_EQ(pool("orders")->idempotent, std::vector<bool>{true});
  EXPECT_EQ(routes->status()[0].services, std::vector<std::string>{"A"});
}

TEST_F(router_test, without_any_description_there_is_an_error_and_no_empty_list) {
  add_pool("orders");
  start();
  pool("orders")->answer = [](const net::forward&) { return core::give_up{}; };
  const routed answer = call("@action_interface");
  EXPECT_TRUE(answer.own);
  EXPECT_EQ(answer.code, code::no_server);
}

TEST_F(router_test, methods_are_idempotent_by_pattern_or_comment) {
  pool_config& orders = add_pool("orders");
  orders.idempotent = {"A@find*"};
  start();
  pool("orders")->tell({"A"}, true);
  call("A@findAll");
  call("A@GET");
  call("A@place");
  EXPECT_EQ(pool("orders")->idempotent, (std::vector<bool>{true, true, false}));
}

TEST_F(router_test, an_own_error_says_whether_to_repeat) {
  add_pool("orders");
  start();
  core::give_up given_up;
  given_up.code = code::overloaded;
  given_up.message = "Too much.";
  given_up.retry_after = 1500us;
  pool("orders")->answer = [&](const net::forward&) { return given_up; };
  routed answer = call("A@get");
  EXPECT_EQ(answer.body, R"({"jsonrpc":"2.0","id":"","error":{"code":-32003,"message":"Too much.",)"
                         R"("data":{"retry":true,"retry_after_ms":2}}})");
  EXPECT_EQ(answer.retry_after_ms, 2);
  given_up.code = code::outcome_unknown;
  given_up.sent = delivery::unknown;
  given_up.retry_after = 0s;
  answer = call("A@get");
  EXPECT_NE(answer.body.find(R"("data":{"retry":false}})"), std::string::npos) << answer.body;
  EXPECT_TRUE(answer.own);
}

TEST_F(router_test, an_error_of_a_service_passes_as_it_came) {
  add_pool("orders");
  start();
  net::forwarded done;
  done.body = R"({"id":1,"error":{"code":42,"message":"x","data":1.0}})";
  done.error_code = 42;
  pool("orders")->answer = [&](const net::forward&) { return done; };
  const routed answer = call("A@get");
  EXPECT_EQ(answer.body, done.body);
  EXPECT_FALSE(answer.own);
  EXPECT_EQ(reports, std::vector<std::string>{"orders A@get 42"});
}

TEST_F(router_test, a_reload_leaves_alone_what_is_the_same) {
  add_pool("same");
  add_pool("gone");
  start();
  pool("same")->tell({"A"});
  const auto same = pool("same");
  const auto gone = pool("gone");
  config.pools.pop_back();
  config.pools[0].servers.push_back(test::server_at("same:2"));
  add_pool("fresh", {"F"});
  routes->configure(config);
  EXPECT_EQ(made["same"].size(), 1U);
  EXPECT_EQ(same->addresses(), (std::vector<std::string>{"same:1", "same:2"}));
  EXPECT_FALSE(gone->running);
  EXPECT_TRUE(pool("fresh")->running);
  EXPECT_EQ(result_of(call("A@get")), "\"same\"");
  EXPECT_EQ(result_of(call("F@get")), "\"fresh\"");
  EXPECT_EQ(routes->status().size(), 2U);
}

TEST_F(router_test, changed_settings_take_a_new_dispatcher_with_the_same_servers) {
  add_pool("orders");
  start();
  pool("orders")->tell({"A"});
  EXPECT_EQ(routes->drain("orders", "orders:1"), std::nullopt);
  EXPECT_EQ(routes->put_server(std::chrono::steady_clock::now(), "orders",
                               test::server_at("more:1"), 10s),
            std::nullopt);
  const auto old = pool("orders");
  config.pools[0].options.ramp = 1s;
  routes->configure(config);
  ASSERT_EQ(made["orders"].size(), 2U);
  EXPECT_FALSE(old->running);
  EXPECT_TRUE(pool("orders")->running);
  ASSERT_EQ(pool("orders")->addresses(), (std::vector<std::string>{"more:1", "orders:1"}));
  EXPECT_EQ(pool("orders")->status()[1].state, core::server_state::drained);
  EXPECT_EQ(result_of(call("A@get")), "\"orders\"");
  EXPECT_TRUE(old->calls.empty());
}

TEST_F(router_test, a_registration_expires_by_itself) {
  add_pool("orders");
  start();
  EXPECT_EQ(
      routes->put_server(std::chrono::steady_clock::now(), "orders", test::server_at("b:1"), 100ms),
      std::nullopt);
  EXPECT_EQ(pool("orders")->addresses().size(), 2U);
  const auto end = std::chrono::steady_clock::now() + 20s;
  while (pool("orders")->addresses().size() > 1 && std::chrono::steady_clock::now() < end) {
    context.restart();
    context.run_one_for(1s);
  }
  EXPECT_EQ(pool("orders")->addresses(), std::vector<std::string>{"orders:1"});
  EXPECT_EQ(records.back().kind, "registration_expired");
}

TEST_F(router_test, administration_of_a_pool_that_is_not_there_is_refused) {
  add_pool("orders");
  start();
  for (const router::refusal& refused :
       {routes->drain("x", "a:1"), routes->resume("x", "a:1"),
        routes->put_server(std::chrono::steady_clock::now(), "x", test::server_at("a:1"), 10s),
        routes->remove_server("x", "a:1")}) {
    ASSERT_TRUE(refused);
    EXPECT_EQ(refused->sentence, "There is no pool x.");
    EXPECT_TRUE(refused->unknown);
  }
}

TEST_F(router_test, an_error_of_code_0_is_reported_as_one) {
  add_pool("orders");
  start();
  net::forwarded done;
  done.body = R"({"error":{"code":0,"message":"x"}})";
  done.error_code = 0;
  pool("orders")->answer = [&](const net::forward&) { return done; };
  call("A@get");
  EXPECT_EQ(reports, std::vector<std::string>{"orders A@get 0"});
}

TEST_F(router_test, a_wait_for_services_ends_with_the_deadline) {
  add_pool("orders");
  add_pool("users");
  start();
  pool("users")->tell({"UserInterface"});
  pending patient;
  begin(patient, "A@get");
  pending hurried;
  hurried.body = R"({"method":"A@get"})";
  begin_body(hurried, "", 1ms);
  finish(hurried);
  ASSERT_TRUE(hurried.answer);
  EXPECT_EQ(hurried.answer->code, code::no_server);
  EXPECT_FALSE(patient.answer);  // it came first, and waits longer
  finish(patient);
}

TEST_F(router_test, a_service_that_moved_is_found_where_it_is) {
  add_pool("first");
  add_pool("second");
  start();
  pool("first")->tell({"A"});
  pool("second")->tell({"B"});
  pool("first")->tell_gone();
  EXPECT_EQ(result_of(call("A@get")), "\"first\"") << "nobody else has it: it may be down";
  pool("second")->tell({"A", "B"});
  EXPECT_EQ(result_of(call("A@get")), "\"second\"");
  EXPECT_TRUE(records.empty()) << records[0].kind;
}

TEST_F(router_test, a_long_name_is_cut_in_messages) {
  add_pool("orders", {"A"});
  start();
  const routed answer = call(std::string(1 << 20, 'x') + "@get");
  EXPECT_EQ(answer.code, code::method_not_found);
  EXPECT_LT(answer.body.size(), 1000U);
}

}  // namespace
}  // namespace understudy::app
