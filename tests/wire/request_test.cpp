#include "wire/request.hpp"

#include <gtest/gtest.h>

#include <string>
#include <understudy/error.hpp>
#include <vector>

#include "wire/json_text.hpp"

namespace understudy::wire {
namespace {

using namespace std::string_literals;

// The request, or what was wrong with it as a test failure.
request good(std::string_view body) {
  auto result = parse_request(body);
  if (const auto* error = std::get_if<request_error>(&result)) {
    ADD_FAILURE() << body << ": " << error->code << " " << error->message;
    return {};
  }
  return std::get<request>(std::move(result));
}

request_error bad(std::string_view body) {
  auto result = parse_request(body);
  if (std::holds_alternative<request>(result)) {
    ADD_FAILURE() << "accepted: " << body;
    return {};
  }
  return std::get<request_error>(std::move(result));
}

TEST(parse_request, reads_what_the_real_client_writes) {
  const std::string body =
      R"({"jsonrpc":"2.0","method":"UserInterface@hello","params":["world"],"context":[],"id":""})";
  const request read = good(body);
  EXPECT_FALSE(read.action_interface);
  EXPECT_EQ(read.method, "UserInterface@hello");
  EXPECT_EQ(read.service(), "UserInterface");
  EXPECT_EQ(read.name(), "hello");
  EXPECT_EQ(read.params, R"(["world"])");
  EXPECT_EQ(read.context, "[]");
  EXPECT_EQ(read.id, R"("")");
}

TEST(parse_request, copies_nothing_but_the_method) {
  const std::string body = R"({"method":"A@b","params":[1],"context":{"k":2},"id":3})";
  const request read = good(body);
  for (const std::string_view part : {read.params, read.context, read.id}) {
    EXPECT_GE(part.data(), body.data());
    EXPECT_LE(part.data() + part.size(), body.data() + body.size());
  }
}

std::vector<std::string_view> elements_of(const request& read) {
  return {read.elements.data(), read.elements.data() + read.element_count};
}

std::vector<std::string_view> elements_in(std::string_view params) {
  std::vector<std::string_view> found;
  for_each_member(params, [&](const json_member& member) {
    found.push_back(member.value);
    return true;
  });
  return found;
}

TEST(parse_request, elements_of_params_are_found_on_the_way) {
  const auto usual = [](const std::string& params) {
    return R"({"jsonrpc":"2.0","method":"A@b","params":)" + params + R"(,"context":[],"id":""})";
  };
  using values = std::vector<std::string_view>;
  EXPECT_EQ(elements_of(good(usual(R"( ["x"])"))), values());
  const std::string mixed = usual(R"(["a,]", [1,[2]] ,{"k":3}, null])");
  EXPECT_EQ(elements_of(good(mixed)), (values{R"("a,]")", "[1,[2]]", R"({"k":3})", "null"}));
  const std::string most = usual("[1,2,3,4]");
  EXPECT_EQ(elements_of(good(most)).size(), 4u);
  for (const auto* none : {"[]", "[ ]", "{}", R"({"a":1})", "null", "[1,2,3,4,5]"})
    EXPECT_EQ(elements_of(good(usual(none))), values()) << none;
  EXPECT_EQ(elements_of(good(R"({"method":"A@b","params":[1]})")), values());
}

// What the two ways of reading must agree on. White space before the body keeps the short way, for
// what the real client writes, from taking it.
void expect_same_both_ways(const std::string& body) {
  const std::string spaced = " " + body;
  const auto usual = parse_request(body);
  const auto general = parse_request(spaced);
  ASSERT_EQ(usual.index(), general.index()) << body;
  if (const auto* error = std::get_if<request_error>(&usual)) {
    const auto& other = std::get<request_error>(general);
    EXPECT_EQ(error->code, other.code) << body;
    EXPECT_EQ(error->id, other.id) << body;
    return;
  }
  const auto& a = std::get<request>(usual);
  const auto& b = std::get<request>(general);
  EXPECT_EQ(a.method, b.method) << body;
  EXPECT_EQ(a.at, b.at) << body;
  EXPECT_EQ(a.params, b.params) << body;
  EXPECT_EQ(a.context, b.context) << body;
  EXPECT_EQ(a.id, b.id) << body;
  if (a.element_count == 0) return;
  EXPECT_EQ(elements_of(a), elements_in(a.params)) << body;
}

