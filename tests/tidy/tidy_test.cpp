// The house rules hold in every file; and each rule finds what it is for.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "tidy/source.hpp"

namespace understudy::tidy {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> sources() {
  std::vector<std::string> out;
  for (const char* folder : {"include", "src", "tests", "examples", "bench"}) {
    for (const auto& entry : fs::recursive_directory_iterator(folder)) {
      const auto extension = entry.path().extension();
      if (extension == ".cpp" || extension == ".hpp") out.push_back(entry.path().string());
    }
  }
  std::sort(out.begin(), out.end());
  return out;
}

std::string content(const std::string& path) {
  std::ostringstream out;
  out << std::ifstream(path, std::ios::binary).rdbuf();
  return out.str();
}

std::string print(const std::string& path, const findings& found) {
  std::string out;
  for (const finding& f : found) out += path + ":" + std::to_string(f.line) + ": " + f.what + "\n";
  return out;
}

TEST(House, ThereAreSources) {
  EXPECT_GT(sources().size(), 20u);
}

TEST(House, KeepsTheCoroutineRule) {
  std::string all;
  for (const auto& path : sources()) {
    if (path.starts_with("tests/tidy/")) continue;  // holds the bad examples
    all += print(path, coroutine_rule(content(path)));
  }
  EXPECT_EQ(all, "");
}

TEST(House, KeepsTheArrows) {
  std::string all;
  for (const auto& path : sources()) all += print(path, include_rule(path, content(path)));
  EXPECT_EQ(all, "");
}

TEST(House, KeepsFilesInShape) {
  std::string all;
  for (const auto& path : sources()) all += print(path, shape_rule(path, content(path)));
  EXPECT_EQ(all, "");
}

TEST(House, ShowsInItsReadmeAnExampleThatIsBuilt) {
  const std::string example = content("examples/greeter/main.cpp");
  EXPECT_GT(example.size(), 100u);
  EXPECT_NE(content("README.md").find("```cpp\n" + example + "```\n"), std::string::npos)
      << "README.md shows another text than examples/greeter/main.cpp";
}

TEST(CoroutineRule, FindsTheBadForms) {
  for (const char* bad : {
           "task f() { co_await g(request{\"a\", 1}); }",
           "task f() { auto r = co_await g(std::vector<int>{1, 2}); }",
           "task f() { co_await co_spawn(ex, [s] { return h(s); }, use_awaitable); }",
           "task f() { g(request{1}, co_await h()); }",
           "task f() { if (co_await g({1, 2})) { x(); } }",
           "task f() { co_return co_await g([&](int i) { return i; }); }",
           "task f() { x();\n  for (;;) { co_await g(options{.a = 1}); } }",
       }) {
    EXPECT_EQ(coroutine_rule(bad).size(), 1u) << bad;
  }
}

TEST(CoroutineRule, LetsTheGoodFormsBe) {
  for (const char* good : {
           "task f() { request r{1}; co_await g(std::move(r)); }",
           "task f() { auto h = [s] { return s; }; co_await g(h); }",
           "task f() { auto [ec, n] = co_await s.read(buffer(b), use_awaitable); }",
           "task f() { if (x) { y(); } co_await g(); }",
           "task f() { const auto& [a, b] = co_await g(v[i]); }",
           "task f() { co_await sleep(std::chrono::seconds{1}); }",
           "task f() { co_await g([] { return 1; }); }",
           "task f() { while (co_await g()) { h(request{1}); } }",
           "task f() { // co_await g(request{1});\n x(); }",
           "task f() { x(\"co_await g(request{1})\"); }",
           "struct s { int a{1}; }; task f() { co_await g(); }",
           "task f() { switch (x) { case a: { co_await g(); } default: { co_await h(); } } }",
       }) {
    EXPECT_EQ(coroutine_rule(good).size(), 0u) << good << print("", coroutine_rule(good));
  }
}

TEST(IncludeRule, FindsArrowsAgainstTheOrder) {
  EXPECT_EQ(include_rule("src/wire/a.cpp", "#include \"core/pool.hpp\"\n").size(), 1u);
  EXPECT_EQ(include_rule("src/core/a.cpp", "#include <boost/asio.hpp>\n").size(), 1u);
  EXPECT_EQ(include_rule("src/net/a.cpp", "#include \"app/config/config.hpp\"\n").size(), 1u);
  EXPECT_EQ(include_rule("include/understudy/a.hpp", "#include <boost/asio.hpp>\n").size(), 1u);
  EXPECT_EQ(include_rule("src/coord/a.cpp", "#include \"net/http.hpp\"\n").size(), 1u);
  EXPECT_EQ(include_rule("src/net/a.cpp", "#include \"coord/coordinator.hpp\"\n").size(), 1u);
  EXPECT_EQ(include_rule("src/coord/a.cpp", "#include <boost/beast/http.hpp>\n").size(), 1u);
  EXPECT_EQ(include_rule("src/app/a.cpp", "#include <CLI/CLI.hpp>\n").size(), 1u);
  EXPECT_EQ(include_rule("src/app/a.cpp", "#include <mysql.h>\n").size(), 1u);
  EXPECT_EQ(include_rule("src/once_mariadb/a.cpp", "#include \"db/session.hpp\"\n").size(), 1u);
  EXPECT_EQ(include_rule("src/app/commands/cli.cpp", "#include <CLI/CLI.hpp>\n").size(), 0u);
  EXPECT_EQ(include_rule("src/app/a.cpp", "#include \"core/pool.hpp\"\n").size(), 0u);
}

TEST(ShapeRule, FindsWhatIsOutOfShape) {
  EXPECT_EQ(shape_rule("src/a.cpp", std::string(101, 'x') + "\n").size(), 1u);
  EXPECT_EQ(shape_rule("src/a.cpp", "\tint a;\n").size(), 1u);
  EXPECT_EQ(shape_rule("src/a.cpp", "int a; \n").size(), 1u);
  EXPECT_EQ(shape_rule("src/a.cpp", "// TODO later\n").size(), 1u);
  std::string lines;
  for (int i = 0; i < 451; ++i) lines += "int a;\n";
  EXPECT_EQ(shape_rule("src/a.cpp", lines).size(), 1u);
  EXPECT_EQ(shape_rule("src/a.cpp", "int a;\n").size(), 0u);
}

}  // namespace
}  // namespace understudy::tidy
