#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "wire/json_text.hpp"

namespace understudy::wire {
namespace {

using namespace std::string_literals;

std::string repeat(std::string_view text, std::size_t times) {
  std::string out;
  for (std::size_t i = 0; i < times; ++i) out += text;
  return out;
}

TEST(json_valid, takes_what_the_rfc_allows) {
  const std::vector<std::string> texts = {"null",
                                          "true",
                                          "false",
                                          "0",
                                          "-0",
                                          "1",
                                          "-1",
                                          "10",
                                          "1.0",
                                          "0.5",
                                          "-0.0",
                                          "1e5",
                                          "1E+5",
                                          "1e-5",
                                          "1.5e300",
                                          "0e0",
                                          "1e400",
                                          "123456789012345678901234567890",
                                          R"("")",
                                          R"("a")",
                                          R"("\"\\\/\b\f\n\r\t")",
                                          R"("\u0000")",
                                          R"("\uD83D\uDE00")",
                                          R"("\uffff")",
                                          "\"\x7f\"",
                                          "\"\u4e16\u754c\"",
                                          "\"\U0001F600\"",
                                          "\"\U0010FFFF\"",
                                          "\"\uFEFF\"",
                                          "[]",
                                          "{}",
                                          "[[]]",
                                          "[1,2]",
                                          "[null]",
                                          R"({"a":1})",
                                          R"({"a":1,"a":2})",
                                          R"({"":{}})",
                                          " \t\r\n[ 1 , 2 ] \n",
                                          " { \"a\" : 1 , \"b\" : [ ] } ",
                                          R"([{},[],"",0,true])"};
  for (const std::string& text : texts) EXPECT_TRUE(json_valid(text)) << text;
}

TEST(json_valid, refuses_all_else) {
  const std::vector<std::string> texts = {
      // nothing, or more than one value
      "", " ", "1 2", "1,", "{}{}", "[]x", "null\0"s, "\0"s, "\0null"s,
      // words
      "nul", "nulll", "True", "NULL", "NaN", "Infinity", "-Infinity", "undefined", "t",
      // numbers
      "-", "+1", "01", "-01", "00", "1.", ".5", "-.5", "1e", "1e+", "1.e5", "0x10", "1_000", "--1",
      "1.2.3", "1e5.5", "1a", "\uff11",
      // strings
      "\"", "\"a", "'a'", R"("\)", R"("\")", R"("\x41")", R"("\u")", R"("\u12")", R"("\u123g")",
      R"("\U0041")", R"("\0")", "\"\n\"", "\"\t\"", "\"\x1f\"", "\"a\0b\""s, "\"a\"b\"",
      // arrays
      "[", "]", "[1", "[1,", "[1,]", "[,1]", "[1 2]", "[1;2]", "[1}", "[[1]", "[1]]",
      // objects
      "{", "}", "{1:2}", "{a:1}", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{,\"a\":1}",
      "{\"a\":1 \"b\":2}", "{\"a\" 1}", "{\"a\"::1}", "{\"a\":1]", "{\"a\":1,1}", "{null:1}",
      "{'a':1}", "{\"a\":1", "{\"a", "{\"a\":",
      // what only other dialects know
      "// c\n1", "/* c */1", "[1,/**/2]",
      "\xEF\xBB\xBF"
      "1",
      "\f1", "\v1",
      "\u00A0"
      "1",
      "1\u2028"};
  for (const std::string& text : texts) EXPECT_FALSE(json_valid(text)) << text;
}

TEST(json_valid, refuses_half_surrogate_pairs) {
  for (const char* const text :
       {R"("\ud800")", R"("\udbff")", R"("\udc00")", R"("\udfff")", R"("\ud800\ud800")",
        R"("\ud800a")", R"("\ud800\n")", R"("\ud800\u0041")", R"("\udc00\ud800")", R"("\ud83d\u")",
        R"("\ud83d\ude0")", R"("\uD83D\uDE00\uD83D")"}) {
    EXPECT_FALSE(json_valid(text)) << text;
  }
}

TEST(json_valid, refuses_bytes_that_are_not_utf8) {
  const std::vector<std::string> sequences = {"\xff",
                                              "\xfe",
                                              "\x80",
                                              "\xbf",
                                              "\xc0\x80",
                                              "\xc1\xbf",
                                              "\xc3",
                                              "\xc3\x28",
                                              "\xe4\xb8",
                                              "\xe4\x28\xad",
                                              "\xe0\x80\x80",
                                              "\xe0\x9f\xbf",
                                              "\xed\xa0\x80",
                                              "\xed\xbf\xbf",
                                              "\xf0\x9f\x98",
                                              "\xf0\x80\x80\x80",
                                              "\xf0\x8f\xbf\xbf",
                                              "\xf4\x90\x80\x80",
                                              "\xf5\x80\x80\x80",
                                              "\xf8\x88\x80\x80\x80",
                                              "\xf0\x9f\x98\x28"};
  for (const std::string& bad : sequences) {
    for (const std::size_t before : {0, 3, 7, 8, 30}) {
      const std::string padding(before, 'x');
      EXPECT_FALSE(json_valid("\"" + padding + bad + "\""));
      EXPECT_FALSE(json_valid("\"" + padding + bad + "behind it some more\""));
      EXPECT_FALSE(json_valid("{\"" + padding + bad + "\":1}"));
      EXPECT_FALSE(utf8_valid(padding + bad));
      EXPECT_FALSE(utf8_valid(padding + bad + "behind"));
    }
    EXPECT_FALSE(json_valid("[" + bad + "]"));
  }
}

// Eight bytes are looked at together: what ends a string must be seen at each place of them.
TEST(json_valid, sees_special_bytes_at_every_offset) {
  for (std::size_t before = 0; before < 40; ++before) {
    const std::string padding(before, '~');
    for (std::size_t behind = 0; behind < 20; ++behind) {
      const std::string tail(behind, ' ');
      EXPECT_TRUE(json_valid("\"" + padding + "\"" + tail));
      EXPECT_TRUE(json_valid("\"" + padding + "\\n" + tail + "\""));
      EXPECT_TRUE(json_valid("\"" + padding + "\u00e9" + tail + "\""));
      EXPECT_FALSE(json_valid("\"" + padding + "\"" + tail + "\""));
      EXPECT_FALSE(json_valid("\"" + padding + "\x01" + tail + "\""));
      EXPECT_FALSE(json_valid("\"" + padding + "\x1f" + tail + "\""));
      EXPECT_FALSE(json_valid("\"" + padding + "\\" + tail + "x\""));
    }
  }
}

TEST(json_valid, every_prefix_of_a_document_is_refused) {
  const std::string text =
      R"({"a":[1,-2.5e+10,true,false,null],"b":{"c":"\u00e9\uD83D\uDE00\n","d":{}},"e":[]})";
  ASSERT_TRUE(json_valid(text));
  for (std::size_t size = 0; size < text.size(); ++size) {
    EXPECT_FALSE(json_valid(std::string_view(text).substr(0, size))) << size;
  }
}

TEST(json_valid, depth_counts_containers) {
  EXPECT_TRUE(json_valid("1", 0));
  EXPECT_FALSE(json_valid("[]", 0));
  EXPECT_TRUE(json_valid("[]", 1));
  EXPECT_TRUE(json_valid(R"([1,{},2])", 2));
  EXPECT_FALSE(json_valid(R"([1,{},2])", 1));
  EXPECT_TRUE(json_valid(R"([[],[],[],{"a":1}])", 2)) << "breadth is not depth";
}

TEST(json_valid, depth_bombs) {
  const auto arrays = [](std::size_t n) { return repeat("[", n) + repeat("]", n); };
  const auto objects = [](std::size_t n) { return repeat(R"({"a":)", n) + "1" + repeat("}", n); };
  EXPECT_TRUE(json_valid(arrays(json_depth_max)));
  EXPECT_FALSE(json_valid(arrays(json_depth_max + 1)));
  EXPECT_TRUE(json_valid(objects(json_depth_max)));
  EXPECT_FALSE(json_valid(objects(json_depth_max + 1)));
  EXPECT_FALSE(json_valid(arrays(1000000)));
  EXPECT_FALSE(json_valid(objects(1000000)));
  EXPECT_FALSE(json_valid(repeat("[", 8000000)));
  EXPECT_FALSE(json_valid(repeat("[{\"a\":", 100000)));
}

TEST(json_valid_death, a_depth_beyond_the_maximum_is_our_bug) {
  EXPECT_DEATH((void)json_valid("1", json_depth_max + 1), "check failed");
}

TEST(kind_of, goes_by_the_first_byte) {
  EXPECT_EQ(kind_of("null"), json_kind::null);
  EXPECT_EQ(kind_of("true"), json_kind::boolean);
  EXPECT_EQ(kind_of("false"), json_kind::boolean);
  EXPECT_EQ(kind_of("-1"), json_kind::number);
  EXPECT_EQ(kind_of("0"), json_kind::number);
  EXPECT_EQ(kind_of("9.5"), json_kind::number);
  EXPECT_EQ(kind_of("\"\""), json_kind::string);
  EXPECT_EQ(kind_of("[]"), json_kind::array);
  EXPECT_EQ(kind_of("{}"), json_kind::object);
  EXPECT_EQ(kind_of(""), json_kind::invalid);
  EXPECT_EQ(kind_of("x"), json_kind::invalid);
}

}  // namespace
}  // namespace understudy::wire
