// Stored calls in a gateway: who waits for what, and what the store is told.
#include "app/calls/call_desk.hpp"

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <map>
#include <thread>

#include "app/fake_store.hpp"
#include "understudy/error.hpp"
#include "wire/answer.hpp"

namespace understudy::app {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;

class call_desk_test : public testing::Test {
 protected:
  call_desk_test() {
    desk_parts parts;
    parts.home = loop.get_executor();
    parts.attempt = [this](const wire::request& request, std::string_view body,
                           attempt_terms terms) -> asio::awaitable<stored_attempt> {
      bodies.emplace_back(body);
      methods.push_back(request.method);
      failed_at = terms.failed_at;
      if (never_ends) {
        *terms.sent = is_sent;
        asio::steady_timer never(loop, asio::steady_timer::time_point::max());
        co_await never.async_wait(asio::use_awaitable);
      }
      co_return next_attempt;
    };
    parts.usable = [this](std::string_view, std::string_view) { return usable; };
    parts.rules = std::make_shared<const call_rules>(gateway_config{});
    parts.attempt_max = attempt_max;
    parts.running_max = 7;
    parts.accepting_max = 3;
    desk = std::make_shared<call_desk>(std::move(parts));
    store = std::make_shared<fake_store>();
    desk->start(store);
  }
  ~call_desk_test() override {
    desk->stop();
    run();
  }

  static store::new_call call(core::call_mode mode) {
    store::new_call made;
    made.service = "A";
    made.method = "A@place";
    made.params = "[1]";
    made.context = "[]";
    made.terms.mode = mode;
    made.terms.deadline = core::wall_time::max();
    return made;
  }
  store::claimed_call claim(std::uint64_t id) const {
    store::claimed_call claimed;
    claimed.id = store::call_id{id};
    claimed.token = {1, id};
    claimed.service = "A";
    claimed.method = "A@place";
    claimed.params = "[1]";
    claimed.context = R"({"a":1})";
    claimed.key = "k";
    claimed.terms = call(core::call_mode::durable).terms;
    return claimed;
  }
  static store::call_ending done(std::uint64_t id, std::string payload) {
    store::call_ending ending;
    ending.id = store::call_id{id};
    ending.payload = std::move(payload);
    return ending;
  }

  // A caller; its answer is in answers[name] when it has one.
  void serve(const std::string& name, core::call_mode mode, std::chrono::milliseconds wait) {
    asio::co_spawn(loop, desk->serve(call(mode), wait),
                   [this, name](const std::exception_ptr& failure, routed answer) {
                     if (failure) std::rethrow_exception(failure);
                     answers[name] = std::move(answer);
                   });
    run();
  }
  void run() {
    loop.restart();
    loop.poll();
  }
  void run_until_answered(const std::string& name) {
    loop.restart();
    while (!answers.contains(name)) loop.run_one();
  }

  static constexpr auto attempt_max = 1s;

  asio::io_context loop;
  std::shared_ptr<fake_store> store;
  std::shared_ptr<call_desk> desk;
  stored_attempt next_attempt;
  bool usable = true;
  bool never_ends = false;
  bool is_sent = false;
  std::vector<std::string> failed_at;
  std::vector<std::string> bodies;
  std::vector<std::string> methods;
  std::map<std::string, routed> answers;
};

TEST_F(call_desk_test, grants_as_many_places_as_it_may_fill) {
  EXPECT_EQ(store->places, 7U);
}

TEST_F(call_desk_test, a_durable_caller_waits_for_the_end) {
  serve("caller", core::call_mode::durable, 10s);
  EXPECT_FALSE(answers.contains("caller"));
  desk->ended({done(1, R"({"n":1.0})")});
  run_until_answered("caller");
  EXPECT_EQ(answers["caller"].body, R"({"jsonrpc":"2.0","id":"","result":{"n":1.0}})");
  EXPECT_FALSE(answers["caller"].own);
}

TEST_F(call_desk_test, an_error_of_the_service_comes_as_it_was) {
  serve("caller", core::call_mode::durable, 10s);
  auto ending = done(1, R"({"code":7,"message":"no","data":null})");
  ending.error = true;
  desk->ended({ending});
  run_until_answered("caller");
  const auto parsed = wire::parse_answer(answers["caller"].body);
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->code, 7);
  EXPECT_FALSE(answers["caller"].own);
}

TEST_F(call_desk_test, who_does_not_want_to_wait_gets_a_ticket) {
  serve("queued", core::call_mode::queued, 10s);
  EXPECT_EQ(answers["queued"].code, code::accepted);
  EXPECT_NE(answers["queued"].body.find(R"("ticket":"c-0123456789-1")"), std::string::npos);
  serve("durable", core::call_mode::durable, 1ms);
  run_until_answered("durable");
  EXPECT_EQ(answers["durable"].code, code::accepted);
}

