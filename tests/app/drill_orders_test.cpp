// The servers of a drill: the example `orders`, beside this program, two of them on one database.
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <filesystem>
#include <optional>
#include <stdexcept>
#include <string>

#include "app/bench/load_socket.hpp"
#include "app/drill/drill_site.hpp"
#include "app/drill/process.hpp"
#include "wire/answer.hpp"
#include "wire/frame.hpp"
#include "wire/request.hpp"

namespace understudy::app {
namespace {

using namespace std::chrono_literals;

/// The answer's body to one call on a connection of its own.
std::string exchange(const std::string& address, std::string_view method, std::string_view params,
                     std::string_view context) {
  const owned_fd fd = connect_to(resolve_address(address), 10s);
  std::string body;
  wire::append_request(body, method, params, context);
  std::string out;
  wire::append_frame(out, wire::frame_type::message, body);
  ::send(fd.get(), out.data(), out.size(), MSG_NOSIGNAL);
  wire::frame_reader reader;
  while (true) {
    pollfd readable{fd.get(), POLLIN, 0};
    if (::poll(&readable, 1, 10000) <= 0) throw std::runtime_error("No answer came.");
    const auto room = reader.prepare();
    const ssize_t count = ::recv(fd.get(), room.data(), room.size(), 0);
    if (count <= 0) throw std::runtime_error("The connection ended.");
    reader.commit(static_cast<std::size_t>(count));
    const auto result = reader.next();
    if (const auto* frame = std::get_if<wire::frame>(&result)) return std::string(frame->body);
  }
}

class drill_orders : public testing::Test {
 protected:
  struct server {
    process handle;
    std::string address;

    [[nodiscard]] std::string call(std::string_view method, std::string_view params,
                                   std::string_view context = "[]") const {
      const std::string body =
          exchange(address, "OrderInterface@" + std::string(method), params, context);
      const auto answer = wire::parse_answer(body);
      if (!answer) return "unreadable";
      return answer->is_error() ? "error " + std::to_string(answer->code)
                                : std::string(answer->result);
    }
    /// Its exit code after SIGTERM.
    int stop() {
      handle.signal(SIGTERM);
      const auto status = handle.wait(30s);
      return status && WIFEXITED(*status) ? WEXITSTATUS(*status) : -1;
    }
  };

  drill_orders() {
    std::string pattern = (std::filesystem::temp_directory_path() / "orders-XXXXXX").string();
    folder_ = ::mkdtemp(pattern.data());
  }
  ~drill_orders() override { std::filesystem::remove_all(folder_); }

  [[nodiscard]] server start(const std::string& name) const {
    process handle({(std::filesystem::path(own_program()).parent_path() / "orders").string(),
                    "--listen", "127.0.0.1:0", "--database", database(), "--name", name},
                   (folder_ / "log").string());
    std::string address = handle.wait_for_line("listening ", 30s);
    return {std::move(handle), std::move(address)};
  }
  [[nodiscard]] std::string database() const { return (folder_ / "orders.db").string(); }
  /// The first column of the first row, seen as a drill sees it: from beside the servers.
  [[nodiscard]] std::int64_t number(const std::string& sql) const {
    sqlite3* opened = nullptr;
    ::sqlite3_open_v2(database().c_str(), &opened, SQLITE_OPEN_READONLY, nullptr);
    sqlite3_stmt* row = nullptr;
    ::sqlite3_prepare_v2(opened, sql.c_str(), -1, &row, nullptr);
    const std::int64_t value =
        ::sqlite3_step(row) == SQLITE_ROW ? ::sqlite3_column_int64(row, 0) : -1;
    ::sqlite3_finalize(row);
    ::sqlite3_close(opened);
    return value;
  }
  [[nodiscard]] std::uintmax_t wal_bytes() const {
    const std::string wal = database() + "-wal";
    return std::filesystem::exists(wal) ? std::filesystem::file_size(wal) : 0;
  }

