// `understudy bench` with calls that are stored: what counts as answered.
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>

#include "app/commands/command_bench.hpp"
#include "app/gateway_support.hpp"
#include "support/fake_server.hpp"
#include "understudy/error.hpp"

namespace understudy::test {
namespace {

app::bench_options calls_to(const std::string& address, std::uint64_t calls) {
  app::bench_options options;
  options.method = "A@get";
  options.at = address;
  options.connections = 2;
  options.calls = calls;
  options.warmup = {};
  options.json = true;
  return options;
}

struct ran {
  int exit_code = 0;
  std::string out;

  [[nodiscard]] bool says(std::string_view part) const { return out.find(part) != out.npos; }
};

ran run(const app::bench_options& options) {
  testing::internal::CaptureStdout();
  ran result;
  result.exit_code = app::run_bench(options);
  result.out = testing::internal::GetCapturedStdout();
  return result;
}

TEST(bench_command, a_ticket_is_an_answer_only_where_it_was_asked_for) {
  fake_server server{fake_error(code::accepted, "It is stored.")};
  for (const std::string mode : {"", "durable", "queued"}) {
    auto options = calls_to(server.address(), 6);
    options.mode = mode;
    const ran result = run(options);
    const bool good = mode == "queued";
    EXPECT_EQ(result.exit_code, good ? 0 : 1) << mode;
    EXPECT_TRUE(result.says(good ? "\"answered\":6," : "\"answered\":0,")) << result.out;
    EXPECT_TRUE(result.says(good ? "\"failed\":{}" : "\"failed\":{\"-32011\":6}")) << result.out;
  }
}

TEST(bench_command, another_error_is_none_in_the_mode_queued_either) {
  fake_server server{fake_error(code::overloaded, "Nothing was stored.")};
  auto options = calls_to(server.address(), 6);
  options.mode = "queued";
  const ran result = run(options);
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_TRUE(result.says("\"answered\":0,")) << result.out;
}

TEST(bench_command, of_a_batch_each_call_counts_and_is_stored) {
  std::string folder = testing::TempDir() + "understudy-bench-XXXXXX";
  ASSERT_NE(::mkdtemp(folder.data()), nullptr);
  {
    fake_server server{fake_result("1")};
    app::gateway_config config = free_ports();
    config.calls.store = folder + "/calls.db";
    auto pool = quick_pool();
    pool.services = {"A"};
    pool.servers = {server_on(server.address())};
    config.pools = {pool};
    app::gateway gateway(config);
    gateway.start();
    auto options = calls_to(gateway.frames_address(), 25);  // three batches of ten
    options.batch = 10;
    options.keyed = true;
    const ran result = run(options);
    EXPECT_EQ(result.exit_code, 0) << result.out;
    EXPECT_TRUE(result.says("\"answered\":30,")) << result.out;
    const auto stats = fetch(gateway, "GET", "/calls/stats").body;
    EXPECT_NE(stats.find("\"accepted\":30"), std::string::npos) << stats;
  }
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace understudy::test
