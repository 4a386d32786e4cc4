// A gateway that stores calls, end to end: modes, keys, tickets, servers that die.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>

#include "app/calls/webhook.hpp"
#include "app/gateway_support.hpp"
#include "support/fake_server.hpp"
#include "understudy/error.hpp"
#include "wire/request.hpp"

namespace understudy::test {
namespace {

using namespace std::chrono_literals;
using app::call_rule;

std::string new_folder() {
  std::string path = testing::TempDir() + "understudy-calls-XXXXXX";
  if (::mkdtemp(path.data()) == nullptr) throw std::runtime_error("no temporary folder");
  return path;
}

class gateway_calls_test : public testing::Test {
 protected:
  gateway_calls_test() {
    config = free_ports();
    config.calls.store = folder + "/calls.db";
    auto pool = quick_pool();
    pool.services = {"A"};
    pool.servers = {server_on(first.address()), server_on(second.address(), 1)};
    pool.options.hedge_after = 0ms;
    config.pools = {pool};
  }
  ~gateway_calls_test() override {
    gate.reset();
    std::filesystem::remove_all(folder);
  }

  void start() {
    gate.emplace(config);
    gate->start();
  }
  void restart() {
    gate.reset();
    start();
  }

  std::string ask(std::string_view method, std::string_view params,
                  std::string_view wishes = "{}") const {
    wire_socket caller(port_of(gate->frames_address()));
    std::string body;
    const std::string context = R"({"understudy":)" + std::string(wishes) + "}";
    wire::append_request(body, method, params, context);
    return caller.ask(body);
  }
  // The ticket in an error's data.
  static std::string ticket_in(const std::string& answer) {
    const auto at = answer.find("\"c-");
    if (at == std::string::npos) return "";
    return answer.substr(at + 1, answer.find('"', at + 1) - at - 1);
  }
  std::string result_by_ticket(const std::string& ticket) const {
    return fetch_body("GET", "/calls/" + ticket + "/result", "wait_ms", "10000");
  }
  std::string fetch_body(const std::string& method, const std::string& path,
                         const std::string& name = "", const std::string& value = "") const {
    net::http_request request;
    request.method = method;
    request.path = path;
    if (!name.empty()) request.query.emplace_back(name, value);
    return net::http_fetch(gate->http_address(), request, patience).body;
  }

