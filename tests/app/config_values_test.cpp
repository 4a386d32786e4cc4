// The text forms of the configuration: durations, sizes, addresses, patterns, spelling hints.
#include "app/config/config_values.hpp"

#include <gtest/gtest.h>

#include <array>

namespace understudy::app {
namespace {

using namespace std::chrono_literals;

TEST(config_values, durations_are_a_whole_number_and_a_unit) {
  EXPECT_EQ(parse_duration("250ms"), 250ms);
  EXPECT_EQ(parse_duration("4s"), 4s);
  EXPECT_EQ(parse_duration("5m"), 5min);
  EXPECT_EQ(parse_duration("24h"), 24h);
  EXPECT_EQ(parse_duration("0s"), 0ms);
  for (const char* bad : {"", "4", "s", "-1s", "1.5s", "4 s", "4S", "4sec", " 4s", "4s ",
                          "99999999999999999999s", "9999999999999999h"}) {
    EXPECT_EQ(parse_duration(bad), std::nullopt) << bad;
  }
}

TEST(config_values, durations_are_written_in_their_largest_unit) {
  for (const char* text : {"0ms", "1ms", "1500ms", "4s", "90s", "2m", "24h"}) {
    EXPECT_EQ(format_duration(parse_duration(text).value()), text);
  }
}

TEST(config_values, sizes_have_binary_units) {
  EXPECT_EQ(parse_size("512B"), 512U);
  EXPECT_EQ(parse_size("64KiB"), 65536U);
  EXPECT_EQ(parse_size("8MiB"), 8388608U);
  EXPECT_EQ(parse_size("1GiB"), 1073741824U);
  for (const char* bad : {"", "8", "8MB", "8M", "8mib", "-8MiB", "99999999999999999GiB"}) {
    EXPECT_EQ(parse_size(bad), std::nullopt) << bad;
  }
  EXPECT_EQ(format_size(8388608), "8MiB");
  EXPECT_EQ(format_size(1000), "1000B");
}

TEST(config_values, the_nearest_word) {
  constexpr std::array<std::string_view, 3> known{"listen", "deadline", "http"};
  EXPECT_EQ(nearest("listen_", known), "listen");
  EXPECT_EQ(nearest("Listen", known), "listen");
  EXPECT_EQ(nearest("dedline", known), "deadline");
  EXPECT_EQ(nearest("colour", known), "");
}

}  // namespace
}  // namespace understudy::app
