#include "wire/description.hpp"

#include <gtest/gtest.h>

#include <string>

#include "wire/json_text.hpp"

namespace understudy::wire {
namespace {

using namespace std::string_literals;

// One service with one method of this comment: is it idempotent?
bool idempotent(std::string_view comment) {
  std::string text = R"({"S":{"m":{"comment":)";
  append_string(text, comment);
  const auto services = parse_description(text + "}}}");
  return services.value().at(0).methods.at(0).idempotent;
}

TEST(parse_description, reads_services_and_methods_in_order) {
  const auto services = parse_description(
      R"({"B":{"y":{"parameters":[],"returnType":"int","comment":"\/** two *\/"},)"
      R"("x":{"comment":false}}, "A": {} ,"C":[]})");
  ASSERT_TRUE(services);
  ASSERT_EQ(services->size(), 3u);
  const service_description& first = services->at(0);
  EXPECT_EQ(first.name, "B");
  ASSERT_EQ(first.methods.size(), 2u);
  EXPECT_EQ(first.methods[0].name, "y");
  EXPECT_EQ(first.methods[0].comment, "/** two */");
  EXPECT_EQ(first.methods[1].name, "x");
  EXPECT_EQ(first.methods[1].comment, "");
  EXPECT_EQ(services->at(1).text, "{}");
  EXPECT_TRUE(services->at(1).methods.empty());
  EXPECT_EQ(services->at(2).text, "[]") << "PHP's empty map";
}

TEST(parse_description, no_services_are_services) {
  for (const char* const text : {"{}", "[]", "[ ]"}) {
    const auto services = parse_description(text);
    ASSERT_TRUE(services) << text;
    EXPECT_TRUE(services->empty());
  }
}

TEST(parse_description, refuses_other_shapes) {
  for (const char* const text :
       {"null", "1", "\"S\"", "[1]", R"([{"S":{}}])", R"({"S":null})", R"({"S":"text"})",
        R"({"S":[{}]})", R"({"S":{"m":null}})", R"({"S":{"m":[]}})", R"({"S":{"m":"text"}})",
        R"({"S":{},"T":7})", R"({"S":{"m":{},"n":false}})", ""}) {
    EXPECT_EQ(parse_description(text), std::nullopt) << text;
  }
}

TEST(parse_description, a_comment_of_another_kind_is_none) {
  for (const char* const comment : {"false", "null", "1", "[\"@idempotent\"]", "{}"}) {
    const auto services = parse_description(R"({"S":{"m":{"comment":)"s + comment + "}}}");
    ASSERT_TRUE(services) << comment;
    EXPECT_EQ(services->at(0).methods.at(0).comment, "");
    EXPECT_FALSE(services->at(0).methods.at(0).idempotent);
  }
}

TEST(parse_description, the_last_of_a_repeated_name_counts) {
  const auto services = parse_description(
      R"({"S":{"m":{"comment":"@idempotent"},"\u006d":{"comment":"no"}},"T":{},"S":{"n":{}}})");
  ASSERT_TRUE(services);
  ASSERT_EQ(services->size(), 2u);
  EXPECT_EQ(services->at(0).name, "S");
  EXPECT_EQ(services->at(0).methods.at(0).name, "n");
  const auto twice =
      parse_description(R"({"S":{"m":{"comment":"@idempotent"},"\u006d":{"comment":"no"}}})");
  ASSERT_EQ(twice.value().at(0).methods.size(), 1u);
  EXPECT_FALSE(twice->at(0).methods[0].idempotent);
}

TEST(parse_description, many_names_take_linear_time) {
  std::string text = "{";
  for (int i = 0; i < 200000; ++i) text += "\"" + std::to_string(i) + "\":{},";
  text.back() = '}';
  EXPECT_EQ(parse_description(text).value().size(), 200000u);
}

TEST(idempotent, is_declared_by_a_tag_at_the_beginning_of_a_line) {
  for (const char* const comment :
       {"@idempotent", "/** @idempotent */", "/**\n * Reads.\n * @idempotent\n */",
        "/**\r\n\t * @idempotent\r\n */", "/** Reads.\n@idempotent*/",
        " * @idempotent: may be repeated", "not @idempotent\n * @idempotent",
        "/** @idempotent(true) */"}) {
    EXPECT_TRUE(idempotent(comment)) << comment;
  }
}

TEST(idempotent, is_not_declared_by_a_mention) {
  for (const char* const comment :
       {"", "/** */", "idempotent", "/** This is not @idempotent */", "a@idempotent",
        "@idempotently", "@idempotent-not", "@idempotent_2", "@idempotent\\x", "@Idempotent",
        "@@idempotent", "/**\n * never say @idempotent\n */", "@return @idempotent",
        "@idempotent\u4e16"}) {
    EXPECT_FALSE(idempotent(comment)) << comment;
  }
}

TEST(format_description, lists_the_services_with_their_text) {
  EXPECT_EQ(format_description({}), "[]");
  EXPECT_EQ(format_description({{.name = "A", .text = "{}", .methods = {}},
                                {.name = "B\"", .text = R"({"m":{}})", .methods = {}}}),
            R"({"A":{},"B\"":{"m":{}}})");
}

TEST(format_description, what_it_writes_is_read_back) {
  const std::string text = R"({"A":{"m":{"parameters":[ 1.0 ],"comment":"@idempotent"}},"B":[]})";
  EXPECT_EQ(format_description(parse_description(text).value()), text);
}

}  // namespace
}  // namespace understudy::wire
