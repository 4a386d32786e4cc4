// Trouble on purpose: the rules of the example `orders`, at a process of its own.
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <filesystem>
#include <fstream>
#include <optional>
#include <string>

#include "app/drill/drill_ground.hpp"
#include "app/drill/drill_server.hpp"
#include "understudy/client.hpp"

namespace understudy::app {
namespace {

using namespace std::chrono_literals;

class drill_trouble : public testing::Test {
 protected:
  [[nodiscard]] drill_server_options options(std::string rules) const {
    drill_server_options options;
    options.program = (std::filesystem::path(own_program()).parent_path() / "orders").string();
    options.name = "orders";
    options.listen = address_.text();
    options.database = folder_.file("orders.db");
    options.trouble = std::move(rules);
    return options;
  }
  /// A result as JSON text, or `error CODE`.
  [[nodiscard]] std::string call(const std::string& method, const std::string& params = "[]",
                                 const std::string& context = "[]",
                                 std::chrono::milliseconds timeout = 10s) const {
    call_options how;
    how.context = context;
    how.timeout = timeout;
    try {
      return client(address_.text()).call_json(method, params, {}, how).result;
    } catch (const rpc_error& error) {
      return "error " + std::to_string(error.code());
    }
  }
  [[nodiscard]] std::string total(const std::string& context = "[]") const {
    return call("OrderInterface@total", "[]", context);
  }

  drill_folder folder_{false};
  reserved_address address_;
};

const std::string none = R"({"orders":0,"cents":0})";

TEST_F(drill_trouble, is_off_unless_asked_for_and_then_says_so) {
  auto without = options("");
  without.trouble = std::nullopt;
  {
    drill_server server(folder_, without);
    server.start();
    EXPECT_EQ(call("TroubleInterface@met"), "error -32601");
    server.stop();
  }
  drill_server server(folder_, options("[]"));
  server.start();
  EXPECT_EQ(call("TroubleInterface@met"), "[]");
  std::ifstream log(folder_.file("orders.log"));
  const std::string said{std::istreambuf_iterator<char>(log), {}};
  EXPECT_NE(said.find("--trouble is on"), std::string::npos);
}

TEST_F(drill_trouble, an_error_meets_only_the_calls_that_match) {
  drill_server server(folder_, options("[]"));
  server.start();
  EXPECT_EQ(total(), none);
  server.set_trouble(R"([{"what":"error","code":10501,"match":"orderinterface@TOT*"},
                         {"what":"error","code":7,"context":"marked"}])");
  EXPECT_EQ(total(), "error 10501");
  EXPECT_EQ(call("OrderInterface@get", "[1]"), "null");
  EXPECT_EQ(call("OrderInterface@get", "[1]", R"({"marked":1})"), "error 7");
  EXPECT_EQ(total(R"({"marked":1})"), "error 10501");  // the first rule that matches
  EXPECT_EQ(server.met(), (std::vector<std::int64_t>{2, 1}));
  EXPECT_EQ(call("TroubleInterface@clear"), "null");
  EXPECT_EQ(total(), none);
}

TEST_F(drill_trouble, a_share_is_the_first_call_and_then_evenly_spread) {
  drill_server server(folder_, options(R"([{"what":"error","code":5,"share":0.25}])"));
  server.start();
  std::string met;
  for (int i = 0; i < 9; ++i) met += total() == none ? '.' : 'X';
  EXPECT_EQ(met, "X...X...X");
}

TEST_F(drill_trouble, a_share_of_one_in_a_hundred_is_just_that) {
  drill_server server(folder_, options(R"([{"what":"error","code":5,"share":0.01}])"));
  server.start();
  client caller(address_.text());
  std::vector<int> met;
  for (int i = 0; i < 301; ++i) {
    try {
      (void)caller.call_json("OrderInterface@total", "[]");
    } catch (const rpc_error&) {
      met.push_back(i);
    }
  }
  EXPECT_EQ(met, (std::vector<int>{0, 100, 200, 300}));
}

TEST_F(drill_trouble, a_rule_ends_after_its_time) {
  drill_server server(folder_, options("[]"));
  server.start();
  server.set_trouble(R"([{"what":"error","code":5,"for_ms":0}])");
  EXPECT_EQ(total(), none);
  server.set_trouble(R"([{"what":"error","code":5,"for_ms":600000}])");
  EXPECT_EQ(total(), "error 5");
}

TEST_F(drill_trouble, a_delay_holds_up_its_own_calls_alone) {
  drill_server server(folder_,
                      options(R"([{"what":"delay","delay_ms":600000,"match":"*@total"}])"));
  server.start();
  EXPECT_NE(call("OrderInterface@total", "[]", "[]", 200ms), none);
  EXPECT_EQ(call("OrderInterface@get", "[1]"), "null");
  EXPECT_EQ(server.met().at(0), 1);
  server.set_trouble(R"([{"what":"delay","delay_ms":1}])");
  EXPECT_EQ(total(), none);
}

TEST_F(drill_trouble, a_hung_call_is_never_answered_and_hides_behind_a_green_probe) {
  drill_server server(folder_, options(R"([{"what":"hang"}])"));
  server.start();
  EXPECT_NE(call("OrderInterface@total", "[]", "[]", 200ms), none);
  EXPECT_NE(client(address_.text()).describe(10s).find("OrderInterface"), std::string::npos);
}

TEST_F(drill_trouble, a_deadly_call_ends_one_process_and_another_is_started) {
  auto two = options(R"([{"what":"die","context":"killer"}])");
  two.processes = 2;
  drill_server server(folder_, two);
  server.start();
  EXPECT_EQ(server.start_dead(), 0u);
  (void)total(R"({"killer":true})");
  unsigned started = 0;
  EXPECT_TRUE(drill_wait([&] { return (started += server.start_dead()) > 0; }, 30s));
  EXPECT_EQ(started, 1u);
  EXPECT_EQ(total(), none);
}

TEST_F(drill_trouble, rules_that_mean_nothing_are_refused) {
  drill_server server(folder_, options(R"([{"what":"error","code":5}])"));
  server.start();
  for (const char* bad : {R"([[{"what":"explode"}]])", R"([[{"what":"delay","share":1.5}]])",
                          R"([[{"what":"delay","delay_ms":-1}]])", R"([[{}]])"}) {
    EXPECT_EQ(call("TroubleInterface@set", bad), "error -32602") << bad;
  }
  EXPECT_EQ(total(), "error 5");  // the old ones stand
  server.stop();
  drill_server wrong(folder_, options("explode"));
  EXPECT_THROW(wrong.start(), std::runtime_error);
}

TEST_F(drill_trouble, a_frozen_server_is_connectable_and_silent_until_it_is_woken) {
  drill_server server(folder_, options("[]"));
  server.start();
  server.freeze();
  EXPECT_NO_THROW((void)connect_to(resolve_address(address_.text()), 10s));
  EXPECT_NE(call("OrderInterface@total", "[]", "[]", 200ms), none);
  server.thaw();
  EXPECT_EQ(total(), none);
  server.stop();
}

}  // namespace
}  // namespace understudy::app
