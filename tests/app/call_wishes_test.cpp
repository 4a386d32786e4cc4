// What callers may ask for beside the call, in the body and by header: one rule for both.
#include "app/calls/call_wishes.hpp"

#include <gtest/gtest.h>

#include "understudy/error.hpp"

namespace understudy::app {
namespace {

// Without a store: "direct", "deadline MS", or the error's code.
std::string verdict(const wishes& read) {
  if (const auto* refused = std::get_if<wish_refused>(&read)) {
    EXPECT_NE(refused->message, "");
    return std::to_string(refused->code);
  }
  if (const auto refused = without_store(std::get<call_wishes>(read))) {
    return std::to_string(refused->code);
  }
  const auto deadline = std::get<call_wishes>(read).deadline;
  return deadline ? "deadline " + std::to_string(deadline->count()) : "direct";
}

struct row {
  std::string_view understudy;
  std::string_view expected;
};

TEST(call_wishes, by_context) {
  for (const row& one : std::initializer_list<row>{
           {R"({})", "direct"},
           {R"([])", "direct"},  // PHP's empty map
           {R"({"mode":"direct"})", "direct"},
           {R"({"deadline_ms":250})", "deadline 250"},
           {R"({"deadline_ms":9223372036854775807})", "deadline 9223372036854775807"},
           {R"({"mode":"direct","key":"k","deadline_ms":1,"token":"t"})", "deadline 1"},
           {R"({"wait_ms":0,"priority":3,"token":"t"})", "direct"},
           {R"({"m\u006fde":"direct"})", "direct"},
           {R"({"mode":"durable","mode":"direct"})", "direct"},  // the last counts, as in PHP
           // Promises that only a call store can keep.
           {R"({"mode":"durable"})", "-32004"},
           {R"({"mode":"queued"})", "-32004"},
           {R"({"m\u006fde":"queued"})", "-32004"},
           {R"({"key":"k"})", "-32004"},
           {R"({"delay_ms":0})", "-32004"},
           {R"({"mode":"direct","delay_ms":1})", "-32004"},
           {R"({"mode":"direct","order_by":"o"})", "-32004"},
           // No object, unknown members, wrong types, values out of range.
           {R"(null)", "-32602"},
           {R"("direct")", "-32602"},
           {R"([1])", "-32602"},
           {R"({"call":"c-1-1"})", "-32602"},
           {R"({"attempt":1})", "-32602"},
           {R"({"Mode":"direct"})", "-32602"},
           {R"({"mode":"direct","x":1})", "-32602"},
           {R"({"mode":"fast"})", "-32602"},
           {R"({"mode":""})", "-32602"},
           {R"({"mode":null})", "-32602"},
           {R"({"mode":1})", "-32602"},
           {R"({"key":1})", "-32602"},
           {R"({"key":""})", "-32602"},
           {R"({"wait_ms":"1"})", "-32602"},
           {R"({"wait_ms":-1})", "-32602"},
           {R"({"wait_ms":1.5})", "-32602"},
           {R"({"delay_ms":true})", "-32602"},
           {R"({"deadline_ms":0})", "-32602"},
           {R"({"deadline_ms":-1})", "-32602"},
           {R"({"deadline_ms":1e3})", "-32602"},
           {R"({"deadline_ms":9223372036854775808})", "-32602"},
           {R"({"priority":"high"})", "-32602"},
           {R"({"priority":-1})", "-32602"},
           {R"({"priority":10})", "-32602"},
           {R"({"order_by":[]})", "-32602"},
           {R"({"token":1})", "-32602"},
       }) {
    const std::string context = R"({"a":1,"understudy":)" + std::string(one.understudy) + "}";
    EXPECT_EQ(verdict(read_wishes(context)), one.expected) << one.understudy;
  }
}

TEST(call_wishes, a_priority_is_granted) {
  const auto by_context = read_wishes(std::string_view(R"({"understudy":{"priority":9}})"));
  EXPECT_EQ(std::get<call_wishes>(by_context).priority, 9U);
  net::http_request request;
  request.headers.push_back({"Understudy-Priority", "0"});
  EXPECT_EQ(std::get<call_wishes>(read_wishes(request)).priority, 0U);
}

TEST(call_wishes, without_any) {
  for (const auto* context : {"[]", "{}", R"({"mode":"durable"})", R"(["understudy"])"}) {
    EXPECT_EQ(verdict(read_wishes(std::string_view(context))), "direct") << context;
  }
}

TEST(call_wishes, a_refusal_names_the_member) {
  const auto read = read_wishes(std::string_view(R"({"understudy":{"colour":1}})"));
  EXPECT_EQ(std::get<wish_refused>(read).message, "context.understudy.colour is unknown here.");
  const std::string huge = R"({"understudy":{")" + std::string(1 << 20, 'x') + R"(":1}})";
  const auto cut = read_wishes(std::string_view(huge));
  EXPECT_LT(std::get<wish_refused>(cut).message.size(), 200U);
}

TEST(call_wishes, say_all_that_a_stored_call_needs) {
  const auto read = read_wishes(std::string_view(
      R"({"understudy":{"mode":"queued","key":"k","order_by":"o","wait_ms":1,"delay_ms":2,)"
      R"("deadline_ms":3,"priority":4}})"));
  const auto& wished = std::get<call_wishes>(read);
  EXPECT_EQ(wished.mode, core::call_mode::queued);
  EXPECT_EQ(wished.key, "k");
  EXPECT_EQ(wished.order, "o");
  EXPECT_EQ(wished.wait, std::chrono::milliseconds(1));
  EXPECT_EQ(wished.delay, std::chrono::milliseconds(2));
  EXPECT_EQ(wished.deadline, std::chrono::milliseconds(3));
  EXPECT_EQ(wished.priority, 4U);
  EXPECT_TRUE(wished.stored());
}

TEST(call_wishes, what_the_body_says_beats_what_is_said_outside) {
  call_wishes inside;
  inside.mode = core::call_mode::direct;
  inside.deadline = std::chrono::milliseconds(20);
  call_wishes outside;
  outside.mode = core::call_mode::durable;
  outside.key = "k";
  outside.deadline = std::chrono::milliseconds(10);
  inside.complete(outside);
  EXPECT_EQ(inside.mode, core::call_mode::direct);
  EXPECT_EQ(inside.key, "k");
  EXPECT_FALSE(inside.stored());  // with mode direct a key is the service's own
  EXPECT_EQ(inside.deadline, std::chrono::milliseconds(10));  // each only shortens it
}

TEST(call_wishes, by_header) {
  struct header_row {
    const char* name;
    const char* value;
    std::string_view expected;
  };
  for (const header_row& one : std::initializer_list<header_row>{
           {"Understudy-Mode", "direct", "direct"},
           {"Understudy-Mode", "", "direct"},
           {"Understudy-Deadline", "250", "deadline 250"},
           {"Understudy-Wait", "1", "direct"},
           {"Understudy-Priority", "1", "direct"},
           {"Authorization", "Bearer x", "direct"},
           {"Understudy-Mode", "durable", "-32004"},
           {"Idempotency-Key", "1", "-32004"},
           {"Understudy-Delay", "1", "-32004"},
           {"Understudy-Order-By", "1", "-32004"},
           {"Understudy-Mode", "fast", "-32602"},
           {"Understudy-Deadline", "4s", "-32602"},
           {"Understudy-Deadline", "0", "-32602"},
           {"Understudy-Priority", "high", "-32602"},
       }) {
    net::http_request request;
    request.headers.push_back({one.name, one.value});
    EXPECT_EQ(verdict(read_wishes(request)), one.expected) << one.name << ": " << one.value;
  }
}

}  // namespace
}  // namespace understudy::app
