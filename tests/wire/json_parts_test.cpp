#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "wire/json_text.hpp"

namespace understudy::wire {
namespace {

using namespace std::string_literals;

using pairs = std::vector<std::pair<std::string, std::string>>;

pairs members_of(std::string_view container) {
  pairs found;
  for_each_member(container, [&](const json_member& member) {
    found.emplace_back(member.key, member.value);
    return true;
  });
  return found;
}

TEST(for_each_member, gives_the_members_of_an_object_in_order) {
  const pairs expected = {
      {"a", "1"}, {"b", R"([1, {"x":2}])"}, {R"(c\n)", R"("} , {")"}, {"", "{}"}};
  EXPECT_EQ(members_of(R"({"a":1,"b":[1, {"x":2}],"c\n":"} , {","":{}})"), expected);
  EXPECT_EQ(members_of(" { \"a\" : 1 , \"b\" :[1, {\"x\":2}] ,\"c\\n\": \"} , {\"\n,\t\"\":{} } "),
            expected);
}

TEST(for_each_member, gives_the_elements_of_an_array_with_empty_keys) {
  const pairs expected = {{"", "1"}, {"", "[2]"}, {"", "\"3\""}};
  EXPECT_EQ(members_of(" [1 , [2], \"3\" ] "), expected);
}

TEST(for_each_member, has_nothing_in_empty_containers_and_other_kinds) {
  for (const char* const text : {"{}", "[]", " { } ", "[\n]", "1", "\"{}\"", "null", "", " "}) {
    EXPECT_TRUE(members_of(text).empty()) << text;
  }
}

TEST(for_each_member, stops_when_told) {
  int visits = 0;
  for_each_member("[1,2,3]", [&](const json_member& member) {
    ++visits;
    return member.value != "2";
  });
  EXPECT_EQ(visits, 2);
}

TEST(for_each_member, gives_what_is_valid_before_the_first_error) {
  const pairs expected = {{"a", "1"}};
  for (const char* const text :
       {R"({"a":1,"b":})", R"({"a":1,})", R"({"a":1)", R"({"a":1 "b":2})"}) {
    EXPECT_EQ(members_of(text), expected) << text;
  }
}

bool reads_to_its_end(std::string_view text, unsigned depth_max = json_depth_max) {
  member_reader members(text, depth_max);
  json_member member;
  while (members.next(member)) {
  }
  EXPECT_FALSE(members.next(member)) << "once at its end it stays there";
  return members.valid();
}

TEST(member_reader, validates_on_the_way) {
  for (const char* const text : {"{}", "[]", " [ ] ", R"({"a":1})", R"([1,[2],{"a":"\u00e9"}])"}) {
    EXPECT_TRUE(reads_to_its_end(text)) << text;
  }
  for (const char* const text : {"",
                                 "1",
                                 "\"a\"",
                                 "[",
                                 "{",
                                 "[1",
                                 "[1,",
                                 "[1,]",
                                 "[,]",
                                 "{\"a\"}",
                                 "{\"a\":1,}",
                                 "[]]",
                                 "{}x",
                                 "[1]2",
                                 "[01]",
                                 "[\"\xff\"]",
                                 "{\"\xff\":1}",
                                 R"({"\ud800":1})",
                                 "[1}",
                                 "{\"a\":1]"}) {
    EXPECT_FALSE(reads_to_its_end(text)) << text;
  }
}

TEST(member_reader, counts_the_container_itself_as_depth) {
  EXPECT_TRUE(reads_to_its_end("[1]", 1));
  EXPECT_FALSE(reads_to_its_end("[[1]]", 1));
  EXPECT_TRUE(reads_to_its_end("[[1]]", 2));
  const std::string deepest = std::string(json_depth_max, '[') + std::string(json_depth_max, ']');
  EXPECT_TRUE(reads_to_its_end(deepest));
  EXPECT_FALSE(reads_to_its_end("[" + deepest + "]"));
}

TEST(key_is, compares_decoded_keys) {
  const auto first_is = [](std::string_view object, std::string_view name) {
    member_reader members(object);
    json_member member;
    return members.next(member) && key_is(member, name);
  };
  EXPECT_TRUE(first_is(R"({"method":1})", "method"));
  EXPECT_TRUE(first_is(R"({"m\u0065thod":1})", "method"));
  EXPECT_TRUE(first_is(R"({"\u006D\u0065\u0074\u0068\u006f\u0064":1})", "method"));
  EXPECT_TRUE(first_is(R"({"\/":1})", "/"));
  EXPECT_TRUE(first_is(R"({"":1})", ""));
  EXPECT_TRUE(first_is("{\"\u4e16\":1}", "\u4e16"));
  EXPECT_TRUE(first_is(R"({"\u4e16":1})", "\u4e16"));
  EXPECT_TRUE(first_is(R"({"a\\b":1})", "a\\b"));
  EXPECT_FALSE(first_is(R"({"a\\b":1})", "a\\\\b"));
  EXPECT_FALSE(first_is(R"({"m\u0065thod":1})", R"(m\u0065thod)"));
  EXPECT_FALSE(first_is(R"({"Method":1})", "method"));
  EXPECT_FALSE(first_is(R"({"method\u0000":1})", "method"));
}

TEST(find_member, gives_the_last_of_repeated_members) {
  EXPECT_EQ(find_member(R"({"a":1,"b":2,"a":3})", "a"), "3");
  EXPECT_EQ(find_member(R"({"a":1,"\u0061":[4]})", "a"), "[4]");
  EXPECT_EQ(find_member(R"({"a": "x" })", "a"), "\"x\"");
  EXPECT_EQ(find_member(R"({"a":{"b":1}})", "b"), std::nullopt);
  EXPECT_EQ(find_member(R"({"":7})", ""), "7");
}

TEST(find_member, has_nothing_in_other_kinds) {
  for (const char* const text : {"[1]", "[]", "1", "null", "\"a\"", ""}) {
    EXPECT_EQ(find_member(text, ""), std::nullopt) << text;
  }
}

TEST(decode_string, decodes_escapes) {
  EXPECT_EQ(decode_string(R"("")"), "");
  EXPECT_EQ(decode_string(R"("plain")"), "plain");
  EXPECT_EQ(decode_string(R"("\"\\\/\b\f\n\r\t")"), "\"\\/\b\f\n\r\t");
  EXPECT_EQ(decode_string(R"("a\u0041\u00e9\u4e16z")"), "aA\u00e9\u4e16z");
  EXPECT_EQ(decode_string(R"("\uD83D\uDE00\uDBFF\uDFFF")"), "\U0001F600\U0010FFFF");
  EXPECT_EQ(decode_string(R"("\u0000")"), "\0"s);
  EXPECT_EQ(decode_string("\"\u4e16\""), "\u4e16");
  EXPECT_EQ(decode_string(R"("\u007f\u0080\u07ff\u0800\uffff")"), "\u007f\u0080\u07ff\u0800\uffff");
}

TEST(decode_string, half_a_surrogate_pair_becomes_the_replacement_character) {
  EXPECT_EQ(decode_string(R"("\ud800")"), "\uFFFD");
  EXPECT_EQ(decode_string(R"("\udc00x")"), "\uFFFDx");
  EXPECT_EQ(decode_string(R"("\ud800\u0041")"),
            "\uFFFD"
            "A");
  EXPECT_EQ(decode_string(R"("\ud800\ud83d\ude00")"), "\uFFFD\U0001F600");
}

TEST(decode_string, is_empty_for_other_kinds) {
  for (const char* const text : {"", "1", "null", "[\"a\"]", "\""}) {
    EXPECT_EQ(decode_string(text), "") << text;
  }
}

std::string written(std::string_view text) {
  std::string out;
  append_string(out, text);
  return out;
}

TEST(append_string, escapes_as_php_does) {
  EXPECT_EQ(written(""), R"("")");
  EXPECT_EQ(written("a/b"), R"("a\/b")");
  EXPECT_EQ(written("\"\\\b\f\n\r\t"), R"("\"\\\b\f\n\r\t")");
  EXPECT_EQ(written("\x01\x1f\0"s), R"("\u0001\u001f\u0000")");
  EXPECT_EQ(written("\x7f"), "\"\x7f\"");
  EXPECT_EQ(written("\u4e16\u754c \U0001F600"), "\"\u4e16\u754c \U0001F600\"");
}

TEST(append_string, replaces_bytes_that_are_not_utf8) {
  EXPECT_EQ(written("\xff"), "\"\uFFFD\"");
  EXPECT_EQ(written("a\xe4\xb8z"), "\"a\uFFFD\uFFFDz\"");
  EXPECT_EQ(written("\xed\xa0\x80"), "\"\uFFFD\uFFFD\uFFFD\"");
  EXPECT_EQ(written("\u4e16\xf0\x9f\x98"), "\"\u4e16\uFFFD\uFFFD\uFFFD\"");
}

TEST(append_string, escapes_wherever_the_byte_stands_and_says_what_is_not_utf8) {
  for (std::size_t length = 1; length <= 20; ++length) {
    for (std::size_t at = 0; at < length; ++at) {
      for (const std::string_view byte : {"/", "\"", "\\", "\n", "\xff", "a"}) {
        const std::string text =
            std::string(at, 'x') + std::string(byte) + std::string(length - at - 1, 'x');
        std::string out;
        EXPECT_EQ(append_string(out, text), byte != "\xff");
        EXPECT_TRUE(json_valid(out)) << out;
        EXPECT_EQ(out.size(), text.size() + 2 + (byte == "\xff" ? 2 : byte == "a" ? 0 : 1)) << out;
        EXPECT_EQ(utf8_valid(text), byte != "\xff");
      }
    }
  }
}

TEST(append_string, round_trips_every_byte_pair) {
  for (int first = 0; first < 128; ++first) {
    for (int second = 0; second < 128; ++second) {
      const std::string text = {static_cast<char>(first), static_cast<char>(second)};
      ASSERT_TRUE(json_valid(written(text)));
      ASSERT_EQ(decode_string(written(text)), text);
    }
  }
}

TEST(append_string, round_trips_code_points_of_every_length) {
  for (unsigned point = 0; point < 0x110000; point += point < 0x3000 ? 1 : 13) {
    if (point >= 0xD800 && point < 0xE000) continue;
    char digits[16];
    if (point < 0x10000) {
      std::snprintf(digits, sizeof digits, "\"\\u%04x\"", point);
    } else {
      std::snprintf(digits, sizeof digits, "\"\\u%04x\\u%04x\"", 0xD800 + ((point - 0x10000) >> 10),
                    0xDC00 + ((point - 0x10000) & 0x3FF));
    }
    const std::string text = decode_string(digits);
    ASSERT_TRUE(utf8_valid(text)) << digits;
    ASSERT_EQ(decode_string(written(text)), text) << digits;
  }
}

TEST(utf8_valid, takes_the_edges_of_each_length) {
  for (const char* const text :
       {"", "a", "\u007f", "\u0080", "\u07ff", "\u0800", "\ud7ff", "\ue000", "\uffff", "\U00010000",
        "\U0010FFFF", "a\u4e16b\U0001F600"}) {
    EXPECT_TRUE(utf8_valid(text)) << text;
  }
  EXPECT_TRUE(utf8_valid("\0"s));
}

TEST(decode_int, takes_plain_integers_that_fit) {
  EXPECT_EQ(decode_int("0"), 0);
  EXPECT_EQ(decode_int("-0"), 0);
  EXPECT_EQ(decode_int("42"), 42);
  EXPECT_EQ(decode_int("-32700"), -32700);
  EXPECT_EQ(decode_int("9223372036854775807"), INT64_MAX);
  EXPECT_EQ(decode_int("-9223372036854775808"), INT64_MIN);
}

TEST(decode_int, refuses_all_else) {
  for (const char* const text : {"9223372036854775808", "-9223372036854775809", "1.0", "1e2", "1E2",
                                 "0.5", "\"1\"", "null", "true", "[1]", "", "-", "1 "}) {
    EXPECT_EQ(decode_int(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace understudy::wire
