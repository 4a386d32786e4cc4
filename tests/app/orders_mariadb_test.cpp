// The example `orders`, beside this program, on a real MariaDB (needs mariadb-server-core).
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>

#include <filesystem>
#include <fstream>

#include "app/drill/drill_ground.hpp"
#include "app/drill/process.hpp"
#include "net/sql_client.hpp"
#include "support/mariadb_server.hpp"
#include "understudy/client.hpp"

namespace understudy::app {
namespace {

using namespace std::chrono_literals;

constexpr const char* tea = R"([{"ref":"a-1","item":"tea","quantity":2,"cents":450}])";

class OrdersOnMariadb : public testing::Test {
 protected:
  struct server {
    process handle;
    std::string address;
    [[nodiscard]] std::string call(const std::string& method, const std::string& params,
                                   const std::string& ticket = "") const {
      client to(address);
      call_options options;
      if (!ticket.empty()) {
        options.context = R"({"understudy":{"call":")" + ticket + R"(","attempt":1,"key":"k"}})";
      }
      try {
        return to.call_json("OrderInterface@" + method, params, {}, options).result;
      } catch (const rpc_error& error) {
        return "error " + std::to_string(error.code());
      }
    }
  };

  OrdersOnMariadb() {
    std::string pattern = (std::filesystem::temp_directory_path() / "orders-XXXXXX").string();
    folder_ = ::mkdtemp(pattern.data());
    std::ofstream(folder_ / "password") << "secret\n";
  }
  ~OrdersOnMariadb() override { std::filesystem::remove_all(folder_); }

  [[nodiscard]] process run(const std::string& url, const std::string& name) const {
    return {{(std::filesystem::path(own_program()).parent_path() / "orders").string(), "--listen",
             "127.0.0.1:0", "--database", url, "--password-file", (folder_ / "password").string(),
             "--name", name},
            (folder_ / "log").string()};
  }
  [[nodiscard]] server start(const std::string& name) const {
    process handle = run("mysql://app@" + database_.address() + "/app", name);
    std::string address = handle.wait_for_line("listening ", 30s);
    return {std::move(handle), std::move(address)};
  }

  test::mariadb_server database_;
  std::filesystem::path folder_;
};

TEST_F(OrdersOnMariadb, KeepsWhatWasPlaced) {
  const server only = start("first");
  EXPECT_EQ(only.call("get", "[1]"), "null");
  EXPECT_EQ(only.call("total", "[]"), R"({"orders":0,"cents":0})");
  EXPECT_EQ(only.call("place", tea), "1");
  EXPECT_EQ(only.call("place", tea), "2");  // one row for each execution
  const std::string row = R"("ref":"a-1","item":"tea","quantity":2,"cents":450,"server":"first"})";
  EXPECT_EQ(only.call("get", "[2]"), R"({"id":2,)" + row);
  EXPECT_EQ(only.call("list", "[10,1]"), R"([{"id":2,)" + row + "]");
  EXPECT_EQ(only.call("total", "[]"), R"({"orders":2,"cents":1800})");
  EXPECT_EQ(only.call("place", R"([{"ref":"","item":"tea","quantity":1,"cents":1}])"),
            "error -32602");
  EXPECT_EQ(only.call("list", "[0]"), "error -32602");
}

TEST_F(OrdersOnMariadb, TheAttemptsOfAStoredCallPlaceOneOrder) {
  server first = start("first");
  const server second = start("second");
  EXPECT_EQ(first.call("place", tea), "1");
  EXPECT_EQ(first.call("place", tea, "c-1"), "2");
  EXPECT_EQ(first.call("place", tea, "c-1"), "2");
  EXPECT_EQ(second.call("place", tea, "c-1"), "2");
  first.handle.signal(SIGKILL);
  ASSERT_TRUE(first.handle.wait(30s));
  database_.kill();
  database_.start_again();
  EXPECT_EQ(second.call("place", tea, "c-1"), "2");
  EXPECT_EQ(second.call("total", "[]"), R"({"orders":2,"cents":1800})");
  test::sql_client watch(database_.port());
  EXPECT_EQ(watch.ask("SELECT count(*) FROM orders WHERE ticket = 'c-1'"), "1");
  EXPECT_EQ(watch.ask("SELECT count(*) FROM orders WHERE ticket IS NULL"), "1");
}

TEST_F(OrdersOnMariadb, ADatabaseThatCannotBeUsedIsExitCode2) {
  for (const std::string& wrong :
       {"mysql://app@" + database_.address() + "/nowhere", std::string("mysql://app")}) {
    process orders = run(wrong, "first");
    const auto status = orders.wait(30s);
    ASSERT_TRUE(status);
    EXPECT_EQ(WEXITSTATUS(*status), 2) << wrong;
  }
}

}  // namespace
}  // namespace understudy::app