  std::filesystem::path folder_;
};

constexpr std::string_view tea = R"([{"ref":"a-1","item":"tea","quantity":2,"cents":450}])";

TEST_F(drill_orders, keeps_what_was_placed) {
  const server only = start("first");
  EXPECT_EQ(only.call("get", "[1]"), "null");
  EXPECT_EQ(only.call("place", tea), "1");
  EXPECT_EQ(only.call("place", tea), "2");  // one row for each execution
  const std::string row = R"("ref":"a-1","item":"tea","quantity":2,"cents":450,"server":"first"})";
  EXPECT_EQ(only.call("get", "[2]"), R"({"id":2,)" + row);
  EXPECT_EQ(only.call("list", "[10,1]"), R"([{"id":2,)" + row + "]");
  EXPECT_EQ(only.call("list", "[1]"), R"([{"id":1,)" + row + "]");
  EXPECT_EQ(only.call("total", "[]"), R"({"orders":2,"cents":1800})");
}

TEST_F(drill_orders, refuses_what_is_no_order) {
  const server only = start("first");
  EXPECT_EQ(only.call("place", R"([{"ref":"","item":"tea","quantity":1,"cents":1}])"),
            "error -32602");
  EXPECT_EQ(only.call("place", R"([{"ref":"a","item":"tea","quantity":0,"cents":1}])"),
            "error -32602");
  EXPECT_EQ(only.call("place", R"([{"ref":"a","item":"tea","quantity":1,"cents":-1}])"),
            "error -32602");
  EXPECT_EQ(only.call("place", R"([{"ref":"a"}])"), "error -32602");
  EXPECT_EQ(only.call("list", "[0]"), "error -32602");
  EXPECT_EQ(only.call("list", "[1001]"), "error -32602");
  EXPECT_EQ(only.call("total", "[]"), R"({"orders":0,"cents":0})");
}

TEST_F(drill_orders, says_which_methods_may_be_repeated) {
  const server only = start("first");
  const std::string body = [&] {
    const owned_fd fd = connect_to(resolve_address(only.address), 10s);
    std::string out;
    wire::append_frame(out, wire::frame_type::message, wire::action_interface_body);
    ::send(fd.get(), out.data(), out.size(), MSG_NOSIGNAL);
    std::string text;
    char buffer[4096];
    pollfd readable{fd.get(), POLLIN, 0};
    while (text.find("\"total\"") == std::string::npos && ::poll(&readable, 1, 10000) > 0) {
      const ssize_t count = ::recv(fd.get(), buffer, sizeof buffer, 0);
      if (count <= 0) break;
      text.append(buffer, static_cast<std::size_t>(count));
    }
    return text;
  }();
  const auto place = body.find("\"place\"");
  const auto get = body.find("\"get\"");
  ASSERT_NE(place, std::string::npos);
  ASSERT_NE(get, std::string::npos);
  ASSERT_LT(place, get);
  EXPECT_EQ(body.substr(place, get - place).find("@idempotent"), std::string::npos);
  EXPECT_NE(body.substr(get).find("@idempotent"), std::string::npos);
}

TEST_F(drill_orders, two_share_one_database) {
  const server first = start("first");
  const server second = start("second");
  EXPECT_EQ(first.call("place", tea), "1");
  EXPECT_EQ(second.call("place", tea), "2");
  EXPECT_EQ(first.call("total", "[]"), R"({"orders":2,"cents":1800})");
  EXPECT_NE(first.call("get", "[2]").find(R"("server":"second")"), std::string::npos);
}

TEST_F(drill_orders, only_the_last_to_leave_empties_the_wal) {
  server first = start("first");
  server second = start("second");
  EXPECT_EQ(first.call("place", tea), "1");
  EXPECT_GT(wal_bytes(), 0u);
  EXPECT_EQ(first.stop(), 0);
  EXPECT_GT(wal_bytes(), 0u);
  EXPECT_EQ(second.stop(), 0);
  EXPECT_EQ(wal_bytes(), 0u);
}

TEST_F(drill_orders, a_killed_server_leaves_its_orders_to_the_other) {
  server first = start("first");
  const server second = start("second");
  EXPECT_EQ(first.call("place", tea), "1");
  first.handle.signal(SIGKILL);
  ASSERT_TRUE(first.handle.wait(30s));
  EXPECT_EQ(second.call("place", tea), "2");
  const server again = start("again");
  EXPECT_EQ(again.call("total", "[]"), R"({"orders":2,"cents":1800})");
}

constexpr std::string_view attempt = R"({"understudy":{"call":"c-1","attempt":1,"key":"k"}})";

TEST_F(drill_orders, the_attempts_of_a_stored_call_place_one_order) {
  server first = start("first");
  const server second = start("second");
  EXPECT_EQ(first.call("place", tea), "1");
  EXPECT_EQ(first.call("place", tea, attempt), "2");
  EXPECT_EQ(first.call("place", tea, attempt), "2");
  EXPECT_EQ(second.call("place", tea, attempt), "2");
  first.handle.signal(SIGKILL);
  ASSERT_TRUE(first.handle.wait(30s));
  const server again = start("again");
  EXPECT_EQ(again.call("place", tea, attempt), "2");
  EXPECT_EQ(second.call("total", "[]"), R"({"orders":2,"cents":1800})");
  EXPECT_EQ(number("SELECT count(*) FROM orders WHERE ticket = 'c-1'"), 1);
  EXPECT_EQ(number("SELECT count(*) FROM orders WHERE ticket IS NULL"), 1);
}

TEST_F(drill_orders, an_attempt_that_is_refused_may_be_right_later) {
  const server only = start("first");
  EXPECT_EQ(only.call("place", R"([{"ref":"","item":"tea","quantity":1,"cents":1}])", attempt),
            "error -32602");
  EXPECT_EQ(only.call("place", tea, attempt), "1");
}

TEST_F(drill_orders, a_file_of_an_older_version_is_taken_over) {
  sqlite3* old = nullptr;
  ASSERT_EQ(::sqlite3_open(database().c_str(), &old), SQLITE_OK);
  ASSERT_EQ(::sqlite3_exec(old,
                           "CREATE TABLE orders (id INTEGER PRIMARY KEY, ref TEXT NOT NULL,"
                           " item TEXT NOT NULL, quantity INTEGER NOT NULL,"
                           " cents INTEGER NOT NULL, server TEXT NOT NULL);"
                           "INSERT INTO orders VALUES (1, 'a', 'tea', 1, 5, 'old')",
                           nullptr, nullptr, nullptr),
            SQLITE_OK);
  ::sqlite3_close(old);
  const server only = start("first");
  EXPECT_EQ(only.call("place", tea, attempt), "2");
  EXPECT_EQ(only.call("total", "[]"), R"({"orders":2,"cents":905})");
}

TEST_F(drill_orders, a_database_that_cannot_be_opened_is_exit_code_2) {
  process orders({(std::filesystem::path(own_program()).parent_path() / "orders").string(),
                  "--listen", "127.0.0.1:0", "--database", "/nowhere/orders.db"},
                 (folder_ / "log").string());
  const auto status = orders.wait(30s);
  ASSERT_TRUE(status);
  EXPECT_EQ(WEXITSTATUS(*status), 2);
}

}  // namespace
}  // namespace understudy::app
