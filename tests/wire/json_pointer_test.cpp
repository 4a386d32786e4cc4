#include "wire/json_pointer.hpp"

#include <gtest/gtest.h>

namespace understudy::wire {
namespace {

constexpr std::string_view text =
    R"( {"params":["world",{"user":{"id":"7","a/b":1,"m~n":2}},[[5]]],"params2":3,"x":1,"x":2} )";

TEST(json_pointer, finds_what_it_names_as_it_is_written) {
  EXPECT_EQ(find_at(text, "/params/0"), R"("world")");
  EXPECT_EQ(find_at(text, "/params/1/user/id"), R"("7")");
  EXPECT_EQ(find_at(text, "/params/1/user/a~1b"), "1");
  EXPECT_EQ(find_at(text, "/params/1/user/m~0n"), "2");
  EXPECT_EQ(find_at(text, "/params/2/0/0"), "5");
  EXPECT_EQ(find_at(text, "/params/2"), "[[5]]");
  EXPECT_EQ(find_at(text, "/x"), "2") << "the last one, as PHP reads it";
  EXPECT_EQ(find_at("[1]", ""), "[1]");
}

TEST(json_pointer, finds_nothing_where_there_is_nothing) {
  for (const auto* pointer : {"/params/3", "/params/-", "/params/00", "/params/01", "/params/",
                              "/nothing", "/params2/0", "/params/0/0", "/params/1x", "/"}) {
    EXPECT_EQ(find_at(text, pointer), std::nullopt) << pointer;
  }
}

TEST(json_pointer, says_what_is_one) {
  for (const auto* good : {"", "/", "/a", "/a/0", "/~0~1"}) EXPECT_TRUE(json_pointer_valid(good));
  for (const auto* bad : {"a", "params/0", "/~", "/~2", "/a~"})
    EXPECT_FALSE(json_pointer_valid(bad)) << bad;
}

}  // namespace
}  // namespace understudy::wire
