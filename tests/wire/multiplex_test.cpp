// The question, the grant, and the numbers behind messages (docs/MULTIPLEX.md).
#include "wire/multiplex.hpp"

#include <gtest/gtest.h>

#include <string>

namespace understudy::wire {
namespace {

std::string request(const multiplex_request& wanted) {
  std::string text;
  append_multiplex_request(text, wanted);
  return text;
}

std::optional<multiplex_grant> grant_of(std::string_view result) {
  const auto text = R"({"jsonrpc":"2.0","id":"","result":)" + std::string(result) + "}";
  const auto from = parse_answer(text);
  return from ? parse_multiplex_grant(*from) : std::nullopt;
}

TEST(Multiplex, TheQuestionIsACallOfAServiceThatOthersDoNotHave) {
  EXPECT_EQ(request({1000, 2000}),
            R"({"jsonrpc":"2.0","method":"UnderstudyConnection@multiplex",)"
            R"("params":[{"version":1,"message_bytes_max":1000,"file_bytes_max":2000}],)"
            R"("context":[],"id":""})");
}

TEST(Multiplex, AQuestionIsReadBack) {
  const auto found = parse_multiplex_request(request({8 << 20, 0}));
  ASSERT_TRUE(found);
  EXPECT_EQ(found->message_bytes_max, std::size_t{8} << 20);
  EXPECT_EQ(found->file_bytes_max, 0U);
}

TEST(Multiplex, WhatIsNoQuestionOfOurVersionIsACallAsAnyOther) {
  const auto good = request({1000, 2000});
  for (std::size_t length = 0; length < good.size(); ++length)
    EXPECT_FALSE(parse_multiplex_request(good.substr(0, length))) << length;
  const auto with = [&](std::string_view from, std::string_view to) {
    auto text = good;
    text.replace(text.find(from), from.size(), to);
    return text;
  };
  EXPECT_FALSE(parse_multiplex_request(with("\"version\":1", "\"version\":2")));
  EXPECT_FALSE(parse_multiplex_request(with("\"version\":1,", "")));
  EXPECT_FALSE(parse_multiplex_request(with("1000", "0")));
  EXPECT_FALSE(parse_multiplex_request(with("1000", "-1")));
  EXPECT_FALSE(parse_multiplex_request(with("1000", "\"1000\"")));
  EXPECT_FALSE(parse_multiplex_request(with("multiplex\"", "multiplexed\"")));
  EXPECT_FALSE(parse_multiplex_request(with("2000}", "2000},1")));
}

TEST(Multiplex, AGrantIsReadBack) {
  std::string text;
  append_multiplex_grant(text, {256, 65536});
  const auto found = grant_of(text);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->calls_max, 256U);
  EXPECT_EQ(found->message_bytes_max, 65536U);
}

TEST(Multiplex, AnAnswerThatGrantsNothingIsNoGrant) {
  for (const auto* text :
       {"null", "true", "[]", "{}", R"({"version":1})",
        R"({"version":2,"calls_max":1,"message_bytes_max":1})", R"({"version":1,"calls_max":1})",
        R"({"version":1,"calls_max":0,"message_bytes_max":1})",
        R"({"version":1,"calls_max":1,"message_bytes_max":0})",
        R"({"version":1,"calls_max":1e3,"message_bytes_max":1})"})
    EXPECT_FALSE(grant_of(text)) << text;
}

TEST(Multiplex, TheNumberStandsBehindTheBody) {
  std::string out = "before";
  append_numbered_frame(out, "body", call_number{0x01020304});
  EXPECT_EQ(out, std::string("before\0\0\0\x08\0\0\0\0body\x01\x02\x03\x04", 22));
  const auto found = split_number(std::string_view(out).substr(14));
  ASSERT_TRUE(found);
  EXPECT_EQ(found->body, "body");
  EXPECT_EQ(found->number, call_number{0x01020304});
}

TEST(Multiplex, AFarewellIsANumberAlone) {
  std::string out;
  append_numbered_frame(out, {}, farewell);
  const auto found = split_number(std::string_view(out).substr(frame_header_bytes));
  ASSERT_TRUE(found);
  EXPECT_TRUE(found->body.empty());
  EXPECT_EQ(found->number, farewell);
}

TEST(Multiplex, AMessageWithoutRoomForANumberHasNone) {
  EXPECT_FALSE(split_number(""));
  EXPECT_FALSE(split_number("abc"));
  EXPECT_TRUE(split_number("abcd"));
}

}  // namespace
}  // namespace understudy::wire