TEST(parse_request, the_short_way_reads_as_the_general_one) {
  const std::string nested =
      std::string(json_depth_max - 1, '[') + std::string(json_depth_max - 1, ']');
  const std::vector<std::string> values = {R"("A@b")",
                                           R"("A@b@c")",
                                           R"("A\u0040b")",
                                           R"("A@b\\n")",
                                           R"("A@b\n")",
                                           R"("A@\u00e9")",
                                           R"("A@\xc3\xa9")",
                                           "\"A@\xc3\xa9\"",
                                           "\"A@\xff\"",
                                           R"("")",
                                           R"("@")",
                                           R"("0@1")",
                                           "null",
                                           "true",
                                           "false",
                                           "0",
                                           "-1.5e3",
                                           "[]",
                                           "{}",
                                           "[ ]",
                                           R"({"k":[1,{"l":"}"}]})",
                                           R"(["x","\/"])",
                                           R"(["]",",\"context\":"])",
                                           "[1",
                                           "]",
                                           "",
                                           " []",
                                           "[] ",
                                           R"([],"params":[2])",
                                           R"({"a":1},"id":7)",
                                           nested,
                                           "[" + nested + "]"};
  for (const auto& method : values)
    for (const auto& params : values)
      for (const auto& context :
           {"[]"s, R"({"a":{}})"s, "null"s, "3"s, ""s, nested, "[" + nested + "]"})
        expect_same_both_ways(R"({"jsonrpc":"2.0","method":)" + method + R"(,"params":)" + params +
                              R"(,"context":)" + context + R"(,"id":""})");
}

TEST(parse_request, the_short_way_takes_damaged_texts_as_the_general_one) {
  const std::string whole =
      R"({"jsonrpc":"2.0","method":"U@hello","params":["world",{"a":1}],"context":{},"id":""})";
  for (std::size_t at = 0; at < whole.size(); ++at) {
    expect_same_both_ways(whole.substr(0, at) + whole.substr(at + 1));
    for (const char c : "\"\\{}[],: 0\x80\x1f"s) {
      std::string damaged = whole;
      damaged[at] = c;
      expect_same_both_ways(damaged);
      expect_same_both_ways(whole.substr(0, at) + c + whole.substr(at));
    }
  }
}

TEST(parse_request, a_request_that_is_used_again_keeps_nothing_of_the_one_before) {
  const std::vector<std::string> bodies = {
      R"({"jsonrpc":"2.0","method":"A@b","params":[1,2],"context":[],"id":""})",
      R"({"jsonrpc":"2.0","method":"A@b","params":[],"context":[],"id":""})",
      R"({"method":"A@b\\n","params":[1],"context":{"k":2},"id":3})",
      R"({"method":"A@b\n"})",  // the decoded name before, now with an escape
      R"({"method":"A@b\n"})",
      R"({"method":"A@b","params":null})",
      R"({"method":"A@b@c"})",
      R"({"method":"A"})",
      R"({"method":"A@b"})",
      "@action_interface",
      R"({"method":null})",
      R"({"method":"a@B","id":1})"};
  request used;
  for (const auto& body : bodies) {
    const auto fresh = parse_request(body);
    const auto error = parse_request(body, used);
    const auto* const expected = std::get_if<request>(&fresh);
    ASSERT_EQ(error.has_value(), expected == nullptr) << body;
    if (expected == nullptr) continue;
    ASSERT_EQ(used.action_interface, expected->action_interface) << body;
    if (used.action_interface) continue;
    EXPECT_EQ(used.method, expected->method) << body;
    EXPECT_EQ(used.at, expected->at) << body;
    EXPECT_EQ(used.params, expected->params) << body;
    EXPECT_EQ(used.context, expected->context) << body;
    EXPECT_EQ(used.id, expected->id) << body;
    EXPECT_EQ(elements_of(used).size(), elements_of(*expected).size()) << body;
  }
}

TEST(parse_request, the_bare_text_asks_for_the_services) {
  EXPECT_TRUE(good("@action_interface").action_interface);
  for (const char* const text : {"@action_interface ", " @action_interface", "@Action_interface"}) {
    EXPECT_EQ(bad(text).code, code::parse_error) << text;
  }
  EXPECT_EQ(bad(R"("@action_interface")").code, code::invalid_params);
}

