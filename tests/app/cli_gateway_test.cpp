// `understudy gateway` as a process: what it prints, and what it does on signals.
#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>

#include <algorithm>
#include <boost/json.hpp>
#include <filesystem>
#include <fstream>

#include "app/drill/process.hpp"
#include "app/gateway_support.hpp"
#include "support/fake_server.hpp"

namespace understudy::test {
namespace {

using namespace std::chrono_literals;

class cli_gateway_test : public testing::Test {
 protected:
  cli_gateway_test() {
    std::string pattern = (std::filesystem::temp_directory_path() / "gateway-XXXXXX").string();
    folder_ = ::mkdtemp(pattern.data());
    for (fake_server* server : {&first_, &second_}) {
      server->on_probe(fake_result(R"({"A":{"get":{}}})"));
    }
  }
  ~cli_gateway_test() override { std::filesystem::remove_all(folder_); }

  /// The program beside this one.
  app::process start(std::vector<std::string> arguments) {
    const auto program =
        std::filesystem::read_symlink("/proc/self/exe").parent_path() / "understudy";
    arguments.insert(arguments.begin(), {program.string(), "gateway", "--listen", "127.0.0.1:0",
                                         "--http", "127.0.0.1:0"});
    return app::process(arguments, log_file());
  }
  [[nodiscard]] std::string log_file() const { return (folder_ / "log").string(); }
  [[nodiscard]] std::string config_file() const { return (folder_ / "gateway.toml").string(); }
  void write_config(const std::string& text) const { std::ofstream(config_file()) << text; }

  /// Kinds of the events in its log; fails for a line that is no JSON object.
  std::vector<std::string> logged() {
    std::vector<std::string> kinds;
    std::ifstream in(log_file());
    for (std::string line; std::getline(in, line);) {
      boost::system::error_code broken;
      const auto parsed = boost::json::parse(line, broken);
      EXPECT_FALSE(broken) << line;
      if (!broken) kinds.emplace_back(parsed.at("kind").as_string());
    }
    return kinds;
  }
  bool has_logged(std::string_view kind) {
    std::ifstream in(log_file());
    const std::string text(std::istreambuf_iterator<char>(in), {});
    return text.find("\"kind\":\"" + std::string(kind) + "\"") != std::string::npos;
  }

  static std::string ask(const std::string& address) {
    wire_socket caller(port_of(address));
    return caller.ask(request_text("A@get", "[]"));
  }
  static int exit_of(app::process& child) {
    const auto status = child.wait(patience);
    return status && WIFEXITED(*status) ? WEXITSTATUS(*status) : -1;
  }

  std::filesystem::path folder_;
  fake_server first_{fake_result("\"first\"")};
  fake_server second_{fake_result("\"second\"")};
};

TEST_F(cli_gateway_test, two_addresses_are_enough_and_sigterm_ends_it_with_0) {
  app::process gateway = start({"--server", first_.address(), "--backup", second_.address()});
  const std::string address = gateway.wait_for_line("listening ", patience);
  const std::string http = gateway.wait_for_line("http ", patience);
  EXPECT_NE(ask(address).find("\"first\""), std::string::npos);
  first_.stop();
  EXPECT_NE(ask(address).find("\"second\""), std::string::npos);
  net::http_request ready;
  ready.method = "GET";
  ready.path = "/readyz";
  EXPECT_EQ(net::http_fetch(http, ready, patience).status, 200);
  gateway.signal(SIGTERM);
  EXPECT_EQ(exit_of(gateway), 0);
  const auto kinds = logged();
  EXPECT_NE(std::ranges::find(kinds, "gateway_draining"), kinds.end());
}

TEST_F(cli_gateway_test, sighup_takes_a_good_file_and_refuses_a_bad_one) {
  write_config("[pool.p]\nservers = [\"" + first_.address() + "\"]\n");
  app::process gateway = start({"--config", config_file()});
  const std::string address = gateway.wait_for_line("listening ", patience);
  EXPECT_NE(ask(address).find("\"first\""), std::string::npos);

  write_config("[pool.p]\nservers = [\"" + second_.address() + "\"]\nnope = 1\n");
  gateway.signal(SIGHUP);
  EXPECT_TRUE(eventually([&] { return has_logged("config_refused"); }));
  EXPECT_NE(ask(address).find("\"first\""), std::string::npos);

  write_config("[pool.p]\nservers = [\"" + second_.address() + "\"]\n");
  gateway.signal(SIGHUP);
  EXPECT_TRUE(eventually([&] { return has_logged("config_reloaded"); }));
  EXPECT_NE(ask(address).find("\"second\""), std::string::npos);
  gateway.signal(SIGTERM);
  EXPECT_EQ(exit_of(gateway), 0);
}

TEST_F(cli_gateway_test, sighup_without_a_file_says_that_nothing_is_read) {
  app::process gateway = start({"--server", first_.address()});
  const std::string address = gateway.wait_for_line("listening ", patience);
  gateway.signal(SIGHUP);
  EXPECT_TRUE(eventually([&] { return has_logged("reload_ignored"); }));
  EXPECT_FALSE(has_logged("config_reloaded"));
  EXPECT_NE(ask(address).find("\"first\""), std::string::npos);
}

TEST_F(cli_gateway_test, a_second_sigterm_ends_it_at_once) {
  fake_step held;
  held.hold = true;
  first_.always(held);
  app::process gateway = start({"--server", first_.address()});
  wire_socket caller(port_of(gateway.wait_for_line("listening ", patience)));
  caller.send_message(request_text("A@get", "[]"));
  ASSERT_TRUE(eventually([&] { return first_.call_count() == 1; }));
  gateway.signal(SIGTERM);
  ASSERT_TRUE(eventually([&] { return has_logged("gateway_draining"); }));
  EXPECT_FALSE(gateway.wait(0ms));  // the call goes on
  gateway.signal(SIGTERM);
  EXPECT_EQ(exit_of(gateway), 0);
  EXPECT_FALSE(has_logged("drain_cut"));
}

TEST_F(cli_gateway_test, an_address_that_cannot_be_had_is_2_and_one_sentence) {
  app::process gateway = start({"--admin", first_.address(), "--server", second_.address()});
  EXPECT_EQ(exit_of(gateway), 2);
  std::ifstream in(log_file());
  const std::string text(std::istreambuf_iterator<char>(in), {});
  EXPECT_NE(text.find("understudy: "), std::string::npos) << text;
  EXPECT_NE(text.find(first_.address()), std::string::npos) << text;
}

TEST_F(cli_gateway_test, every_address_is_printed) {
  write_config("[gateway]\nadmin = \"127.0.0.1:0\"\n[pool.p]\nservers = [\"" + first_.address() +
               "\"]\nlisten = \"127.0.0.1:0\"\n");
  app::process gateway = start({"--config", config_file()});
  EXPECT_NE(port_of(gateway.wait_for_line("listening ", patience)), 0);
  const std::string own = gateway.wait_for_line("listening ", patience);
  EXPECT_TRUE(own.ends_with(" pool p")) << own;
  EXPECT_NE(ask(own.substr(0, own.find(' '))).find("\"first\""), std::string::npos);
  EXPECT_NE(port_of(gateway.wait_for_line("http ", patience)), 0);
  EXPECT_NE(port_of(gateway.wait_for_line("admin ", patience)), 0);
}

}  // namespace
}  // namespace understudy::test
