// The middlewares for think-swoole, run by PHP with stand-ins for the framework (examples/php).
#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <string>

namespace understudy::test {
namespace {

TEST(once_in_php, the_middlewares_do_what_they_promise) {
  FILE* const php = ::popen("php tests/once/php/once.php 2>&1; echo exit $?", "r");
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
