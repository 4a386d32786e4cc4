// How calls are carried: by rule, and by what their callers ask for.
#include "app/calls/call_rules.hpp"

#include <gtest/gtest.h>

#include "understudy/error.hpp"

namespace understudy::app {
namespace {

using namespace std::chrono_literals;

constexpr core::wall_time now{std::chrono::milliseconds(1'000'000)};

gateway_config config_with(std::vector<call_rule> rules) {
  gateway_config config;
  config.calls.store = "calls.db";
  config.rules = std::move(rules);
  return config;
}

call_rule rule(std::string match, core::call_mode mode) {
  call_rule made;
  made.match = std::move(match);
  made.mode = mode;
  return made;
}

// A request and what is decided on it.
struct decided {
  std::string body;
  wire::request request;
  call_decision decision;

  decided(const call_rules& rules, std::string text, bool has_files = false)
      : body(std::move(text)) {
    EXPECT_FALSE(wire::parse_request(body, request)) << body;
    auto asked = read_wishes(request.context);
    decision = rules.decide(request, body, has_files, std::get<call_wishes>(asked), now);
  }
  [[nodiscard]] const stored_wishes& stored() const { return std::get<stored_wishes>(decision); }
  [[nodiscard]] bool direct() const { return std::holds_alternative<call_wishes>(decision); }
  [[nodiscard]] std::string refusal() const {
    const auto* refused = std::get_if<wish_refused>(&decision);
    return refused == nullptr ? "" : std::to_string(refused->code) + " " + refused->message;
  }
};

std::string call(std::string_view context, std::string_view params = "[]") {
  return R"({"method":"A@place","params":)" + std::string(params) + R"(,"context":)" +
         std::string(context) + "}";
}

TEST(call_rules, the_first_rule_that_matches_counts) {
  const call_rules rules(config_with(
      {rule("A@place", core::call_mode::durable), rule("A@*", core::call_mode::queued)}));
  EXPECT_EQ(decided(rules, call("[]")).stored().terms.mode, core::call_mode::durable);
  EXPECT_EQ(decided(rules, R"({"method":"A@other"})").stored().terms.mode, core::call_mode::queued);
  EXPECT_EQ(decided(rules, R"({"method":"A@PLACE"})").stored().terms.mode,
            core::call_mode::durable);  // as PHP reads names
  EXPECT_TRUE(decided(rules, R"({"method":"B@place"})").direct());
}

TEST(call_rules, a_call_may_ask_for_more_than_its_rule_never_for_less) {
  const call_rules rules(config_with({rule("A@*", core::call_mode::durable)}));
  EXPECT_EQ(decided(rules, call(R"({"understudy":{"mode":"queued"}})")).stored().terms.mode,
            core::call_mode::queued);
  EXPECT_NE(decided(rules, call(R"({"understudy":{"mode":"direct"}})")).refusal(), "");
  const call_rules none(config_with({}));
  EXPECT_EQ(decided(none, call(R"({"understudy":{"key":"k"}})")).stored().terms.mode,
            core::call_mode::durable);
  EXPECT_TRUE(decided(none, call(R"({"understudy":{"mode":"direct","key":"k"}})")).direct());
}

TEST(call_rules, a_key_comes_from_where_the_rule_says) {
  call_rule keyed = rule("A@*", core::call_mode::durable);
  keyed.key = "/params/0/id";
  const call_rules rules(config_with({keyed}));
  EXPECT_EQ(decided(rules, call("[]", R"([{"id":"o-1"}])")).stored().key, "o-1");
  EXPECT_EQ(decided(rules, call("[]", R"([{"id":42}])")).stored().key, "42");
  EXPECT_EQ(decided(rules, call(R"({"understudy":{"key":"mine"}})", R"([{"id":42}])")).stored().key,
            "mine");
  for (const char* params :
       {"[]", "[{}]", R"([{"id":""}])", R"([{"id":null}])", R"([{"id":[]}])"}) {
    EXPECT_EQ(decided(rules, call("[]", params)).refusal().substr(0, 6), "-32602") << params;
  }
  keyed.key_missing = true;
  const call_rules lenient(config_with({keyed}));
  EXPECT_EQ(decided(lenient, call("[]")).stored().key, "");
}

TEST(call_rules, a_key_or_order_that_is_no_name_is_refused) {
  const call_rules rules(config_with({}));
  const std::string longest(255, 'k');
  const auto with_key = [](const std::string& key) {
    return call(R"({"understudy":{"key":")" + key + "\"}}");
  };
  EXPECT_EQ(decided(rules, with_key(longest)).stored().key, longest);
  EXPECT_NE(decided(rules, with_key(longest + "k")).refusal(), "");
  EXPECT_NE(decided(rules, with_key("a\\u0001b")).refusal(), "");
  EXPECT_EQ(decided(rules, with_key("\xE8\xAE\xA2\xE5\x8D\x95")).stored().key.size(), 6U);
}

TEST(call_rules, the_order_comes_from_where_the_rule_says) {
  call_rule ordered = rule("A@*", core::call_mode::queued);
  ordered.order = "/context/account";
  const call_rules rules(config_with({ordered}));
  EXPECT_EQ(decided(rules, call(R"({"account":7})")).stored().order, "7");
  EXPECT_NE(decided(rules, call("[]")).refusal(), "");
}

TEST(call_rules, times_come_from_the_call_its_rule_or_the_defaults) {
  call_rule timed = rule("A@*", core::call_mode::durable);
  timed.wait = 2s;
  timed.deadline = 1h;
  timed.attempts_max = 3;
  const call_rules rules(config_with({timed}));
  const decided by_rule(rules, call("[]"));
  EXPECT_EQ(by_rule.stored().wait, 2s);
  EXPECT_EQ(by_rule.stored().terms.deadline, now + 1h);
  EXPECT_EQ(by_rule.stored().terms.attempts_max, 3);
  EXPECT_EQ(by_rule.stored().due, now);
  const decided by_call(
      rules,
      call(R"({"understudy":{"wait_ms":5,"deadline_ms":7000,"delay_ms":6000,"priority":9}})"));
  EXPECT_EQ(by_call.stored().wait, 5ms);
  EXPECT_EQ(by_call.stored().terms.deadline, now + 7s);
  EXPECT_EQ(by_call.stored().due, now + 6s);
  EXPECT_EQ(by_call.stored().terms.priority, 9);
  const decided by_default(call_rules(config_with({})), call(R"({"understudy":{"key":"k"}})"));
  EXPECT_EQ(by_default.stored().wait, 4s);
  EXPECT_EQ(by_default.stored().terms.deadline, now + 24h);
  EXPECT_EQ(by_default.stored().terms.attempts_max, 20);
  EXPECT_NE(decided(rules, call(R"({"understudy":{"deadline_ms":1,"delay_ms":2}})")).refusal(), "");
}

// Servers remember for 30 days which calls they have done.
TEST(call_rules, no_call_outlives_the_servers_memory) {
  const call_rules rules(config_with({rule("A@*", core::call_mode::queued)}));
  const decided endless(rules, call(R"({"understudy":{"deadline_ms":9223372036854775807}})"));
  EXPECT_EQ(endless.stored().terms.deadline, now + 24h * 30);
  const decided late(rules, call(R"({"understudy":{"deadline_ms":9223372036854775807,)"
                                 R"("delay_ms":9223372036854775807}})"));
  EXPECT_EQ(late.stored().due, now + 24h * 30);
}

TEST(call_rules, callers_are_answered_before_they_give_up) {
  gateway_config config = config_with({rule("A@*", core::call_mode::durable)});
  config.caller_timeout = 1s;
  const call_rules rules(config);
  EXPECT_EQ(decided(rules, call(R"({"understudy":{"wait_ms":60000}})")).stored().wait, 800ms);
  const decided direct(rules, R"({"method":"B@get"})");
  EXPECT_EQ(std::get<call_wishes>(direct.decision).deadline, 800ms);
}

TEST(call_rules, files_and_promises_to_direct_calls_are_refused) {
  const call_rules rules(config_with({rule("A@*", core::call_mode::durable)}));
  EXPECT_EQ(decided(rules, call("[]"), true).refusal().substr(0, 6), "-32602");
  EXPECT_TRUE(decided(rules, R"({"method":"B@up"})", true).direct());
  EXPECT_NE(
      decided(rules, R"({"method":"B@up","context":{"understudy":{"delay_ms":1}}})").refusal(), "");
}

}  // namespace
}  // namespace understudy::app