TEST_F(call_desk_test, callers_with_one_key_share_one_answer) {
  serve("first", core::call_mode::durable, 10s);
  store::acceptance repeated;
  repeated.what = store::acceptance::kind::repeated;
  repeated.id = store::call_id{1};
  store->answers.push_back(repeated);
  serve("second", core::call_mode::durable, 10s);
  desk->ended({done(1, "5")});
  run_until_answered("first");
  run_until_answered("second");
  EXPECT_EQ(answers["first"].body, answers["second"].body);
  repeated.ended = done(1, "5");
  store->answers.push_back(repeated);
  serve("late", core::call_mode::durable, 10s);
  run_until_answered("late");
  EXPECT_EQ(answers["late"].body, answers["first"].body);
}

TEST_F(call_desk_test, refusals_say_why) {
  store::acceptance given;
  given.what = store::acceptance::kind::key_conflict;
  store->answers.push_back(given);
  serve("conflict", core::call_mode::durable, 10s);
  EXPECT_EQ(answers["conflict"].code, code::key_conflict);
  given.what = store::acceptance::kind::refused;
  given.reason = "The disk is full.";
  store->answers.push_back(given);
  serve("full", core::call_mode::durable, 10s);
  EXPECT_EQ(answers["full"].code, code::overloaded);
  EXPECT_NE(answers["full"].body.find("The disk is full."), std::string::npos);
  EXPECT_GT(answers["full"].retry_after_ms, 0);
}

TEST_F(call_desk_test, no_more_wait_to_be_stored_than_may) {
  store->silent = true;
  for (const char* name : {"a", "b", "c"}) serve(name, core::call_mode::durable, 1ms);
  EXPECT_TRUE(answers.empty());  // nobody knows yet whether they are stored
  serve("d", core::call_mode::durable, 1ms);
  EXPECT_EQ(answers["d"].code, code::overloaded);
}

TEST_F(call_desk_test, what_is_dead_is_told_with_its_reason) {
  serve("caller", core::call_mode::durable, 10s);
  auto ending = done(1, R"({"code":-32603,"message":"x","data":null})");
  ending.state = store::call_state::dead;
  ending.reason = core::dead_reason::attempts_spent;
  desk->ended({ending});
  run_until_answered("caller");
  EXPECT_EQ(answers["caller"].code, code::call_ended);
  EXPECT_NE(answers["caller"].body.find(R"("reason":"attempts_spent")"), std::string::npos);

  serve("unknown", core::call_mode::durable, 10s);
  ending.id = store::call_id{2};
  ending.reason = core::dead_reason::outcome_unknown;
  desk->ended({ending});
  run_until_answered("unknown");
  EXPECT_EQ(answers["unknown"].code, code::outcome_unknown);
  EXPECT_NE(answers["unknown"].body.find("c-0123456789-2"), std::string::npos);
}

TEST_F(call_desk_test, a_server_is_told_which_call_and_attempt_it_is) {
  auto claimed = claim(1);
  claimed.attempts = 2;
  next_attempt.payload = "1";
  next_attempt.server = "10.0.0.1:1";
  desk->claimed({claimed});
  run();
  ASSERT_EQ(bodies.size(), 1U);
  EXPECT_EQ(bodies[0],
            R"({"jsonrpc":"2.0","method":"A@place","params":[1],"context":{"understudy":)"
            R"({"call":"c-0123456789-1","attempt":3,"key":"k"},"a":1},"id":""})");
  ASSERT_EQ(store->reports.size(), 1U);
  EXPECT_EQ(store->reports[0].token, claimed.token);
  EXPECT_EQ(store->reports[0].next.state, store::call_state::done);
  EXPECT_EQ(store->reports[0].payload, "1");
  EXPECT_EQ(store->reports[0].server, "10.0.0.1:1");
  EXPECT_EQ(store->places, 8U);
}

TEST_F(call_desk_test, an_unknown_outcome_is_told_as_one) {
  next_attempt.end.fate = core::attempt_fate::unknown;
  desk->claimed({claim(1)});
  run();
  ASSERT_EQ(store->reports.size(), 1U);
  EXPECT_TRUE(store->reports[0].may_have_run);
  EXPECT_TRUE(store->reports[0].next.counted);
  EXPECT_EQ(store->reports[0].next.state, store::call_state::waiting);
}

TEST_F(call_desk_test, calls_of_a_service_without_a_server_stay_in_the_store) {
  usable = false;
  next_attempt.end.fate = core::attempt_fate::not_sent;
  next_attempt.no_server = true;
  desk->claimed({claim(1), claim(2)});
  run();
  ASSERT_EQ(store->holds.size(), 1U);
  EXPECT_EQ(store->holds[0].service, "A");
  EXPECT_TRUE(store->holds[0].held);
  ASSERT_EQ(store->reports.size(), 2U);
  EXPECT_FALSE(store->reports[0].next.counted);
  EXPECT_EQ(store->reports[0].next.state, store::call_state::waiting);
  usable = true;
  loop.restart();
  while (store->holds.size() < 2) loop.run_one();
  EXPECT_FALSE(store->holds[1].held);
}

TEST_F(call_desk_test, no_place_is_granted_anew_while_it_drains) {
  desk->drain();
  desk->claimed({claim(1)});
  run();
  EXPECT_EQ(store->reports.size(), 1U);  // what had begun ends
  EXPECT_EQ(store->places, 7U);
}