TEST(parse_request, what_is_left_out_or_null_has_its_default) {
  for (const char* const body :
       {R"({"method":"A@b"})", R"({"method":"A@b","params":null,"context":null})"}) {
    const request read = good(body);
    EXPECT_EQ(read.params, "[]");
    EXPECT_EQ(read.context, "[]");
    EXPECT_EQ(read.id, "");
  }
  EXPECT_EQ(good(R"({"method":"A@b","id":null})").id, "null");
}

TEST(parse_request, params_and_context_are_objects_or_arrays) {
  const request read = good(R"({"params":{"b":2,"a":1},"context":{"trace":"abc"},"method":"A@b"})");
  EXPECT_EQ(read.params, R"({"b":2,"a":1})");
  EXPECT_EQ(read.context, R"({"trace":"abc"})");
  EXPECT_EQ(good(R"({"method":"A@b","context":[1,2]})").context, "[1,2]") << "a PHP list";
  for (const char* const value : {"1", "0", "\"w\"", "\"\"", "true", "false", "1.5"}) {
    EXPECT_EQ(bad(R"({"method":"A@b","params":)"s + value + "}").code, code::invalid_params);
    EXPECT_EQ(bad(R"({"method":"A@b","context":)"s + value + "}").code, code::invalid_params);
  }
}

TEST(parse_request, white_space_other_members_and_order_do_not_matter) {
  const request read = good(
      " {\n\"x\" : {\"method\":\"C@d\"} , \"params\":[ 1 ] ,\t\"method\" : \"A@b\" , \"id\" : [1] "
      "} \r\n");
  EXPECT_EQ(read.method, "A@b");
  EXPECT_EQ(read.params, "[ 1 ]");
  EXPECT_EQ(read.id, "[1]");
}

TEST(parse_request, the_last_of_repeated_members_counts) {
  const request read =
      good(R"({"method":"A@b","params":[1],"id":1,"method":"C@d","params":[2],"id":2})");
  EXPECT_EQ(read.method, "C@d");
  EXPECT_EQ(read.params, "[2]");
  EXPECT_EQ(read.id, "2");
  EXPECT_EQ(bad(R"({"method":"A@b","method":null})").code, code::invalid_params);
  EXPECT_EQ(good(R"({"method":"A@b","params":"w","params":null})").params, "[]");
}

TEST(parse_request, keys_and_methods_may_be_written_with_escapes) {
  EXPECT_EQ(good(R"({"m\u0065thod":"A@b"})").method, "A@b");
  EXPECT_EQ(good(R"({"method":"A@b","\u006dethod":"C@d"})").method, "C@d")
      << "a second spelling must not hide a method from the rules";
  EXPECT_EQ(good(R"({"method":"User\u0049nterface\u0040hello"})").name(), "hello");
  EXPECT_EQ(good(R"({"method":"\u7528\u6237@\u4f60"})").service(), "\u7528\u6237");
}

TEST(parse_request, a_second_at_ends_the_method_as_in_the_real_server) {
  const request read = good(R"({"method":"A@place@get"})");
  EXPECT_EQ(read.method, "A@place");
  EXPECT_EQ(read.name(), "place");
  EXPECT_EQ(good(R"({"method":"A@b@"})").method, "A@b");
  EXPECT_EQ(bad(R"({"method":"A@@b"})").message, "Interface(A) or Method(A@@b) can not be empty!");
}

TEST(parse_request, a_missing_method_is_refused_with_the_body_in_the_message) {
  for (const char* const body :
       {R"({"params":[]})", R"({"method":""})", R"({"method":null})", R"({"method":"0"})",
        R"({"method":0})", R"({"method":-0.0e7})", R"({"method":false})", R"({"method":[]})",
        R"({"method":{}})", "{}", "[]", "123", "\"text\"", "null", "true", "0.0",
        R"([{"jsonrpc":"2.0","method":"A@b","id":1}])", R"(["method","A@b"])",
        R"({"Method":"A@b"})"}) {
    const request_error error = bad(body);
    EXPECT_EQ(error.code, code::invalid_params) << body;
    EXPECT_EQ(error.message, "Method("s + body + ") cant not be empty!");
  }
}

