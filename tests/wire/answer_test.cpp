#include "wire/answer.hpp"

#include <gtest/gtest.h>

#include <string>
#include <understudy/error.hpp>

#include "wire/frame.hpp"
#include "wire/json_text.hpp"

namespace understudy::wire {
namespace {

using namespace std::string_literals;

answer good(std::string_view body) {
  const auto read = parse_answer(body);
  if (!read) ADD_FAILURE() << "refused: " << body;
  return read.value_or(answer{});
}

TEST(parse_answer, reads_a_result) {
  const answer read = good(R"({"jsonrpc":"2.0","id":"","result":"hello, world"})");
  EXPECT_FALSE(read.is_error());
  EXPECT_FALSE(read.is_file());
  EXPECT_EQ(read.result, R"("hello, world")");
  EXPECT_EQ(read.error, "");
}

TEST(parse_answer, a_null_result_is_a_result) {
  const answer read = good(R"({"jsonrpc":"2.0","id":"","result":null})");
  EXPECT_FALSE(read.is_error());
  EXPECT_EQ(read.result, "null");
}

TEST(parse_answer, knows_a_file) {
  EXPECT_TRUE(good(R"({"result":"@file"})").is_file());
  EXPECT_FALSE(good(R"({"result":"@file "})").is_file());
  EXPECT_FALSE(good(R"({"result":["@file"]})").is_file());
}

TEST(parse_answer, reads_an_error) {
  const answer read = good(R"({"jsonrpc":"2.0","id":"",)"
                           R"("error":{"code":42,"message":"failed \"on\" purpose","data":null}})");
  EXPECT_TRUE(read.is_error());
  EXPECT_FALSE(read.is_file());
  EXPECT_EQ(read.code, 42);
  EXPECT_EQ(read.message, R"("failed \"on\" purpose")");
  EXPECT_EQ(read.data, "null");
  EXPECT_EQ(read.error, R"({"code":42,"message":"failed \"on\" purpose","data":null})");
}

TEST(parse_answer, what_an_error_leaves_out_has_the_real_clients_default) {
  for (const char* const body : {R"({"error":{}})", R"({"error":{"code":null,"message":null}})"}) {
    const answer read = good(body);
    EXPECT_TRUE(read.is_error());
    EXPECT_EQ(read.code, 0);
    EXPECT_EQ(read.message, R"("")");
    EXPECT_EQ(read.data, "");
  }
}

TEST(parse_answer, a_result_wins_over_an_error) {
  for (const char* const body :
       {R"({"result":1,"error":{"code":5,"message":"m"}})",
        R"({"error":{"code":5,"message":"m"},"result":1})",
        R"({"error":"not an object","result":1})", R"({"result":1,"error":null})"}) {
    const answer read = good(body);
    EXPECT_FALSE(read.is_error()) << body;
    EXPECT_EQ(read.result, "1");
    EXPECT_EQ(read.code, 0);
  }
  EXPECT_EQ(good(R"({"error":{"code":5},"result":null})").result, "null");
}

TEST(parse_answer, the_last_of_repeated_members_counts) {
  EXPECT_EQ(good(R"({"result":1,"res\u0075lt":2})").result, "2");
  EXPECT_EQ(good(R"({"error":{"code":1,"code":2}})").code, 2);
  EXPECT_EQ(good(R"({"error":{"code":1},"error":{"code":3}})").code, 3);
}

TEST(parse_answer, codes_are_any_int64) {
  EXPECT_EQ(good(R"({"error":{"code":-9223372036854775808}})").code, INT64_MIN);
  EXPECT_EQ(good(R"({"error":{"code":9223372036854775807}})").code, INT64_MAX);
}

