// A PHP program calls the server (tests/net/php/call.php; needs php-cli).
#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <string>

#include "support/test_server.hpp"

namespace understudy::test {
namespace {

TEST(ServerAndPhp, APhpProgramGetsWhatItExpects) {
  test_server serving;
  const auto command =
      "php tests/net/php/call.php " + std::to_string(serving.port()) + " 2>&1; echo exit $?";
  FILE* const php = ::popen(command.c_str(), "r");
  ASSERT_NE(php, nullptr);
  std::string output;
  std::array<char, 4096> bytes;
  for (std::size_t got = 0; (got = std::fread(bytes.data(), 1, bytes.size(), php)) > 0;)
    output.append(bytes.data(), got);
  ::pclose(php);
  EXPECT_TRUE(output.ends_with("checks passed\nexit 0\n")) << output;
}

}  // namespace
}  // namespace understudy::test
