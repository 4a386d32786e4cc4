#include "wire/method_name.hpp"

#include <gtest/gtest.h>

#include <string>

namespace understudy::wire {
namespace {

TEST(method_name, patterns_name_an_interface_and_a_method) {
  for (const char* good : {"A@b", "*@*", "OrderInterface@get*", "A@?"}) {
    EXPECT_TRUE(method_pattern_valid(good)) << good;
  }
  for (const char* bad : {"", "A", "@b", "A@", "A@b@c", "*"}) {
    EXPECT_FALSE(method_pattern_valid(bad)) << bad;
  }
}

TEST(method_name, patterns_match_interfaces_by_case_and_methods_without) {
  EXPECT_TRUE(method_matches("OrderInterface@get*", "OrderInterface@get"));
  EXPECT_TRUE(method_matches("OrderInterface@get*", "OrderInterface@getAll"));
  EXPECT_TRUE(method_matches("OrderInterface@get*", "OrderInterface@GETall"));
  EXPECT_TRUE(method_matches("*Interface@*", "UserInterface@x"));
  EXPECT_TRUE(method_matches("A@a*b*c", "A@aXbXbc"));
  EXPECT_TRUE(method_matches("A@a?c", "A@abc"));
  EXPECT_FALSE(method_matches("OrderInterface@get*", "orderinterface@get"));
  EXPECT_FALSE(method_matches("OrderInterface@get*", "OrderInterface@forget"));
  EXPECT_FALSE(method_matches("A@a*b", "A@ac"));
  EXPECT_FALSE(method_matches("A@a?c", "A@ac"));
  EXPECT_FALSE(method_matches("A@b", "A@bc"));
  EXPECT_FALSE(method_matches("*@b", "Ab"));
  EXPECT_FALSE(method_matches("*", "A@b"));  // nothing but "@" stands for "@"
  EXPECT_FALSE(method_matches("A?b", "A@b"));
}

TEST(method_name, a_glob_of_many_stars_is_not_exponential) {
  const std::string text = "A@" + std::string(5000, 'a');
  std::string pattern = "A@";
  for (int i = 0; i < 500; ++i) pattern += "a*";
  EXPECT_FALSE(method_matches(pattern + "b", text));
  EXPECT_TRUE(method_matches(pattern, text));
}

TEST(method_name, folds_ascii_only_as_php_does) {
  EXPECT_EQ(fold_method("getALL_9"), "getall_9");
  EXPECT_EQ(fold_method("\xC3\x84"), "\xC3\x84");
}

}  // namespace
}  // namespace understudy::wire