TEST(parse_answer, refuses_what_is_no_answer) {
  for (const char* const body : {"",
                                 "0",
                                 "null",
                                 "[]",
                                 "{}",
                                 "\"result\"",
                                 R"(["result",1])",
                                 R"({"id":1})",
                                 R"({"Result":1})",
                                 R"({"error":null})",
                                 R"({"error":"text"})",
                                 R"({"error":1})",
                                 R"({"error":[]})",
                                 R"({"error":{"code":"42"}})",
                                 R"({"error":{"code":"HY000","message":"m"}})",
                                 R"({"error":{"code":1.0}})",
                                 R"({"error":{"code":1e2}})",
                                 R"({"error":{"code":true}})",
                                 R"({"error":{"code":[]}})",
                                 R"({"error":{"code":9223372036854775808}})",
                                 R"({"error":{"code":1,"message":5}})",
                                 R"({"error":{"code":1,"message":["m"]}})",
                                 R"({"result":1)",
                                 R"({"result":1}x)",
                                 R"({"result":})",
                                 R"({"result":01})",
                                 R"({"result":1,})",
                                 "{\"result\":\"\xff\"}",
                                 R"([{"result":1}])",
                                 "@action_interface"}) {
    EXPECT_EQ(parse_answer(body), std::nullopt) << body;
  }
}

TEST(parse_answer, refuses_depth_bombs) {
  const auto nested = [](std::size_t depth) {
    return R"({"result":)" + std::string(depth, '[') + std::string(depth, ']') + "}";
  };
  EXPECT_NE(parse_answer(nested(json_depth_max - 1)), std::nullopt);
  EXPECT_EQ(parse_answer(nested(json_depth_max)), std::nullopt);
  EXPECT_EQ(parse_answer(nested(1000000)), std::nullopt);
}

TEST(append_result, writes_as_the_real_server) {
  std::string out = "x";
  append_result(out, R"("hello, world")");
  EXPECT_EQ(out, R"(x{"jsonrpc":"2.0","id":"","result":"hello, world"})");
  out.clear();
  append_result(out, "null", "17");
  EXPECT_EQ(out, R"({"jsonrpc":"2.0","id":17,"result":null})");
}

TEST(append_error, writes_as_the_real_server) {
  std::string out = "x";
  append_error(out, 42, "failed on purpose");
  EXPECT_EQ(out, R"(x{"jsonrpc":"2.0","id":"","error":{"code":42,"message":"failed on purpose",)"
                 R"("data":null}})");
  out.clear();
  append_error(out, -32001, "a \"b\"\n/\xff", R"({"retry":true})", "null");
  EXPECT_EQ(out,
            "{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32001,"
            "\"message\":\"a \\\"b\\\"\\n\\/\uFFFD\",\"data\":{\"retry\":true}}}");
  const answer read = good(out);
  EXPECT_EQ(read.code, -32001);
  EXPECT_EQ(decode_string(read.message), "a \"b\"\n/\uFFFD");
  EXPECT_EQ(read.data, R"({"retry":true})");
}

TEST(append_with_id, keeps_the_bytes_of_result_and_error) {
  std::string out = "x";
  append_with_id(out, good(R"({"jsonrpc":"2.0","id":"","result": [1.0, 2e1 ,"\/"] })"), R"("c-1")");
  EXPECT_EQ(out, R"(x{"jsonrpc":"2.0","id":"c-1","result":[1.0, 2e1 ,"\/"]})");
  out.clear();
  append_with_id(out, good(R"({"error": {"message":"m","code":5,"more":1}, "id":""})"), "null");
  EXPECT_EQ(out, R"({"jsonrpc":"2.0","id":null,"error":{"message":"m","code":5,"more":1}})");
}

TEST(http_status, maps_our_own_codes_and_leaves_the_rest_at_200) {
  struct row {
    std::int64_t code;
    int status;
  };
  for (const row& expected :
       {row{code::parse_error, 400}, row{code::invalid_request, 400}, row{code::no_server, 503},
        row{code::outcome_unknown, 502}, row{code::deadline_passed, 504},
        row{code::overloaded, 503}, row{code::not_allowed, 403}, row{code::too_large, 413},
        row{code::accepted, 202}, row{code::key_conflict, 422}, row{code::call_ended, 410},
        row{code::in_progress, 409}, row{code::method_not_found, 200},
        row{code::invalid_params, 200}, row{code::internal_error, 200}, row{0, 200}, row{42, 200},
        row{-32006, 200}, row{404, 200}}) {
    EXPECT_EQ(http_status(expected.code), expected.status) << expected.code;
  }
}

TEST(answer, an_error_as_a_frame) {
  std::string body;
  append_error(body, 7, "m", "[]");
  std::string expected = "before";
  append_frame(expected, frame_type::message, body);
  std::string out = "before";
  append_error_frame(out, 7, "m", "[]");
  EXPECT_EQ(out, expected);
}

}  // namespace
}  // namespace understudy::wire