TEST(parse_request, a_method_without_its_parts_is_refused) {
  struct row {
    const char* method;
    const char* message;
  };
  for (const row& expected : {
           row{R"("hello")", "Method(hello) is bad format!"},
           row{R"("0.0")", "Method(0.0) is bad format!"},
           row{"5", "Method(5) is bad format!"},
           row{"true", "Method(1) is bad format!"},
           row{R"("@")", "Interface() or Method(@) can not be empty!"},
           row{R"("@hello")", "Interface() or Method(@hello) can not be empty!"},
           row{R"("A@")", "Interface(A) or Method(A@) can not be empty!"},
           row{R"("0@b")", "Interface(0) or Method(0@b) can not be empty!"},
           row{R"("A@0")", "Interface(A) or Method(A@0) can not be empty!"},
           row{R"(["a"])", "Method must be a string!"},
           row{R"({"a":1})", "Method must be a string!"},
       }) {
    const std::string body = R"({"id":7,"method":)"s + expected.method + "}";
    const request_error error = bad(body);
    EXPECT_EQ(error.code, code::invalid_params) << expected.method;
    EXPECT_EQ(error.message, expected.message);
    EXPECT_EQ(error.id, "7");
  }
}

TEST(parse_request, what_is_not_json_is_refused_with_the_body_in_the_message) {
  for (const char* const body :
       {R"({"jsonrpc":"2.0","method":)", "{", "x", "GET / HTTP/1.1", R"({"method":"A@b"}x)",
        R"({"method":"A@b",})", R"({"method":"A@b"}{"method":"A@b"})", "00", " "}) {
    const request_error error = bad(body);
    EXPECT_EQ(error.code, code::parse_error) << body;
    EXPECT_EQ(error.message, "Data("s + body + ") is not json format!");
    EXPECT_EQ(error.id, "");
  }
}

TEST(parse_request, what_is_not_utf8_is_refused_with_a_readable_message) {
  const request_error error = bad("{\"method\":\"A@b\",\"params\":[\"\xff\"]}");
  EXPECT_EQ(error.code, code::parse_error);
  EXPECT_EQ(error.message,
            "Data({\"method\":\"A@b\",\"params\":[\"\uFFFD\"]}) is not json format!");
}

TEST(parse_request, what_would_hang_a_real_worker_is_refused) {
  EXPECT_EQ(bad("").code, code::invalid_request);
  EXPECT_EQ(bad("0").code, code::invalid_request);
  EXPECT_FALSE(bad("").message.empty());
}

TEST(parse_request, echoed_text_is_cut_at_a_character_and_stays_utf8) {
  for (const std::size_t before : {0, 1, 2, 3}) {
    std::string text(before, 'x');
    for (int i = 0; i < 1000; ++i) text += "\u4e16";
    const request_error malformed = bad("{" + text);
    EXPECT_LE(malformed.message.size(), 300u);
    EXPECT_TRUE(utf8_valid(malformed.message));
    EXPECT_NE(malformed.message.find("...) is not json format!"), std::string::npos);
    const request_error no_at = bad(R"({"method":")" + text + "\"}");
    EXPECT_LE(no_at.message.size(), 300u);
    EXPECT_TRUE(utf8_valid(no_at.message));
    EXPECT_NE(no_at.message.find("...) is bad format!"), std::string::npos);
  }
  EXPECT_EQ(bad(std::string(256, 'x')).message,
            "Data(" + std::string(256, 'x') + ") is not json format!");
  EXPECT_TRUE(utf8_valid(bad(std::string(1000, '\xff')).message));
}

TEST(parse_request, depth_is_limited_as_in_php) {
  const auto nested = [](std::size_t depth) {
    return R"({"method":"A@b","params":)" + std::string(depth, '[') + std::string(depth, ']') + "}";
  };
  EXPECT_EQ(good(nested(json_depth_max - 1)).method, "A@b");
  EXPECT_EQ(bad(nested(json_depth_max)).code, code::parse_error);
  EXPECT_EQ(bad(nested(1000000)).code, code::parse_error);
}

TEST(append_request, writes_the_members_in_the_order_of_the_real_client) {
  std::string out = "x";
  append_request(out, "UserInterface@hello", R"(["world"])");
  EXPECT_EQ(out, R"(x{"jsonrpc":"2.0","method":"UserInterface@hello","params":["world"],)"
                 R"("context":[],"id":""})");
}

TEST(append_request, what_it_writes_is_read_back) {
  std::string out;
  append_request(out, "\u7528\u6237\"/@x\n", R"({"a":1})", R"({"trace":"t"})");
  const request read = good(out);
  EXPECT_EQ(read.method, "\u7528\u6237\"/@x\n");
  EXPECT_EQ(read.params, R"({"a":1})");
  EXPECT_EQ(read.context, R"({"trace":"t"})");
}

}  // namespace
}  // namespace understudy::wire
