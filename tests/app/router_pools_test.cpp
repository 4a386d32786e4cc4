// Calls find their pool: by configured and learned services, by address, across a reload.
#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <map>
#include <optional>

#include "app/pool_router.hpp"
#include "app/router_support.hpp"
#include "understudy/error.hpp"
#include "wire/answer.hpp"

namespace understudy::app {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using test::fake_dispatcher;

// A call that goes on in the context until its answer is here.
struct pending {
  std::string body;
  wire::request request;
  std::optional<routed> answer;
};

asio::awaitable<void> carry_out(std::shared_ptr<pool_router> routes, pending& call,
                                std::string only) {
  std::vector<std::string_view> no_files;
  call.answer = co_await routes->route(call.request, call.body, std::move(no_files), only);
}

struct router_test : testing::Test {
  asio::io_context context{1};
  std::map<std::string, std::vector<std::shared_ptr<fake_dispatcher>>> made;  // by pool
  std::vector<core::record> records;
  std::vector<std::string> reports;  // "pool method code own"
  std::shared_ptr<pool_router> routes;
  gateway_config config;

  pool_config& add_pool(const std::string& name, std::vector<std::string> services = {},
                        const std::string& listen = "") {
    pool_config& pool = config.pools.emplace_back();
    pool.name = pool.options.name = name;
    pool.services = std::move(services);
    pool.listen = listen;
    pool.servers.push_back(test::server_at(name + ":1"));
    return pool;
  }

  void start() {
    pool_router_parts parts;
    parts.executor = context.get_executor();
    parts.records = [this](const core::record& record) { records.push_back(record); };
    parts.reports = [this](const call_report& report) {
      reports.push_back(std::string(report.pool) + " " + std::string(report.method) + " " +
                        std::to_string(report.code) + (report.own ? " own" : ""));
    };
    parts.make_dispatcher = [this](const asio::any_io_executor&, net::dispatcher_options options,
                                   net::dispatcher::record_sink sink,
                                   net::dispatcher::description_sink learned) {
      auto dispatcher = std::make_shared<fake_dispatcher>();
      dispatcher->options = std::move(options);
      dispatcher->records = std::move(sink);
      dispatcher->learned = std::move(learned);
      made[dispatcher->options.pool.name].push_back(dispatcher);
      return dispatcher;
    };
    routes = pool_router::make(std::move(parts), config);
  }

  std::shared_ptr<fake_dispatcher> pool(const std::string& name) { return made.at(name).back(); }

  void begin(pending& call, const std::string& method, const std::string& only = "") {
    call.body = method == "@action_interface" ? method : R"({"method":")" + method + R"("})";
    call.request = std::get<wire::request>(wire::parse_request(call.body));
    asio::co_spawn(context, carry_out(routes, call, only), [](const std::exception_ptr& failed) {
      if (failed) std::rethrow_exception(failed);
    });
    context.restart();
    context.poll();
  }

  void finish(const pending& call) {
    const auto end = std::chrono::steady_clock::now() + 20s;
    context.restart();
    while (!call.answer && context.run_one_until(end) > 0) {
    }
  }

  routed call(const std::string& method, const std::string& only = "") {
    pending one;
    begin(one, method, only);
    finish(one);
    EXPECT_TRUE(one.answer) << "no answer to " << method;
    return one.answer.value_or(routed{});
  }
};

std::string result_of(const routed& answer) {
  const auto parsed = wire::parse_answer(answer.body);
  if (!parsed) return "unreadable";
  return parsed->is_error() ? std::to_string(parsed->code) : std::string(parsed->result);
}

TEST_F(router_test, configured_services_go_to_their_pools) {
  add_pool("orders", {"OrderInterface"});
  add_pool("users", {"UserInterface"});
  start();
  EXPECT_EQ(result_of(call("OrderInterface@get")), "\"orders\"");
  EXPECT_EQ(result_of(call("UserInterface@get")), "\"users\"");
  EXPECT_EQ(pool("orders")->calls, std::vector<std::string>{R"({"method":"OrderInterface@get"})"});
  EXPECT_EQ(reports,
            (std::vector<std::string>{"orders OrderInterface@get 0", "users UserInterface@get 0"}));
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
  EXPECT_EQ(routes->put_server("orders", test::server_at("more:1"), 10s), std::nullopt);
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
  EXPECT_EQ(routes->put_server("orders", test::server_at("b:1"), 100ms), std::nullopt);
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
  EXPECT_EQ(routes->drain("x", "a:1"), "There is no pool x.");
  EXPECT_EQ(routes->resume("x", "a:1"), "There is no pool x.");
  EXPECT_EQ(routes->put_server("x", test::server_at("a:1"), 10s), "There is no pool x.");
  EXPECT_EQ(routes->remove_server("x", "a:1"), "There is no pool x.");
}

}  // namespace
}  // namespace understudy::app
