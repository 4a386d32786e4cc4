// The command line in this process: usage, exit codes, and what is printed where.
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>

#include "app/commands/cli.hpp"
#include "app/gateway_support.hpp"
#include "support/fake_server.hpp"

namespace understudy::test {
namespace {

using namespace std::chrono_literals;

class cli_test : public testing::Test {
 protected:
  cli_test() {
    std::string pattern = (std::filesystem::temp_directory_path() / "cli-XXXXXX").string();
    folder_ = ::mkdtemp(pattern.data());
  }
  ~cli_test() override { std::filesystem::remove_all(folder_); }

  int run(const std::vector<std::string>& arguments) {
    std::vector<const char*> argv{"understudy"};
    for (const std::string& argument : arguments) argv.push_back(argument.c_str());
    testing::internal::CaptureStdout();
    testing::internal::CaptureStderr();
    const int exit_code = app::run_cli(static_cast<int>(argv.size()), argv.data());
    out = testing::internal::GetCapturedStdout();
    err = testing::internal::GetCapturedStderr();
    return exit_code;
  }

  std::string file(const std::string& name, const std::string& text) {
    const std::string path = (folder_ / name).string();
    std::ofstream(path, std::ios::binary) << text;
    return path;
  }

  std::filesystem::path folder_;
  std::string out;
  std::string err;
};

TEST_F(cli_test, wrong_usage_is_2_and_a_sentence) {
  const std::vector<std::vector<std::string>> cases = {
      {},
      {"nonsense"},
      {"--nonsense"},
      {"gateway"},
      {"gateway", "--server", "localhost"},
      {"gateway", "--server", "127.0.0.1:1", "--config", "x.toml"},
      {"gateway", "--config", "x.toml", "--idempotent", "A@b"},
      {"gateway", "--server", "127.0.0.1:1", "--idempotent", "get*"},
      {"gateway", "--server", "127.0.0.1:1", "--backup", "127.0.0.1:1"},
      {"gateway", "--server", "127.0.0.1:1", "--listen", "x"},
      {"gateway", "--config", "/nowhere/gateway.toml"},
      {"config"},
      {"db", "rotate-password"},
      {"db", "rotate-password", "--new", "x", "--finish"},
      {"db", "prepare", "--id", "1"},
      {"config", "check"},
      {"call", "A@b"},
      {"call", "A@b", "--at", "localhost"},
      {"call", "A@b", "not json", "--at", "127.0.0.1:1"},
      {"call", "A@b", "1", "--at", "127.0.0.1:1"},
      {"call", "A@b", "--context", "[1]", "--at", "127.0.0.1:1"},
      {"call", "A@b", "--timeout", "soon", "--at", "127.0.0.1:1"},
      {"call", "A@b", "--file", "/nowhere/file", "--at", "127.0.0.1:1"},
      {"servers"},
      {"servers", "lst"},
      {"servers", "drain", "p", "--at", "127.0.0.1:1"},
      {"servers", "drain", "p", "localhost", "--at", "127.0.0.1:1"},
      {"servers", "list", "--at", "localhost"},
      {"bench", "--at", "127.0.0.1:1"},
      {"bench", "A@b", "--http", "--idle", "1", "--at", "127.0.0.1:1"},
      {"bench", "A@b", "--mode", "direct", "--at", "127.0.0.1:1"},
      {"bench", "A@b", "--mode", "queued", "--idle", "1", "--at", "127.0.0.1:1"},
      {"bench", "A@b", "--batch", "1001", "--at", "127.0.0.1:1"},
      {"bench", "A@b", "--batch", "10", "--mode", "durable", "--at", "127.0.0.1:1"},
      {"status", "--at", "localhost"},
  };
  for (const auto& arguments : cases) {
    EXPECT_EQ(run(arguments), 2) << testing::PrintToString(arguments);
    EXPECT_EQ(out, "") << testing::PrintToString(arguments);
    EXPECT_GT(err.size(), 10U) << testing::PrintToString(arguments);
  }
}

TEST_F(cli_test, a_word_that_is_no_command_is_named) {
  EXPECT_EQ(run({"nonsense"}), 2);
  EXPECT_NE(err.find("there is no command \"nonsense\": there are gateway, "), std::string::npos)
      << err;
  EXPECT_EQ(run({"statsu", "--json"}), 2);
  EXPECT_NE(err.find("did you mean \"status\"?"), std::string::npos) << err;
  EXPECT_EQ(run({"servers", "drian", "p", "a:1"}), 2);
  EXPECT_NE(err.find("did you mean \"drain\"?"), std::string::npos) << err;
}

TEST_F(cli_test, a_folder_in_a_files_place_is_a_sentence) {
  const std::string folder = folder_.string();
  const std::vector<std::vector<std::string>> cases = {
      {"config", "check", folder},
      {"gateway", "--config", folder},
      {"call", "A@b", R"(["@file"])", "--file", folder, "--at", "127.0.0.1:1"},
  };
  for (const auto& arguments : cases) {
    EXPECT_EQ(run(arguments), 2) << arguments[0];
    EXPECT_NE(err.find("Is a directory"), std::string::npos) << err;
  }
}

TEST_F(cli_test, only_the_program_itself_shows_how_to_begin) {
  run({"--help"});
  EXPECT_NE(out.find("Try it: "), std::string::npos) << out;
  for (const char* command : {"config", "servers", "status", "bench", "drill", "call"}) {
    run({command, "--help"});
    EXPECT_EQ(out.find("Try it: "), std::string::npos) << out;
  }
}

TEST_F(cli_test, help_and_version_are_0) {
  EXPECT_EQ(run({"--version"}), 0);
  EXPECT_EQ(out.rfind("understudy ", 0), 0U);
  for (const std::vector<std::string>& command : {std::vector<std::string>{},
                                                  {"gateway"},
                                                  {"config"},
                                                  {"config", "check"},
                                                  {"call"},
                                                  {"servers"},
                                                  {"servers", "list"},
                                                  {"servers", "drain"},
                                                  {"servers", "resume"},
                                                  {"status"},
                                                  {"bench"},
                                                  {"drill"}}) {
    auto arguments = command;
    arguments.emplace_back("--help");
    EXPECT_EQ(run(arguments), 0) << testing::PrintToString(command);
    EXPECT_NE(out.find("--help"), std::string::npos) << testing::PrintToString(command);
  }
}

TEST_F(cli_test, config_check_prints_every_problem_with_its_line) {
  const std::string good = file("good.toml", "[pool.p]\nservers = [\"a:1\", \"b:1\"]\n");
  EXPECT_EQ(run({"config", "check", good}), 0);
  EXPECT_EQ(out, good + " is good: pools: 1, servers: 2.\n");
  EXPECT_EQ(run({"config", "check", good, "--json"}), 0);
  EXPECT_EQ(out, "{\"valid\":true,\"problems\":[],\"remarks\":[]}\n");

  const std::string risky = file("risky.toml",
                                 "[pool.p]\nservers = [\"a:1\"]\n[calls]\nstore = \"sqlite:c\"\n"
                                 "[[rule]]\nmatch = \"A@b\"\nmode = \"durable\"\n");
  const std::string sworn = file("sworn.toml",
                                 "[pool.p]\nservers = [\"a:1\"]\n[calls]\nstore = \"sqlite:c\"\n"
                                 "[[rule]]\nmatch = \"A@b\"\nmode = \"durable\"\nonce = true\n");
  EXPECT_EQ(run({"config", "check", sworn}), 0);
  EXPECT_EQ(out.find("rule A@b"), std::string::npos) << out;
  EXPECT_EQ(run({"config", "check", risky}), 0);
  EXPECT_NE(out.find("rule A@b: a call whose outcome is unknown is tried again"), std::string::npos)
      << out;

  const std::string bad = file("bad.toml", "[pool.p]\nserver = []\nramp = 1\n");
  EXPECT_EQ(run({"config", "check", bad}), 2);
  EXPECT_EQ(out, "");
  EXPECT_NE(err.find(bad + ":2: pool.p.server: no such key; did you mean \"servers\"?\n"),
            std::string::npos)
      << err;
  EXPECT_NE(err.find(bad + ":3: pool.p.ramp: "), std::string::npos) << err;
  EXPECT_EQ(run({"config", "check", bad, "--json"}), 2);
  EXPECT_EQ(out.rfind(R"({"valid":false,"problems":[{"line":2,"message":")", 0), 0U) << out;
}

TEST_F(cli_test, call_prints_the_result_as_it_came) {
  fake_server server(fake_result(R"({"b": 1.0, "a":"\u00e9"})"));
  EXPECT_EQ(
      run({"call", "A@b", R"(["w", 1.50])", "--context", R"({"x":1})", "--at", server.address()}),
      0);
  EXPECT_EQ(out, "{\"b\": 1.0, \"a\":\"\\u00e9\"}\n");
  ASSERT_EQ(server.calls().size(), 1U);
  EXPECT_EQ(server.calls()[0].body,
            R"({"jsonrpc":"2.0","method":"A@b","params":["w", 1.50],"context":{"x":1},"id":""})");
  EXPECT_EQ(run({"call", "A@b", "--at", server.address(), "--json"}), 0);
  EXPECT_EQ(out.rfind(R"({"jsonrpc":"2.0")", 0), 0U) << out;
}

TEST_F(cli_test, call_asks_for_the_description) {
  fake_server server;
  server.on_probe(fake_result(R"({"A":{}})"));
  EXPECT_EQ(run({"call", "@action_interface", "--at", server.address()}), 0);
  EXPECT_EQ(out, "{\"A\":{}}\n");
}

TEST_F(cli_test, call_sends_files_and_saves_one) {
  fake_step step = fake_result("\"@file\"");
  step.files = {"down"};
  fake_server server(step);
  const std::string up = file("up", "upload");
  const std::string save = (folder_ / "saved").string();
  EXPECT_EQ(
      run({"call", "A@b", R"(["@file"])", "--file", up, "--save", save, "--at", server.address()}),
      0);
  ASSERT_EQ(server.calls().size(), 1U);
  EXPECT_EQ(server.calls()[0].files, std::vector<std::string>{"upload"});
  std::string saved;
  std::ifstream(save) >> saved;
  EXPECT_EQ(saved, "down");
}

TEST_F(cli_test, the_exit_code_of_a_call_says_what_is_known) {
  fake_step hang;
  hang.hold = true;
  fake_step cut;
  cut.write_only = 0;
  const std::tuple<const char*, fake_step, int> cases[] = {
      {"an error of the service", fake_error(42, "no"), 1},
      {"no server", fake_error(-32000), 3},
      {"unknown", fake_error(-32001), 5},
      {"overloaded", fake_error(-32003), 4},
      {"not allowed", fake_error(-32004), 4},
      {"cut", cut, 5},
      {"no answer in time", hang, 5},
      {"garbage", fake_raw("HTTP/1.1 400 Bad\r\n\r\n"), 5},
  };
  for (const auto& [what, step, exit_code] : cases) {
    fake_server server(step);
    EXPECT_EQ(run({"call", "A@b", "--timeout", "300ms", "--at", server.address()}), exit_code)
        << what;
    EXPECT_EQ(out, "") << what;
    EXPECT_EQ(err.rfind("understudy: ", 0), 0U) << what << ": " << err;
  }
  fake_server gone;
  const std::string address = gone.address();
  gone.stop();
  EXPECT_EQ(run({"call", "A@b", "--at", address}), 3);
  EXPECT_NE(err.find("Nothing was sent"), std::string::npos) << err;
}

class cli_admin_test : public cli_test {
 protected:
  cli_admin_test() {
    app::gateway_config config = free_ports();
    app::pool_config pool = quick_pool();
    pool.servers = {server_on(server_.address())};
    pool.services = {"A"};
    config.pools.push_back(std::move(pool));
    gateway_ = std::make_unique<app::gateway>(std::move(config));
    gateway_->start();
  }

  fake_server server_;
  std::unique_ptr<app::gateway> gateway_;
};

TEST_F(cli_admin_test, status_and_list_show_the_servers) {
  const std::string at = gateway_->http_address();
  EXPECT_EQ(run({"status", "--at", at}), 0);
  EXPECT_NE(out.find("pool p: A\n"), std::string::npos) << out;
  EXPECT_NE(out.find(server_.address()), std::string::npos) << out;
  EXPECT_EQ(out.find('\x1b'), std::string::npos) << "no colours but on a terminal";
  EXPECT_EQ(run({"status", "--at", at, "--json"}), 0);
  EXPECT_EQ(out.front(), '{');
  EXPECT_EQ(run({"servers", "list", "--at", at}), 0);
  EXPECT_NE(out.find(server_.address()), std::string::npos) << out;
  EXPECT_EQ(run({"servers", "list", "--at", at, "--json"}), 0);
  EXPECT_EQ(out.front(), '[');
}

TEST_F(cli_admin_test, drain_and_resume_change_the_state) {
  const std::string at = gateway_->http_address();
  const auto shows = [&](const std::string& state) {
    run({"servers", "list", "--at", at});
    return out.find(" " + state + " ") != std::string::npos;
  };
  EXPECT_EQ(run({"servers", "drain", "p", server_.address(), "--at", at}), 0) << err;
  EXPECT_TRUE(shows("drained")) << out;
  EXPECT_EQ(run({"servers", "resume", "p", server_.address(), "--at", at}), 0) << err;
  EXPECT_TRUE(eventually([&] { return shows("up"); })) << out;
  EXPECT_EQ(run({"servers", "drain", "x", server_.address(), "--at", at}), 4);
  EXPECT_EQ(run({"servers", "drain", "p", "127.0.0.1:1", "--at", at}), 4);
}

TEST_F(cli_admin_test, a_gateway_that_is_not_there_is_3) {
  server_.stop();
  EXPECT_EQ(run({"status", "--at", server_.address()}), 3);
  EXPECT_NE(err.find("Is it the http or admin address of a gateway"), std::string::npos) << err;
}

}  // namespace
}  // namespace understudy::test