  std::string folder = new_folder();
  fake_server first{fake_result("\"first\"")};
  fake_server second{fake_result("\"second\"")};
  app::gateway_config config;
  std::optional<app::gateway> gate;
};

TEST_F(gateway_calls_test, a_durable_call_is_answered_like_any_other) {
  start();
  EXPECT_EQ(result_of(ask("A@place", "[1,2.50]", R"({"key":"k"})")), "\"first\"");
  ASSERT_EQ(first.call_count(), 1U);
  const auto body = first.calls()[0].body;
  EXPECT_NE(body.find(R"("params":[1,2.50])"), std::string::npos) << body;
  EXPECT_NE(body.find(R"("understudy":{"call":"c-)"), std::string::npos) << body;
  EXPECT_NE(body.find(R"("attempt":1,"key":"k"})"), std::string::npos) << body;
}

TEST_F(gateway_calls_test, one_key_is_one_call_also_after_a_restart) {
  start();
  first.next({fake_result("1")});
  EXPECT_EQ(result_of(ask("A@place", "[1]", R"({"key":"k"})")), "1");
  EXPECT_EQ(result_of(ask("A@place", "[1]", R"({"key":"k"})")), "1");
  EXPECT_EQ(result_of(ask("A@PLACE", "[1]", R"({"key":"k"})")), "-32012");  // other bytes
  EXPECT_EQ(result_of(ask("A@place", "[2]", R"({"key":"k"})")), "-32012");
  restart();
  EXPECT_EQ(result_of(ask("A@place", "[1]", R"({"key":"k"})")), "1");
  EXPECT_EQ(first.call_count(), 1U);
}

TEST_F(gateway_calls_test, a_queued_call_gives_a_ticket_and_is_done) {
  start();
  const auto answer = ask("A@place", "[]", R"({"mode":"queued"})");
  EXPECT_EQ(result_of(answer), "-32011");
  const auto ticket = ticket_in(answer);
  EXPECT_NE(result_by_ticket(ticket).find(R"({"result":"first"})"), std::string::npos);
  EXPECT_EQ(result_of(ask("CallsInterface@result", "[\"" + ticket + "\"]")), "\"first\"");
  EXPECT_NE(ask("CallsInterface@state", "[\"" + ticket + "\"]").find(R"("state":"done")"),
            std::string::npos);
}

TEST_F(gateway_calls_test, a_call_that_takes_longer_than_its_caller_waits_goes_on) {
  start();
  auto slow = fake_result("5");
  slow.hold = true;
  first.next({slow});
  const auto answer = ask("A@place", "[]", R"({"key":"k","wait_ms":50})");
  EXPECT_EQ(result_of(answer), "-32011");
  ASSERT_TRUE(eventually([&] { return first.call_count() == 1; }));
  first.release();
  EXPECT_NE(result_by_ticket(ticket_in(answer)).find(R"({"result":5})"), std::string::npos);
  EXPECT_EQ(result_of(ask("A@place", "[]", R"({"key":"k"})")), "5");
  EXPECT_EQ(first.call_count(), 1U);
}

TEST_F(gateway_calls_test, a_server_that_dies_with_the_call_is_replaced_by_the_backup) {
  start();
  auto dying = fake_result("1");
  dying.write_only = 0;
  dying.close = true;
  first.next({dying});
  EXPECT_EQ(result_of(ask("A@place", "[]", R"({"key":"k"})")).substr(0, 1), "\"");
  EXPECT_EQ(first.call_count() + second.call_count(), 2U);
  const auto again = second.call_count() > 0 ? second.calls()[0].body : first.calls()[1].body;
  EXPECT_NE(again.find(R"("attempt":2)"), std::string::npos) << again;
}

TEST_F(gateway_calls_test, calls_wait_while_every_server_is_down) {
  start();
  first.stop();
  second.stop();
  const auto answer = ask("A@place", "[]", R"({"key":"k","wait_ms":300})");
  EXPECT_EQ(result_of(answer), "-32011");
  first.start();
  EXPECT_NE(result_by_ticket(ticket_in(answer)).find("first"), std::string::npos);
  const auto shown = fetch_body("GET", "/calls/" + ticket_in(answer));
  EXPECT_NE(shown.find(R"("attempts":1)"), std::string::npos) << shown;
}

TEST_F(gateway_calls_test, what_was_accepted_before_a_restart_is_done_after_it) {
  start();
  first.stop();
  second.stop();
  const auto answer = ask("A@place", "[7]", R"({"mode":"queued"})");
  const auto ticket = ticket_in(answer);
  ASSERT_NE(ticket, "");
  gate.reset();
  first.start();
  start();
  const auto ended = result_by_ticket(ticket);
  EXPECT_NE(ended.find("first"), std::string::npos) << ended;
}

TEST_F(gateway_calls_test, rules_store_what_their_callers_did_not_ask_for) {
  call_rule rule;
  rule.match = "A@place";
  rule.mode = core::call_mode::durable;
  rule.key = "/params/0";
  config.rules = {rule};
  start();
  EXPECT_EQ(result_of(ask("A@place", R"(["o-1"])")), "\"first\"");
  EXPECT_EQ(result_of(ask("A@place", R"(["o-1"])")), "\"first\"");
  EXPECT_EQ(first.call_count(), 1U);
  EXPECT_EQ(result_of(ask("A@place", "[]")), "-32602");
  EXPECT_EQ(result_of(ask("A@place", R"(["o-2"])", R"({"mode":"direct"})")), "-32602");
  EXPECT_EQ(result_of(ask("A@get", "[]")), "\"first\"");
  const auto direct = first.calls().back().body;
  EXPECT_EQ(direct.find("\"call\""), std::string::npos) << direct;  // passes byte for byte
}

TEST_F(gateway_calls_test, a_queued_call_that_keeps_failing_is_dead_and_can_be_tried_again) {
  call_rule rule;
  rule.match = "A@*";
  rule.mode = core::call_mode::queued;
  rule.attempts_max = 2;
  rule.retry.backoff_min = rule.retry.backoff_max = 1ms;
  config.rules = {rule};
  first.always(fake_error(7, "not today"));
  second.always(fake_error(7, "not today"));
  start();
  const auto ticket = ticket_in(ask("A@place", "[]"));
  const auto ended = result_by_ticket(ticket);
  EXPECT_NE(ended.find(R"("reason":"attempts_spent")"), std::string::npos) << ended;
  EXPECT_NE(ended.find("not today"), std::string::npos) << ended;
  EXPECT_EQ(result_of(ask("CallsInterface@result", "[\"" + ticket + "\"]")), "-32013");
  first.always(fake_result("\"now\""));
  second.always(fake_result("\"now\""));
  EXPECT_EQ(result_of(ask("CallsInterface@retry", "[\"" + ticket + "\"]")), "true");
  EXPECT_NE(result_by_ticket(ticket).find("now"), std::string::npos);
  EXPECT_EQ(result_of(ask("CallsInterface@retry", "[\"" + ticket + "\"]")), "false");
}

TEST_F(gateway_calls_test, a_pause_holds_calls_back_until_it_ends) {
  start();
  EXPECT_NE(fetch_body("POST", "/calls/services/A/pause").find("true"), std::string::npos);
  const auto answer = ask("A@place", "[]", R"({"key":"k","wait_ms":100})");
  EXPECT_EQ(result_of(answer), "-32011");
  EXPECT_EQ(first.call_count(), 0U);
  EXPECT_NE(fetch_body("GET", "/calls/stats").find(R"("paused":true)"), std::string::npos);
  EXPECT_EQ(result_of(ask("CallsInterface@cancel", "[\"" + ticket_in(answer) + "\"]")), "true");
  EXPECT_EQ(result_of(ask("A@place", "[]", R"({"key":"k"})")), "-32013");
  fetch_body("POST", "/calls/services/A/resume");
  EXPECT_EQ(result_of(ask("A@place", "[]", R"({"key":"other"})")), "\"first\"");
}

TEST_F(gateway_calls_test, the_service_of_calls_is_listed_and_checks_what_it_is_given) {
  start();
  wire_socket caller(port_of(gate->frames_address()));
  first.on_probe(fake_answer(std::string(described)));
  second.on_probe(fake_answer(std::string(described)));
  ASSERT_TRUE(eventually([&] {
    const auto listed = caller.ask("@action_interface");
    return listed.find("\"CallsInterface\"") != std::string::npos &&
           listed.find("\"A\"") != std::string::npos;
  }));
  const auto ticket = result_of(ask("CallsInterface@enqueue", R"(["A@place",[1],{"key":"k"}])"));
  EXPECT_EQ(ticket.substr(0, 3), "\"c-");
  EXPECT_EQ(result_of(ask("CallsInterface@enqueue", R"(["A@place",[1],{"key":"k"}])")), ticket);
  EXPECT_EQ(result_of(ask("CallsInterface@result", "[" + ticket + ",10000]")), "\"first\"");
  const auto many = result_of(
      ask("CallsInterface@enqueueMany", R"([[["A@a",[]],["A@b",[1],[]],["A@c",{"x":1}]]])"));
  EXPECT_EQ(std::ranges::count(many, ','), 2) << many;
  for (const char* wrong : {R"(["A@place",[1],{"colour":1}])", R"(["A@place",1])", R"(["noname"])",
                            R"([])", R"(["A@place",[],{"mode":"direct"}])"}) {
    EXPECT_EQ(result_of(ask("CallsInterface@enqueue", wrong)), "-32602") << wrong;
  }
  EXPECT_EQ(result_of(ask("CallsInterface@state", R"(["c-0-1"])")), "-32602");
  EXPECT_EQ(result_of(ask("CallsInterface@nothing", "[]")), "-32601");
}

TEST_F(gateway_calls_test, over_http) {
  start();
  EXPECT_EQ(fetch(*gate, "POST", "/calls", R"({"method":"A@place","params":[1]})").status, 202);
  const auto waited =
      fetch(*gate, "POST", "/calls", R"({"method":"A@place","params":[1],"wait_ms":10000})");
  EXPECT_EQ(waited.status, 200);
  EXPECT_EQ(waited.body, "{\"result\":\"first\"}\n");
  EXPECT_EQ(fetch(*gate, "POST", "/calls", R"([{"method":"A@a"},{"method":"A@b"}])").status, 202);
  EXPECT_EQ(fetch(*gate, "POST", "/calls", R"({"method":"A@a","nope":1})").status, 400);
  EXPECT_EQ(fetch(*gate, "POST", "/calls", R"([{"method":"A@a"},{}])").status, 400);
  EXPECT_EQ(fetch(*gate, "GET", "/calls/c-0-1").status, 404);
  EXPECT_EQ(fetch(*gate, "GET", "/calls/nothing").status, 404);
  EXPECT_EQ(fetch(*gate, "PUT", "/calls").status, 405);
  ASSERT_TRUE(eventually([&] {
    return fetch(*gate, "GET", "/calls/stats").body.find(R"("done":4)") != std::string::npos;
  }));
  const auto listed = fetch(*gate, "GET", "/calls").body;
  EXPECT_NE(listed.find("A@a"), std::string::npos) << listed;
  EXPECT_EQ(fetch(*gate, "GET", "/calls/verify").body, "{\"good\":true,\"problems\":[]}\n");
  const auto keyed = fetch(*gate, "POST", "/calls", R"({"method":"A@place","key":"k-7"})").body;
  const auto ticket = ticket_in(keyed);
  EXPECT_NE(fetch_body("GET", "/calls", "key", "k-7").find(ticket), std::string::npos);
  EXPECT_EQ(fetch_body("GET", "/calls", "key", "k-8"), "[]\n");
  const auto metrics = fetch(*gate, "GET", "/metrics").body;
  EXPECT_NE(metrics.find("understudy_stored_calls_accepted_total{service=\"A\"} 5"),
            std::string::npos);
}

TEST_F(gateway_calls_test, the_end_of_a_call_is_told_to_its_webhook_until_it_is_heard) {
  fake_server receiver(fake_result("1"), fake_speaks::http);
  receiver.next({fake_raw(fake_http(500, "{}"))});
  const std::string secret_file = folder + "/secret";
  std::ofstream(secret_file) << "s3cret\n";
  config.calls.webhook_secret_file = secret_file;
  call_rule rule;
  rule.match = "A@place";
  rule.mode = core::call_mode::durable;
  rule.webhook = receiver.address();
  config.rules = {rule};
  start();
  EXPECT_EQ(result_of(ask("A@place", "[1]")), "\"first\"");
  ASSERT_TRUE(eventually([&] { return receiver.call_count() == 2; }));
  const auto told = receiver.calls()[1];
  EXPECT_NE(told.body.find(R"("state":"done")"), std::string::npos) << told.body;
  EXPECT_NE(told.body.find(R"("result":"first")"), std::string::npos) << told.body;
  const auto signature = app::webhook_signature("s3cret", told.body);
  EXPECT_NE(told.head.find("Understudy-Signature: " + signature), std::string::npos) << told.head;
  ASSERT_TRUE(eventually([&] {
    return fetch_body("GET", "/calls/stats")
               .find(R"("service":"@webhook","paused":false,)"
                     R"("accepted":1,"waiting":0,"running":0,"done":1)") != std::string::npos;
  }));
}

TEST_F(gateway_calls_test, an_address_for_administration_has_what_callers_must_not) {
  config.admin = "127.0.0.1:0";
  start();
  const auto status = [&](const std::string& address, const std::string& method,
                          const std::string& path) {
    net::http_request request;
    request.method = method;
    request.path = path;
    return net::http_fetch(address, request, patience).status;
  };
  const auto stored = fetch(*gate, "POST", "/calls", R"({"method":"A@place","delay_ms":60000})");
  const auto ticket = "/calls/" + ticket_in(stored.body);
  for (const char* path : {"/calls", "/calls/stats", "/calls/verify"}) {
    EXPECT_EQ(status(gate->http_address(), "GET", path), 404) << path;
    EXPECT_EQ(status(gate->admin_address(), "GET", path), 200) << path;
  }
  EXPECT_EQ(status(gate->http_address(), "POST", "/calls/services/A/pause"), 404);
  EXPECT_EQ(status(gate->http_address(), "GET", ticket), 200);
  EXPECT_EQ(status(gate->admin_address(), "GET", ticket), 200);
  EXPECT_EQ(status(gate->admin_address(), "DELETE", ticket), 200);
}

// Held calls do not end: where a third were begun, the store would say so.
TEST_F(gateway_calls_test, a_service_has_no_more_calls_at_a_time_than_it_may) {
  config.calls.service_running_max = {{"A", 2}};
  auto held = fake_result("1");
  held.hold = true;
  first.always(held);
  second.always(held);
  start();
  const auto begun = [&] { return first.call_count() + second.call_count(); };
  const auto counts = [&](std::string_view text) {
    const auto stats = fetch_body("GET", "/calls/stats");
    return stats.find(text, stats.find(R"("service":"A")")) != std::string::npos;
  };
  for (int i = 0; i < 6; ++i) ask("A@place", "[]", R"({"mode":"queued"})");
  for (const unsigned taken : {2U, 4U, 6U}) {
    const auto stats = fmt::format(R"("waiting":{},"running":2)", 6 - taken);
    ASSERT_TRUE(eventually([&] { return counts(stats) && begun() == taken; })) << taken;
    first.release();
    second.release();
  }
  ASSERT_TRUE(eventually([&] { return counts(R"("running":0,"done":6)"); }));
  EXPECT_EQ(begun(), 6U);
}

TEST_F(gateway_calls_test, after_a_fault_the_next_attempt_is_at_a_server_not_tried_yet) {
  first.always(fake_error(-32603));  // it stays up: one call is no proof against it
  start();
  EXPECT_EQ(result_of(ask("A@place", "[]", R"({"key":"k"})")), "\"second\"");
  EXPECT_EQ(first.call_count(), 1U);
  ASSERT_EQ(second.call_count(), 1U);
  EXPECT_NE(second.calls()[0].body.find(R"("attempt":2)"), std::string::npos);
}

// The server has one place: a call is sent, the other waits for the place.
TEST_F(gateway_calls_test, what_was_not_sent_before_a_stop_has_not_begun_after_the_start) {
  config.pools[0].servers = {server_on(first.address())};
  config.pools[0].options.limits = {.start = 1, .floor = 1, .most = 1};
  auto held = fake_result("1");
  held.hold = true;
  first.next({held});
  start();
  const auto sent = ticket_in(ask("A@sent", "[]", R"({"mode":"queued"})"));
  ASSERT_TRUE(eventually([&] { return first.call_count() == 1; }));
  const auto waits = ticket_in(ask("A@waits", "[]", R"({"mode":"queued"})"));
  ASSERT_TRUE(eventually([&] {
    return fetch_body("GET", "/calls/stats").find(R"("running":2)") != std::string::npos;
  }));
  restart();
  EXPECT_NE(result_by_ticket(sent).find("first"), std::string::npos);
  EXPECT_NE(result_by_ticket(waits).find("first"), std::string::npos);
  EXPECT_NE(fetch_body("GET", "/calls/" + sent).find(R"("attempts":2)"), std::string::npos);
  EXPECT_NE(fetch_body("GET", "/calls/" + waits).find(R"("attempts":1)"), std::string::npos);
  for (const auto& call : first.calls()) {
    const bool other = call.body.find("A@waits") != std::string::npos;
    EXPECT_TRUE(!other || call.body.find(R"("attempt":1)") != std::string::npos) << call.body;
  }
}

TEST_F(gateway_calls_test, callers_of_all_lanes_share_one_store) {
  config.threads = 3;
  start();
  for (int i = 0; i < 12; ++i) {
    EXPECT_EQ(result_of(ask("A@place", "[1]", R"({"key":"k"})")), "\"first\"");
  }
  EXPECT_EQ(first.call_count(), 1U);
}

TEST_F(gateway_calls_test, a_drain_lets_callers_have_their_answers) {
  start();
  auto slow = fake_result("5");
  slow.hold = true;
  first.next({slow});
  wire_socket caller(port_of(gate->frames_address()));
  std::string body;
  wire::append_request(body, "A@place", "[]", R"({"understudy":{"key":"k"}})");
  caller.send_message(body);
  ASSERT_TRUE(eventually([&] { return first.call_count() == 1; }));
  drain_watch watch(*gate);
  first.release();
  EXPECT_EQ(result_of(caller.receive()->body), "5");
  EXPECT_TRUE(watch.wait());
}

}  // namespace
}  // namespace understudy::test