TEST_F(call_desk_test, a_claim_that_is_old_already_is_not_sent) {
  desk->claimed({claim(1)});
  std::this_thread::sleep_for(core::claim_lease(attempt_max) * 2 / 3 + 1ms);  // it was frozen
  run();
  EXPECT_TRUE(bodies.empty());
  ASSERT_EQ(store->reports.size(), 1U);
  EXPECT_EQ(store->reports[0].next.state, store::call_state::waiting);
  EXPECT_FALSE(store->reports[0].next.counted);
  EXPECT_FALSE(store->reports[0].may_have_run);
  EXPECT_EQ(store->places, 8U);
}

// What the next start finds: a call that waits, and no attempt of it.
void expect_not_begun(const store::attempt_report& report, std::uint64_t id) {
  EXPECT_EQ(report.id, store::call_id{id});
  EXPECT_EQ(report.token.number, id);
  EXPECT_EQ(report.next.state, store::call_state::waiting);
  EXPECT_FALSE(report.next.counted);
  EXPECT_FALSE(report.may_have_run);
}

TEST_F(call_desk_test, claims_that_have_not_begun_when_it_stops_go_back) {
  desk->claimed({claim(1), claim(2)});  // home does not run any more
  desk->stop();
  ASSERT_EQ(store->reports.size(), 2U);
  expect_not_begun(store->reports[0], 1);
  expect_not_begun(store->reports[1], 2);
  desk->claimed({claim(3)});  // what the store had in hand
  ASSERT_EQ(store->reports.size(), 3U);
  expect_not_begun(store->reports[2], 3);
  run();
  EXPECT_TRUE(bodies.empty());
  EXPECT_EQ(store->reports.size(), 3U);
}

TEST_F(call_desk_test, of_attempts_that_run_when_it_stops_those_go_back_that_were_not_sent) {
  never_ends = true;
  desk->claimed({claim(1)});
  run();
  is_sent = true;
  desk->claimed({claim(2)});
  run();
  EXPECT_EQ(desk->running(), 2U);
  desk->stop();
  ASSERT_EQ(store->reports.size(), 1U);  // of the other nobody knows: the next start says so
  expect_not_begun(store->reports[0], 1);
}

TEST_F(call_desk_test, a_call_is_carried_with_the_servers_at_which_it_failed) {
  next_attempt.server = "10.0.0.1:1";
  next_attempt.end.fate = core::attempt_fate::unknown;
  desk->claimed({claim(1)});
  run();
  EXPECT_TRUE(failed_at.empty());
  next_attempt.server = "10.0.0.2:1";
  next_attempt.end.fate = core::attempt_fate::fault;
  desk->claimed({claim(1)});
  run();
  EXPECT_EQ(failed_at, std::vector<std::string>{"10.0.0.1:1"});
  next_attempt.end.fate = core::attempt_fate::elsewhere;  // says nothing of the server
  next_attempt.server = "10.0.0.3:1";
  const std::vector<std::string> both{"10.0.0.1:1", "10.0.0.2:1"};
  for (int i = 0; i < 2; ++i) {
    desk->claimed({claim(1)});
    run();
    EXPECT_EQ(failed_at, both);
  }
  desk->ended({done(1, "1")});
  desk->claimed({claim(1)});
  run();
  EXPECT_TRUE(failed_at.empty());
}

// A tenth of the time for which a caller is left in the dark otherwise.
TEST_F(call_desk_test, a_store_that_says_nothing_keeps_no_caller_longer_than_he_listens) {
  store->silent = true;
  gateway_config config;
  config.caller_timeout = 1000ms;
  serve("waits for less", core::call_mode::durable, 0ms);
  desk->configure(std::make_shared<const call_rules>(config));
  serve("gives up", core::call_mode::durable, 10s);
  EXPECT_TRUE(answers.empty());
  loop.restart();
  const auto until = std::chrono::steady_clock::now() + 5s;
  while (answers.size() < 2 && loop.run_one_until(until) > 0) {
  }
  EXPECT_EQ(answers["waits for less"].code, code::outcome_unknown);
  EXPECT_EQ(answers["gives up"].code, code::outcome_unknown);
}

TEST_F(call_desk_test, a_ticket_can_be_waited_for) {
  store->view.emplace();
  store->view->id = store::call_id{5};
  store->view->state = store::call_state::running;
  asio::co_spawn(loop, desk->result(store::call_id{5}, 10s),
                 [this](const std::exception_ptr&, routed answer) { answers["r"] = answer; });
  run();
  EXPECT_FALSE(answers.contains("r"));
  desk->ended({done(5, "true")});
  run_until_answered("r");
  EXPECT_NE(answers["r"].body.find("\"result\":true"), std::string::npos);
  store->view.reset();
  asio::co_spawn(loop, desk->result(store::call_id{6}, 10s),
                 [this](const std::exception_ptr&, routed answer) { answers["none"] = answer; });
  run_until_answered("none");
  EXPECT_EQ(answers["none"].code, code::invalid_params);
}

}  // namespace
}  // namespace understudy::app
